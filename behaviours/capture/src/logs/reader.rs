//! Reads a log, whichever it is.

use std::io::BufRead;

use serde_json::{Map, Value};

use super::{
    Fault, Label, LogError, Record, argus,
    eve::Sessions,
    line::{Lines, Next},
    table::{Kind, Table},
    zeek,
};
use crate::{Flow, Seen};

/// The records of a log, one after the other. What a line has wrong is told and the next is read;
/// after a failure to read, or of a file that is no log, there is nothing more.
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    table: Option<Table>,
    sessions: Sessions,
    over: bool,
    told: u64,
    bad: u64,
    other: u64,
}

impl<R: BufRead> Reader<R> {
    /// Of what is read from there.
    pub fn new(input: R) -> Self {
        Self {
            lines: Lines::new(input),
            table: None,
            sessions: Sessions::default(),
            over: false,
            told: 0,
            bad: 0,
            other: 0,
        }
    }

    /// How many records there were so far.
    pub fn told(&self) -> u64 {
        self.told
    }

    /// How many lines could not be read so far.
    pub fn bad(&self) -> u64 {
        self.bad
    }

    /// How many lines were in order, but told nothing that concerns us: events of Suricata of
    /// other kinds.
    pub fn other(&self) -> u64 {
        self.other
    }

    fn step(&mut self) -> Option<Result<Record, LogError>> {
        let next = match self.lines.read() {
            Ok(next) => next,
            Err(source) => {
                self.over = true;
                return Some(Err(LogError::Unreadable { line: self.lines.number(), source }));
            }
        };
        let line = self.lines.number();
        let read = match next {
            Next::End => {
                self.over = true;
                return None;
            }
            Next::TooLong => Err(Fault::TooLong),
            Next::Line => {
                let text = String::from_utf8_lossy(self.lines.held());
                let text = text.trim_start_matches('\u{feff}');
                read(text, &mut self.table, &mut self.sessions)
            }
        };
        match read {
            Ok(Told::Record(seen, label)) => {
                self.told += 1;
                Some(Ok(Record { line, seen, label }))
            }
            Ok(Told::Other) => {
                self.other += 1;
                None
            }
            Ok(Told::Nothing) => None,
            Ok(Told::NoLog(start)) => {
                self.over = true;
                Some(Err(LogError::Unknown { line, start }))
            }
            Err(fault) => {
                self.bad += 1;
                Some(Err(LogError::Line { line, fault }))
            }
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            let item = self.step();
            if item.is_some() {
                return item;
            }
        }
        None
    }
}

/// What a line tells.
pub(super) enum Told {
    Record(Seen, Option<Label>),
    /// An event that does not concern us.
    Other,
    /// Nothing: it is empty, or says how to read the others.
    Nothing,
    /// This is no log.
    NoLog(String),
}

impl Told {
    fn flow((flow, label): (Flow, Option<Label>)) -> Self {
        Self::Record(Seen::Flow(Box::new(flow)), label)
    }
}

fn read(text: &str, table: &mut Option<Table>, sessions: &mut Sessions) -> Result<Told, Fault> {
    if text.trim().is_empty() {
        return Ok(Told::Nothing);
    }
    if text.starts_with('{') {
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| Fault::Json(error.to_string()))?;
        if object.contains_key("event_type") {
            return sessions.read(&object);
        }
        return zeek::read(&zeek::row_of_json(&object)).map(Told::flow);
    }
    if text.starts_with('#') {
        table.get_or_insert_default().directive(text)?;
        return Ok(Told::Nothing);
    }
    match table {
        Some(table) if table.has_columns() => {
            let row = table.row(text);
            match table.kind {
                Kind::Zeek => zeek::read(&row).map(Told::flow),
                Kind::Argus => argus::read(&row).map(Told::flow),
            }
        }
        _ => {
            *table = Table::of_csv(text)?;
            let start = || Told::NoLog(text.chars().take(80).collect());
            Ok(table.as_ref().map_or_else(start, |_| Told::Nothing))
        }
    }
}
