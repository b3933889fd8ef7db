//! Takes values out of a table of TOML and remembers what is wrong with them.

use std::{str::FromStr, time::Duration};

use toml::{Table, Value};

/// One table, and the problems found so far.
pub(super) struct Reader<'t, 'p> {
    /// What stands before a key, `tsa.`.
    place: String,
    table: &'t Table,
    problems: &'p mut Vec<String>,
}

impl<'t, 'p> Reader<'t, 'p> {
    pub(super) fn new(place: &str, table: &'t Table, problems: &'p mut Vec<String>) -> Self {
        Self { place: place.to_owned(), table, problems }
    }

    /// Says that a value is wrong, and what would be right.
    pub(super) fn refuse<T>(&mut self, key: &str, value: &str, right: &str) -> Option<T> {
        self.problems.push(format!("`{}{key}`: `{value}` is not {right}", self.place));
        None
    }

    /// Refuses every key that is not one of these.
    pub(super) fn allow(&mut self, known: &[&str]) {
        for key in self.table.keys().filter(|key| !known.contains(&key.as_str())) {
            let known = known.join(", ");
            self.problems.push(format!("`{}{key}`: no such key; there are: {known}", self.place));
        }
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.table.get(key)? {
            Value::String(text) => Some(text.clone()),
            other => self.refuse(key, &other.to_string(), "a string"),
        }
    }

    /// A text that must be there.
    pub(super) fn demand(&mut self, key: &str, right: &str) -> Option<String> {
        if self.table.get(key).is_none() {
            self.problems.push(format!("`{}{key}`: is missing; it is {right}", self.place));
        }
        self.text(key)
    }

    pub(super) fn texts(&mut self, key: &str) -> Vec<String> {
        match self.table.get(key) {
            None => Vec::new(),
            Some(Value::Array(values)) => values
                .iter()
                .filter_map(|value| match value.as_str() {
                    Some(text) => Some(text.to_owned()),
                    None => self.refuse(key, &value.to_string(), "a string"),
                })
                .collect(),
            Some(other) => {
                self.refuse(key, &other.to_string(), "a list of strings").unwrap_or_default()
            }
        }
    }

    pub(super) fn table(&mut self, key: &str) -> Option<&'t Table> {
        match self.table.get(key)? {
            Value::Table(table) => Some(table),
            other => self.refuse(key, &other.to_string(), "a table"),
        }
    }

    pub(super) fn tables(&mut self, key: &str) -> Vec<&'t Table> {
        let wrong = "a list of tables";
        match self.table.get(key) {
            None => Vec::new(),
            Some(Value::Array(values)) => values
                .iter()
                .filter_map(|value| match value.as_table() {
                    Some(table) => Some(table),
                    None => self.refuse(key, &value.to_string(), wrong),
                })
                .collect(),
            Some(other) => self.refuse(key, &other.to_string(), wrong).unwrap_or_default(),
        }
    }

    pub(super) fn parse<T: FromStr>(&mut self, key: &str, text: &str, right: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => self.refuse(key, text, right),
        }
    }

    /// A time such as `15s`; `usual` when nothing is said.
    pub(super) fn time(&mut self, key: &str, usual: Duration) -> Option<Duration> {
        let Some(value) = self.table.get(key) else { return Some(usual) };
        let time = value.as_str().and_then(|it| humantime::parse_duration(it).ok());
        time.or_else(|| self.refuse(key, &value.to_string(), "a time such as \"15s\""))
    }

    /// Yes or no; `usual` when nothing is said.
    pub(super) fn flag(&mut self, key: &str, usual: bool) -> Option<bool> {
        let Some(value) = self.table.get(key) else { return Some(usual) };
        value.as_bool().or_else(|| self.refuse(key, &value.to_string(), "`true` or `false`"))
    }

    /// A number above zero, or the usual one where none is given.
    pub(super) fn count(&mut self, key: &str, usual: usize) -> Option<usize> {
        let Some(value) = self.table.get(key) else { return Some(usual) };
        let count = value.as_integer().and_then(|count| usize::try_from(count).ok());
        count
            .filter(|count| *count > 0)
            .or_else(|| self.refuse(key, &value.to_string(), "a whole number above 0"))
    }

    /// A size in bytes, `65536` or `"64 KiB"`, or the usual one where none is given.
    pub(super) fn size(&mut self, key: &str, usual: usize) -> Option<usize> {
        let Some(text) = self.table.get(key).and_then(Value::as_str) else {
            return self.count(key, usual);
        };
        bytes(text).or_else(|| self.refuse(key, text, "a size such as `16 MiB`"))
    }
}

fn bytes(text: &str) -> Option<usize> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let unit = match unit.trim() {
        "" | "B" => 1,
        "kB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(unit).filter(|size| *size > 0)
}
