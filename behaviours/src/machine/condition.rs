//! Comparisons of variables: `opened >= 3 & armed`.

use std::{cmp::Ordering, collections::BTreeMap};

use super::{
    scalar::{Scalar, number},
    text::Variables,
};

/// Comparisons in one condition, at most.
const MOST: usize = 16;

/// Comparisons that must all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Condition(Vec<Comparison>);

#[derive(Clone, Debug, PartialEq)]
struct Comparison {
    variable: usize,
    how: How,
    with: With,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
}

#[derive(Clone, Debug, PartialEq)]
enum With {
    Value(Scalar),
    Variable(usize),
}

impl Condition {
    /// Reads comparisons, joined by `&`. What is wrong is told.
    pub(super) fn read(text: &str, variables: &Variables) -> Result<Self, String> {
        let parts = split(text);
        if parts.len() > MOST {
            return Err(format!("{} comparisons; there may be {MOST}", parts.len()));
        }
        let read = parts.into_iter().map(|part| comparison(part, variables));
        let condition = Self(read.collect::<Result<_, _>>()?);
        if condition.is_apart_from(&Self::default()) {
            return Err("this never holds".to_owned());
        }
        Ok(condition)
    }

    /// Whether it holds.
    pub(super) fn holds(&self, values: &[Scalar]) -> bool {
        self.0.iter().all(|it| {
            let with = match &it.with {
                With::Value(value) => Some(value),
                With::Variable(number) => values.get(*number),
            };
            let (Some(value), Some(with)) = (values.get(it.variable), with) else { return false };
            it.how.holds(value, with)
        })
    }

    /// Whether the two never hold together, for certain.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        let mut ranges: BTreeMap<usize, Range<'_>> = BTreeMap::new();
        for it in self.0.iter().chain(&other.0) {
            if let With::Value(value) = &it.with {
                ranges.entry(it.variable).or_default().narrow(it.how, value);
            }
        }
        ranges.values().any(Range::is_empty)
    }
}

/// Splits at every `&` that is not in quotes.
fn split(text: &str) -> Vec<&str> {
    let mut is_quoted = false;
    text.split(|letter| {
        is_quoted ^= letter == '"';
        letter == '&' && !is_quoted
    })
    .map(str::trim)
    .collect()
}

fn comparison(text: &str, variables: &Variables) -> Result<Comparison, String> {
    const HOWS: [(&str, How); 6] = [
        ("==", How::Is),
        ("!=", How::IsNot),
        ("<=", How::AtMost),
        (">=", How::AtLeast),
        ("<", How::Less),
        (">", How::More),
    ];
    let end = text.find(['=', '!', '<', '>', '"']).filter(|end| *end > 0);
    let Some(end) = end else {
        let (name, is) = text.strip_prefix('!').map_or((text, true), |name| (name.trim(), false));
        let variable = variable(name, variables)?;
        if !matches!(variables.get(variable), Some((_, Scalar::Bool(_)))) {
            return Err(format!("`{name}` is to be compared, as in `{name} == …`"));
        }
        return Ok(Comparison { variable, how: How::Is, with: With::Value(Scalar::Bool(is)) });
    };
    let (name, rest) = text.split_at(end);
    let Some((how, value)) =
        HOWS.iter().find_map(|(sign, how)| rest.strip_prefix(sign).map(|it| (*how, it.trim())))
    else {
        return Err(format!(
            "`{text}` is no comparison such as `opened >= 3`; there are: ==, !=, <, <=, >, >="
        ));
    };
    let variable = variable(name.trim(), variables)?;
    let with = with(value, variables)?;
    let kind = |it: &With| match it {
        With::Value(value) => Some(value.clone()),
        With::Variable(number) => variables.get(*number).map(|(_, it)| it.clone()),
    };
    let (Some((_, own)), Some(its)) = (variables.get(variable), kind(&with)) else {
        return Err(format!("`{text}` is no comparison"));
    };
    if !own.is_like(&its) {
        return Err(format!(
            "`{}` is {}, and `{value}` is {}",
            name.trim(),
            own.kind(),
            its.kind()
        ));
    }
    if !matches!(own, Scalar::Number(_)) && !matches!(how, How::Is | How::IsNot) {
        return Err(format!(
            "`{}` is {}; it is compared with `==` and `!=`",
            name.trim(),
            own.kind()
        ));
    }
    Ok(Comparison { variable, how, with })
}

fn with(text: &str, variables: &Variables) -> Result<With, String> {
    if let Some(inner) = text.strip_prefix('"') {
        let text = inner.strip_suffix('"').filter(|it| !it.contains('"'));
        let text = text.ok_or("a `\"` is missing, or one too many")?;
        return Ok(With::Value(Scalar::Text(text.to_owned())));
    }
    match text {
        "true" => return Ok(With::Value(Scalar::Bool(true))),
        "false" => return Ok(With::Value(Scalar::Bool(false))),
        _ => {}
    }
    if text.starts_with(|it: char| it.is_ascii_digit() || it == '-' || it == '.') {
        let value = number(text).ok_or_else(|| format!("`{text}` is no number"))?;
        return Ok(With::Value(value));
    }
    variable(text, variables).map(With::Variable)
}

