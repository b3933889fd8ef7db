//! Lists of one entry a row, with columns that a first row may name.

use super::{Defaults, Indicator, Loaded, Unreadable, What, loaded::moment, plain::entries};

/// Which column holds what.
#[derive(Clone, Copy, Debug, Default)]
struct Columns {
    value: usize,
    kind: Option<usize>,
    /// The values are JA3 fingerprints, which look like hashes.
    says_ja3: bool,
    confidence: Option<usize>,
    source: Option<usize>,
    valid_until: Option<usize>,
}

/// Reads a list; what it holds is given to `take`.
pub(super) fn read(
    text: &str,
    defaults: &Defaults,
    loaded: &mut Loaded,
    mut take: impl FnMut(Indicator, &mut Loaded),
) {
    let mut columns = None;
    // Many feeds name their columns in a comment.
    let named = text.lines().take(64).filter_map(|line| line.trim().strip_prefix('#'));
    let mut commented = named.filter_map(|line| header(&cells(line)));
    for (line, row) in entries(text) {
        let cells = cells(row);
        let Some(known) = columns else {
            let found = header(&cells);
            columns = Some(found.or_else(|| commented.next()).unwrap_or_default());
            if found.is_none() {
                take_row(line, &cells, columns.unwrap_or_default(), defaults, loaded, &mut take);
            }
            continue;
        };
        take_row(line, &cells, known, defaults, loaded, &mut take);
    }
}

fn take_row(
    line: usize,
    cells: &[String],
    columns: Columns,
    defaults: &Defaults,
    loaded: &mut Loaded,
    take: &mut impl FnMut(Indicator, &mut Loaded),
) {
    let cell = |place: Option<usize>| {
        place
            .and_then(|place| cells.get(place))
            .map(|cell| cell.trim())
            .filter(|cell| !cell.is_empty())
    };
    let Some(value) = cell(Some(columns.value)) else {
        return loaded.wrong(
            line,
            &format!("no column {}; right would be the indicator there", columns.value + 1),
        );
    };
    let what = match cell(columns.kind) {
        Some(kind) => match of_kind(kind, value) {
            Some(what) => what,
            None => {
                return loaded.not_understood(
                    line,
                    &format!(
                        "no kind `{kind}`; there are: ip, cidr, domain, url, md5, sha1, sha256, ja3, ja4"
                    ),
                );
            }
        },
        None if columns.says_ja3 => What::ja3(value),
        None => What::read(value),
    };
    let mut indicator = match what {
        Ok(what) => defaults.indicator(what),
        Err(why) => return loaded.wrong(line, &why.to_string()),
    };
    if let Some(text) = cell(columns.confidence) {
        match confidence(text) {
            Some(confidence) => indicator.confidence = confidence,
            None => {
                return loaded.wrong(
                    line,
                    &format!("`{text}` is no confidence; right would be 0 to 1, 0 to 100, low, medium or high"),
                );
            }
        }
    }
    if let Some(text) = cell(columns.valid_until) {
        match moment(text) {
            Some(until) => indicator.valid_until = Some(until),
            None => {
                return loaded.wrong(
                    line,
                    &format!("`{text}` is no time; right would be one as `2026-12-31T00:00:00Z`"),
                );
            }
        }
    }
    if let Some(source) = cell(columns.source) {
        indicator.source = source.chars().take(128).collect();
    }
    take(indicator, loaded);
}

/// Reads a value of a kind that is named as MISP, STIX and feeds name it; `None` of other kinds.
pub(super) fn of_kind(kind: &str, value: &str) -> Option<Result<What, Unreadable>> {
    let before_bar = value.split('|').next().unwrap_or(value);
    let after_bar = value.rsplit('|').next().unwrap_or(value);
    Some(match kind.to_ascii_lowercase().as_str() {
        "ip" | "ipv4" | "ipv6" | "ip-src" | "ip-dst" | "ipv4-addr" | "ipv6-addr" | "cidr"
        | "network" | "ip:port" | "address" => What::address(value),
        "ip-src|port" | "ip-dst|port" => What::address(before_bar),
        "domain" | "hostname" | "host" | "domain-name" | "fqdn" => What::domain(value),
        "domain|ip" | "hostname|port" => What::domain(before_bar),
        "url" | "uri" | "link" => What::url(value),
        "md5" | "sha1" | "sha256" | "hash" | "md5_hash" | "sha256_hash" | "sha1_hash" => {
            What::hash(value)
        }
        "filename|md5" | "filename|sha1" | "filename|sha256" => What::hash(after_bar),
        "ja3" | "ja3-fingerprint-md5" => What::ja3(value),
        "ja4" | "ja4-fingerprint" | "ja4-plus" => What::ja4(value),
        _ => return None,
    })
}

