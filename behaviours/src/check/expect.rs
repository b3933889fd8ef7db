//! What a pass looks like.

use std::collections::BTreeMap;

use regex::Regex;
use runtime::{Fields, Setting};
use serde_json::Value;

use super::{Observation, Verdict, parse::Parse, perfdata::Range};

/// The largest compiled expression, in bytes.
const EXPRESSION: usize = 1 << 20;

const SETTINGS: &[Setting] = &[
    Setting { key: "exit", about: "exit code", example: "exit = 0", required: false },
    Setting {
        key: "matches",
        about: "an expression that the output matches somewhere",
        example: "matches = \"LISTEN\"",
        required: false,
    },
    Setting {
        key: "contains",
        about: "text that the output contains",
        example: "contains = \"ok\"",
        required: false,
    },
    Setting {
        key: "equals",
        about: "the whole output, but for white space around it",
        example: "equals = \"active\"",
        required: false,
    },
    Setting {
        key: "json",
        about: "values by JSON pointer (RFC 6901), with parse = \"json\"",
        example: "json = { \"/status\" = \"ok\" }",
        required: false,
    },
    Setting {
        key: "perfdata",
        about: "ranges of good values by label, with parse = \"nagios\"",
        example: "perfdata = { load1 = \"~:5\" }",
        required: false,
    },
];

/// What a pass looks like. Without any of it a command passes with exit code 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Expect {
    exit: Option<i64>,
    matches: Option<Regex>,
    contains: Option<String>,
    equals: Option<String>,
    json: BTreeMap<String, Value>,
    perfdata: BTreeMap<String, (String, Range)>,
}

impl Expect {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let table = fields.table("expect")?;
        let path = fields.path("expect");
        let mut fields = Fields::new(&path, table, SETTINGS, fields.problems());
        let exit = fields.take("exit", "an exit code, 0 to 255");
        let matches = fields.take::<String>("matches", "an expression");
        let matches = matches.and_then(|text| {
            regex::RegexBuilder::new(&text)
                .multi_line(true)
                .size_limit(EXPRESSION)
                .build()
                .map_err(|error| {
                    let last = error.to_string().lines().last().unwrap_or_default().to_owned();
                    fields.complain("matches", format!("`{text}` is no expression: {last}"));
                })
                .ok()
        });
        let contains = fields.take("contains", "text");
        let equals = fields.take("equals", "text");
        let json = fields.take("json", "a table of JSON pointers and values").unwrap_or_default();
        let ranges: Option<BTreeMap<String, String>> =
            fields.take("perfdata", "a table of labels and ranges such as \"0:80\"");
        let mut perfdata = BTreeMap::new();
        for (label, text) in ranges.unwrap_or_default() {
            let Some(range) = Range::parse(&text) else {
                let what = format!("`{text}` is not a range such as \"0:80\" or \"10:\"");
                fields.complain(&format!("perfdata.{label}"), what);
                continue;
            };
            perfdata.insert(label, (text, range));
        }
        Some(Self { exit, matches, contains, equals, json, perfdata })
    }

    /// What can never hold where the output is read like this, by key.
    pub(super) fn misfits(
        &self,
        parse: Parse,
        is_builtin: bool,
    ) -> Vec<(&'static str, &'static str)> {
        let misfits = [
            ("exit", self.exit.is_some() && is_builtin, "a built-in `check` has no exit code"),
            ("json", !self.json.is_empty() && parse != Parse::Json, "needs parse = \"json\""),
            (
                "perfdata",
                !self.perfdata.is_empty() && parse != Parse::Nagios,
                "needs parse = \"nagios\"",
            ),
        ];
        misfits.into_iter().filter_map(|(key, is_so, what)| is_so.then_some((key, what))).collect()
    }

    /// Compares what was seen with what is expected, and tells every difference.
    pub(super) fn judge(&self, seen: &Observation, reading: Option<&Value>) -> Verdict {
        let text = seen.text();
        let mut reasons: Vec<String> = seen.unexpected.iter().cloned().collect();
        self.judge_exit(seen, &mut reasons);
        if let Some(expression) = &self.matches
            && !expression.is_match(&text)
        {
            reasons.push(format!("nothing in the output matches `{expression}`"));
        }
        if let Some(part) = &self.contains
            && !text.contains(part.as_str())
        {
            reasons.push(format!("the output does not contain `{part}`"));
        }
        if let Some(whole) = &self.equals
            && text.trim() != whole.trim()
        {
            reasons.push(format!("the output is not `{whole}`"));
        }
        for (pointer, wanted) in &self.json {
            let found = reading.and_then(|it| it.pointer(pointer));
            if found != Some(wanted) {
                let found = found.map_or_else(|| "nothing".to_owned(), ToString::to_string);
                reasons.push(format!("`{pointer}` is {found}, not {wanted}"));
            }
        }
        self.judge_perfdata(reading, &mut reasons);
        if reasons.is_empty() { Verdict::Pass } else { Verdict::Fail(reasons) }
    }

    fn judge_exit(&self, seen: &Observation, reasons: &mut Vec<String>) {
        let Some(exit) = seen.facts.get("exit").and_then(Value::as_i64) else { return };
        let asked = self.exit.is_some() || self.asks_nothing_else();
        let wanted = self.exit.unwrap_or(0);
        if asked && exit != wanted {
            reasons.push(format!("exit code {exit}, not {wanted}"));
        }
    }

    fn asks_nothing_else(&self) -> bool {
        self.matches.is_none()
            && self.contains.is_none()
            && self.equals.is_none()
            && self.json.is_empty()
            && self.perfdata.is_empty()
    }

    fn judge_perfdata(&self, reading: Option<&Value>, reasons: &mut Vec<String>) {
        for (label, (text, range)) in &self.perfdata {
            let value =
                reading.and_then(|it| it.get("perfdata")?.get(label)?.get("value")?.as_f64());
            match value {
                None => reasons.push(format!("there is no `{label}` in the performance data")),
                Some(value) if !range.is_good(value) => {
                    reasons.push(format!("`{label}` is {value}, outside `{text}`"));
                }
                Some(_) => {}
            }
        }
    }
}
