//! Performance data of Nagios plugins (plugin guidelines, "Performance data").

use std::collections::BTreeMap;

use serde::Serialize;

/// Values that are kept.
const VALUES: usize = 200;

/// One measured value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Measure {
    /// The number.
    pub(super) value: f64,
    /// Its unit, as the plugin writes it: `s`, `%`, `MB`, `c`, or nothing.
    pub(super) unit: String,
}

/// Reads `'label'=value[unit];[warn];[crit];[min];[max]` from behind the bars of the output.
pub(super) fn read(output: &str) -> BTreeMap<String, Measure> {
    let mut measures = BTreeMap::new();
    for part in output.lines().filter_map(|line| line.split_once('|')) {
        let mut rest = part.1.trim();
        while let Some((label, after)) = label(rest) {
            let end = after.find(char::is_whitespace).unwrap_or(after.len());
            let (field, more) = after.split_at(end);
            if let Some(measure) = measure(field.split(';').next().unwrap_or_default())
                && measures.len() < VALUES
            {
                measures.insert(label, measure);
            }
            rest = more.trim_start();
        }
    }
    measures
}

/// A label, which may be quoted, and what follows its equals sign.
fn label(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('\'') else {
        let (label, after) = text.split_once('=')?;
        return Some((label.trim().to_owned(), after));
    };
    // Two quotes within a quoted label stand for one.
    let mut label = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('\'')?;
        label.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                label.push('\'');
                rest = more;
            }
            None => return Some((label, after.strip_prefix('=')?)),
        }
    }
}

fn measure(text: &str) -> Option<Measure> {
    let digits = |it: char| it.is_ascii_digit() || matches!(it, '.' | '-' | '+');
    let end = text.find(|it| !digits(it)).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let value: f64 = number.parse().ok()?;
    Some(Measure { value, unit: unit.to_owned() })
}

/// A range of good values: `10`, `10:`, `~:10`, `10:20`, `@10:20` (inside is bad).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    low: f64,
    high: f64,
    inside_is_bad: bool,
}

impl Range {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (inside_is_bad, text) = match text.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (low, high) = match text.split_once(':') {
            None => (0.0, text.parse().ok()?),
            Some((low, high)) => {
                let low = if low == "~" { f64::NEG_INFINITY } else { low.parse().ok()? };
                let high = if high.is_empty() { f64::INFINITY } else { high.parse().ok()? };
                (low, high)
            }
        };
        (low <= high).then_some(Self { low, high, inside_is_bad })
    }

    pub(super) fn is_good(self, value: f64) -> bool {
        let inside = (self.low..=self.high).contains(&value);
        inside != self.inside_is_bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_labels_units_and_several_lines_are_read() {
        let read = read("OK | 'a ''b'' c'=1.5ms;2;3 load=7\nmore | x=50%;80;90;0;100 bad y=U");
        assert_eq!(read["a 'b' c"], Measure { value: 1.5, unit: "ms".to_owned() });
        assert!((read["load"].value - 7.0).abs() < f64::EPSILON);
        assert_eq!(read["x"].unit, "%");
        assert!(!read.contains_key("y"));
    }

    #[test]
    fn ranges_mean_what_the_guidelines_say() {
        let table = [
            ("10", 5.0, true),
            ("10", 11.0, false),
            ("10", -1.0, false),
            ("10:", 9.0, false),
            ("~:10", -99.0, true),
            ("10:20", 15.0, true),
            ("@10:20", 15.0, false),
            ("@10:20", 21.0, true),
        ];
        for (range, value, good) in table {
            assert_eq!(Range::parse(range).unwrap().is_good(value), good, "{range} {value}");
        }
        assert_eq!(Range::parse("20:10"), None);
        assert_eq!(Range::parse("x"), None);
    }
}