fn confidence(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "low" => return Some(0.3),
        "medium" => return Some(0.6),
        "high" => return Some(0.9),
        _ => {}
    }
    let number: f64 = text.trim_end_matches('%').parse().ok()?;
    match number {
        number if !(0.0..=100.0).contains(&number) => None,
        number if number > 1.0 || text.ends_with('%') => Some(number / 100.0),
        number => Some(number),
    }
}

/// The columns, if the cells are names of columns.
fn header(cells: &[String]) -> Option<Columns> {
    let find = |names: &[&str]| {
        cells.iter().position(|cell| names.contains(&cell.trim().to_ascii_lowercase().as_str()))
    };
    let value = find(&[
        "indicator",
        "value",
        "ioc",
        "ioc_value",
        "ip",
        "dst_ip",
        "ip_address",
        "address",
        "cidr",
        "domain",
        "hostname",
        "url",
        "ja3",
        "ja3_md5",
        "ja4",
        "hash",
        "md5",
        "sha1",
        "sha256",
        "sha256_hash",
        "md5_hash",
    ])?;
    let says_ja3 =
        cells.get(value).is_some_and(|cell| cell.trim().to_ascii_lowercase().starts_with("ja3"));
    Some(Columns {
        value,
        kind: find(&["type", "kind", "ioc_type", "indicator_type"]),
        says_ja3,
        confidence: find(&["confidence", "confidence_level", "score"]),
        source: find(&["source", "feed", "reporter"]),
        valid_until: find(&["valid_until", "expires", "expiry", "expiration"]),
    })
}

/// The cells of a row, which may be in quotes; at most 64. A semicolon or a tab separates where
/// there is no comma.
fn cells(row: &str) -> Vec<String> {
    let comma = [',', ';', '\t'].into_iter().find(|comma| row.contains(*comma)).unwrap_or(',');
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = row.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            letter if letter == comma && !quoted => {
                cells.push(std::mem::take(&mut cell));
                if cells.len() >= 64 {
                    return cells;
                }
            }
            letter => cell.push(letter),
        }
    }
    cells.push(cell);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> (Vec<Indicator>, Loaded) {
        let (mut all, mut loaded) = (Vec::new(), Loaded::default());
        read(text, &Defaults::default(), &mut loaded, |indicator, _| all.push(indicator));
        (all, loaded)
    }

    #[test]
    fn a_first_row_names_the_columns() {
        let (all, loaded) = load(
            "type,indicator,confidence,valid_until,source\n\
             ip,192.0.2.1,90,2030-01-01,\"a, b\"\n\
             ja3,e7d705a3286e19ea42f587b344ee6865,low,,\n\
             domain,bad.example,0.25,1900000000,c\n",
        );
        assert_eq!(loaded, Loaded::default());
        let [first, second, third] = all.as_slice() else { panic!("{all:?}") };
        assert!((first.confidence - 0.9).abs() < 1e-9);
        assert_eq!(first.source, "a, b");
        assert!(first.valid_until.is_some());
        assert!(matches!(second.what, What::Ja3(_)));
        assert!((second.confidence - 0.3).abs() < 1e-9);
        assert_eq!(third.what.value(), "bad.example");
    }

    #[test]
    fn without_a_first_row_the_first_column_is_the_indicator() {
        let (all, _) = load("192.0.2.1,whatever\nbad.example;x\n");
        assert_eq!(all.len(), 2);
        let (all, _) = load("# \"first_seen\",\"dst_ip\",\"dst_port\"\n2026-01-01,192.0.2.9,443\n");
        assert_eq!(all.first().unwrap().what.value(), "192.0.2.9");
    }

    #[test]
    fn a_column_that_says_ja3_holds_ja3() {
        let (all, _) = load("ja3_md5,Firstseen\ne7d705a3286e19ea42f587b344ee6865,2026\n");
        assert!(matches!(all.first().unwrap().what, What::Ja3(_)), "{all:?}");
    }

    #[test]
    fn a_bad_cell_is_told_and_the_rest_is_taken() {
        let (all, loaded) = load(
            "value,type,confidence,valid_until\n192.0.2.1,ip,900,\n192.0.2.2,ip,,soon\n\
             x,smell,,\n192.0.2.3,domain,,\n,ip,,\n192.0.2.4,ip,,\n",
        );
        assert_eq!(all.len(), 1);
        assert_eq!((loaded.wrong, loaded.not_understood), (4, 1));
        let lines: Vec<usize> = loaded.told.iter().map(|wrong| wrong.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6]);
    }
}
