//! What stands after the `?`: read field by field, every wrong one named.

use actix_web::{HttpRequest, web::Query};

use crate::{
    clock,
    problem::{FieldError, Problem},
};

/// The parameters of a request.
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Params {
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string());
        let pairs = pairs.map(Query::into_inner).unwrap_or_default();
        Self { pairs, errors: Vec::new() }
    }

    /// A parameter as it came; of several with one name, the last.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        let named = self.pairs.iter().rev().find(|(found, _)| found == name);
        named.map(|(_, value)| value.as_str())
    }

    /// A parameter with something in it.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let text = self.raw(name).filter(|text| !text.is_empty())?.to_owned();
        if text.chars().any(char::is_control) {
            return self.refuse(name, "must not contain control characters");
        }
        Some(text)
    }

    /// How many to list.
    pub(crate) fn limit(&mut self, usual: u64, most: u64) -> u64 {
        let Some(text) = self.text("limit") else { return usual };
        match text.parse() {
            Ok(limit) if (1..=most).contains(&limit) => limit,
            _ => {
                self.refuse("limit", format!("must be a number from 1 to {most}")).unwrap_or(usual)
            }
        }
    }

    /// A time, in seconds since 1970.
    pub(crate) fn time(&mut self, name: &str) -> Option<i64> {
        let text = self.text(name)?;
        clock::seconds(&text).or_else(|| {
            self.refuse(
                name,
                "must be seconds since 1970, or a time such as `2026-11-22T02:17:59Z`",
            )
        })
    }

    /// Where a list goes on: the time and number of the last that was seen.
    pub(crate) fn cursor(&mut self) -> Option<(i64, i64)> {
        let text = self.text("cursor")?;
        let parts = text.split_once('_');
        parts
            .and_then(|(time, id)| Some((time.parse().ok()?, id.parse().ok()?)))
            .or_else(|| self.refuse("cursor", "must be the `next` of the page before"))
    }

    /// One of a few words.
    pub(crate) fn one_of(&mut self, name: &str, words: &[&str]) -> Option<String> {
        let text = self.text(name)?;
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        self.refuse(name, format!("must be one of {}", words.join(", ")))
    }

    pub(crate) fn refuse<T>(&mut self, name: &str, detail: impl Into<String>) -> Option<T> {
        self.errors.push(FieldError { field: name.to_owned(), detail: detail.into() });
        None
    }

    /// Every parameter was right, or a problem that names those that were not.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::fields(self.errors)) }
    }
}

/// Where a list goes on, as text.
pub(crate) fn cursor((time, id): (i64, i64)) -> String {
    format!("{time}_{id}")
}