/// Which variable is called so.
pub(super) fn variable(name: &str, variables: &Variables) -> Result<usize, String> {
    variables.iter().position(|(it, _)| it == name).ok_or_else(|| {
        let known: Vec<&str> = variables.iter().map(|(it, _)| it.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        format!("no variable `{name}`; there are: {known}")
    })
}

impl How {
    fn holds(self, one: &Scalar, other: &Scalar) -> bool {
        match (one, other) {
            (Scalar::Number(one), Scalar::Number(other)) => match self {
                Self::Is | Self::IsNot => {
                    (one.total_cmp(other) == Ordering::Equal) == (self == Self::Is)
                }
                Self::Less => one < other,
                Self::AtMost => one <= other,
                Self::More => one > other,
                Self::AtLeast => one >= other,
            },
            _ => (one == other) == (self == Self::Is),
        }
    }
}

/// What a variable may be for some comparisons to hold.
#[derive(Debug, Default)]
struct Range<'a> {
    least: Option<(f64, bool)>,
    most: Option<(f64, bool)>,
    is: Vec<&'a Scalar>,
    is_not: Vec<&'a Scalar>,
}

impl<'a> Range<'a> {
    /// Bounds come with whether they are in.
    fn narrow(&mut self, how: How, value: &'a Scalar) {
        match (how, value) {
            (How::Is, _) => self.is.push(value),
            (How::IsNot, _) => self.is_not.push(value),
            (How::Less | How::AtMost, Scalar::Number(it)) => {
                let new = (*it, how == How::AtMost);
                let closer = self.most.is_none_or(|(most, is_in)| {
                    *it < most || (*it <= most && is_in && how == How::Less)
                });
                self.most = if closer { Some(new) } else { self.most };
            }
            (How::More | How::AtLeast, Scalar::Number(it)) => {
                let new = (*it, how == How::AtLeast);
                let closer = self.least.is_none_or(|(least, is_in)| {
                    *it > least || (*it >= least && is_in && how == How::More)
                });
                self.least = if closer { Some(new) } else { self.least };
            }
            (_, Scalar::Bool(_) | Scalar::Text(_)) => {}
        }
    }

    fn is_empty(&self) -> bool {
        if let Some(only) = self.only() {
            return self.is.iter().any(|it| **it != only)
                || self.is_not.iter().any(|it| **it == only)
                || !self.has(&only);
        }
        let bools = [true, false].map(Scalar::Bool);
        let neither = bools.iter().all(|bool| self.is_not.contains(&bool));
        let crossed = match (self.least, self.most) {
            (Some((least, least_in)), Some((most, most_in))) => {
                least > most || (least >= most && !(least_in && most_in))
            }
            (None, _) | (_, None) => false,
        };
        neither || crossed
    }

    /// The only value that it can be, if there is only one.
    fn only(&self) -> Option<Scalar> {
        if let Some(is) = self.is.first() {
            return Some(Scalar::clone(is));
        }
        match (self.least, self.most) {
            (Some((least, true)), Some((most, true))) if least >= most && most >= least => {
                Some(Scalar::Number(least))
            }
            _ => None,
        }
    }

    fn has(&self, value: &Scalar) -> bool {
        let Scalar::Number(it) = value else { return true };
        let above = self.least.is_none_or(|(least, is_in)| *it > least || (is_in && *it >= least));
        let below = self.most.is_none_or(|(most, is_in)| *it < most || (is_in && *it <= most));
        above && below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Vec<(String, Scalar)> {
        vec![
            ("n".to_owned(), Scalar::Number(0.0)),
            ("who".to_owned(), Scalar::Text(String::new())),
            ("armed".to_owned(), Scalar::Bool(false)),
            ("m".to_owned(), Scalar::Number(1.0)),
        ]
    }

    fn read(text: &str) -> Condition {
        Condition::read(text, &variables()).unwrap()
    }

    #[test]
    fn comparisons_hold_or_do_not() {
        let values = [
            Scalar::Number(3.0),
            Scalar::Text("a & b".to_owned()),
            Scalar::Bool(true),
            Scalar::Number(3.0),
        ];
        for (text, expected) in [
            ("n >= 3", true),
            ("n > 3", false),
            ("n == m", true),
            ("n != -1", true),
            ("who == \"a & b\" & armed", true),
            ("!armed", false),
            ("armed == false", false),
            ("n<4&n>2", true),
        ] {
            assert_eq!(read(text).holds(&values), expected, "{text}");
        }
    }

    #[test]
    fn what_never_holds_together_is_known() {
        for (one, other, expected) in [
            ("n < 3", "n >= 3", true),
            ("n <= 3", "n >= 3", false),
            ("n <= 3 & n != 3", "n >= 3", true),
            ("n == 1", "n == 2", true),
            ("n == 1", "n > 1", true),
            ("n == 1", "m == 2", false),
            ("n > m", "n < m", false),
            ("armed", "!armed", true),
            ("armed != true", "armed != false", true),
            ("who == \"a\"", "who == \"b\"", true),
            ("who == \"a\"", "who != \"a\"", true),
            ("who != \"a\"", "who != \"b\"", false),
        ] {
            assert_eq!(read(one).is_apart_from(&read(other)), expected, "{one} | {other}");
            assert_eq!(read(other).is_apart_from(&read(one)), expected, "{other} | {one}");
        }
    }

    #[test]
    fn what_is_no_comparison_is_told_with_what_would_be() {
        let told = |text: &str| Condition::read(text, &variables()).unwrap_err();
        let all = [
            "x > 1",
            "n = 3",
            "n >= \"3\"",
            "who < \"a\"",
            "n",
            "n == 1x",
            "n > 3 & n < 2",
            "who == \"a",
            "",
        ];
        insta::assert_snapshot!(all.map(told).join("\n"), @r#"
        no variable `x`; there are: n, who, armed, m
        `n = 3` is no comparison such as `opened >= 3`; there are: ==, !=, <, <=, >, >=
        `n` is a number, and `"3"` is a text
        `who` is a text; it is compared with `==` and `!=`
        `n` is to be compared, as in `n == …`
        `1x` is no number
        this never holds
        a `"` is missing, or one too many
        no variable ``; there are: n, who, armed, m
        "#);
    }
}
