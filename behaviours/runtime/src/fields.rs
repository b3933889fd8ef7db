//! Reads settings so that every problem of a file is told at once.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// A setting that somebody can write into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key.
    pub key: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// What a value looks like, in TOML.
    pub example: &'static str,
    /// Whether it must be there.
    pub required: bool,
}

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which key, from the top: `behaviour[2].every`.
    pub key: String,
    /// What is wrong with it, and what would be right.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.what)
    }
}

/// A table that is being read.
#[derive(Debug)]
pub struct Fields<'a> {
    path: String,
    base: PathBuf,
    table: toml::Table,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// Reads `table`, found under `path`, and complains about unknown and missing keys.
    pub fn new(
        path: &str,
        table: toml::Table,
        known: &[Setting],
        problems: &'a mut Vec<Problem>,
    ) -> Self {
        let base = PathBuf::new();
        let mut fields = Self { path: path.to_owned(), base, table, problems };
        let strangers: Vec<String> = fields
            .table
            .keys()
            .filter(|key| known.iter().all(|it| it.key != *key))
            .cloned()
            .collect();
        let names: Vec<&str> = known.iter().map(|it| it.key).collect();
        for key in strangers {
            let what = if names.is_empty() {
                "unknown key; there are none".to_owned()
            } else {
                format!("unknown key; there are: {}", names.join(", "))
            };
            fields.complain(&key, what);
        }
        for it in known.iter().filter(|it| it.required) {
            if !fields.table.contains_key(it.key) {
                fields.complain(it.key, format!("missing; for example `{}`", it.example));
            }
        }
        fields
    }

    /// The same, where paths are relative to the folder `base`.
    #[must_use]
    pub fn in_folder(mut self, base: &Path) -> Self {
        base.clone_into(&mut self.base);
        self
    }

    /// The folder to which paths are relative.
    pub fn folder(&self) -> &Path {
        &self.base
    }

    /// Takes the path of a file.
    pub fn file(&mut self, key: &str) -> Option<PathBuf> {
        let path: PathBuf = self.take(key, "the path of a file")?;
        Some(self.base.join(path))
    }

    /// Takes the value of `key` as a `T`; `right` says what would be right.
    pub fn take<T: DeserializeOwned>(&mut self, key: &str, right: &str) -> Option<T> {
        let value = self.table.remove(key)?;
        let found = value.to_string();
        match value.try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                let found = found.lines().next().unwrap_or_default().to_owned();
                let why = error.message().to_owned();
                self.complain(key, format!("`{found}` is not {right} ({why})"));
                None
            }
        }
    }

    /// Takes the text of `key` and reads it by `read`; `right` says what would be right.
    pub fn parse<T>(
        &mut self,
        key: &str,
        right: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text: String = self.take(key, right)?;
        let value = read(&text);
        if value.is_none() {
            self.complain(key, format!("`{text}` is not {right}"));
        }
        value
    }

    /// Takes the table under `key`.
    pub fn table(&mut self, key: &str) -> Option<toml::Table> {
        self.take(key, "a table")
    }

    /// Whether `key` is there and was not taken yet.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where `key` stands, from the top of the file.
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where problems go.
    pub fn problems(&mut self) -> &mut Vec<Problem> {
        self.problems
    }

    /// Complains about the value of `key`.
    pub fn complain(&mut self, key: &str, what: impl Into<String>) {
        let problem = Problem { key: self.path(key), what: what.into() };
        self.problems.push(problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_at_once() {
        let setting = |key, example, required| Setting { key, about: "", example, required };
        let known = [
            setting("every", "every = \"30s\"", false),
            setting("command", "command = [\"ss\", \"-ltn\"]", true),
        ];
        let table = toml::toml! { every = 30  wat = 1 };
        let mut problems = Vec::new();
        let mut fields = Fields::new("behaviour[2]", table, &known, &mut problems);
        assert_eq!(fields.take::<String>("every", "a time such as \"30s\""), None);
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        `behaviour[2].wat`: unknown key; there are: every, command
        `behaviour[2].command`: missing; for example `command = ["ss", "-ltn"]`
        `behaviour[2].every`: `30` is not a time such as "30s" (invalid type: integer `30`, expected a string)
        "#);
    }
}
