//! Looks at something, judges what it saw, and keeps it for whoever aggregates.

use std::{collections::BTreeMap, time::Duration};

use runtime::{Behaviour, Context, Failure, Fields, Setting, StoreError, states};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    chain,
    queue::{self, OUTBOX, Parcel},
};

mod builtin;
mod command;
mod expect;
mod fit;
mod observation;
mod output;
mod parse;
mod perfdata;
mod schedule;

use builtin::Builtin;
use command::Command;
use expect::Expect;
use fit::fit;
use observation::{Observation, Verdict};
use parse::Parse;
use schedule::{Rounds, Schedule, millis};

/// How long a check may take unless its file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much output is kept unless its file says otherwise.
const OUTPUT: usize = 32 * 1024;
/// The most that can be asked for: a message carries it in base64, with room for the rest.
const LARGEST_OUTPUT: usize = 96 * 1024;
/// How much of a reason is kept, in characters.
const REASON: usize = 500;
/// The longest time that can be set.
const LONGEST: Duration = Duration::from_hours(24 * 366);
/// How much later than its time a result may be before it counts as overdue.
const SLACK: Duration = Duration::from_secs(5);
/// How long to wait when there is no room for a result.
const NO_ROOM: Duration = Duration::from_secs(1);

/// What can be set.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "command",
        about: "program and arguments; no shell sees them",
        example: "command = [\"ss\", \"-ltn\"]",
        required: false,
    },
    Setting {
        key: "check",
        about: "a built-in check instead of a command: http, tcp or tls",
        example: "check = { http = \"https://example.org\", status = 200 }",
        required: false,
    },
    Setting {
        key: "every",
        about: "how often; without it, once",
        example: "every = \"30s\"",
        required: false,
    },
    Setting {
        key: "at",
        about: "when, once (RFC 3339)",
        example: "at = \"2026-12-01T00:00:00Z\"",
        required: false,
    },
    Setting {
        key: "schedule",
        about: "when, by the calendar: a cron expression, in UTC or in the time zone that it names",
        example: "schedule = \"*/5 * * * *\"",
        required: false,
    },
    Setting {
        key: "jitter",
        about: "by how much at most each time of `schedule` is put off, so that not all act at once",
        example: "jitter = \"30s\"",
        required: false,
    },
    Setting {
        key: "timeout",
        about: "how long it may take; 30s unless said otherwise",
        example: "timeout = \"10s\"",
        required: false,
    },
    Setting {
        key: "expect",
        about: "what a pass looks like: exit, matches, contains, equals, json, perfdata",
        example: "expect = { exit = 0, matches = \"LISTEN\" }",
        required: false,
    },
    Setting {
        key: "parse",
        about: "how to read the output: raw, lines, json or nagios",
        example: "parse = \"nagios\"",
        required: false,
    },
    Setting {
        key: "type",
        about: "what kind of item it makes; `check` unless said otherwise",
        example: "type = \"open-ports\"",
        required: false,
    },
    Setting {
        key: "max_output",
        about: "bytes of output that are kept; 32768 unless said otherwise, 98304 at most",
        example: "max_output = 65536",
        required: false,
    },
];

/// What one check does.
#[derive(Clone, Debug)]
pub struct Settings {
    subject: Subject,
    schedule: Schedule,
    timeout: Duration,
    expect: Expect,
    parse: Parse,
    kind: String,
    output: usize,
}

/// What is looked at.
#[derive(Clone, Debug)]
enum Subject {
    Command(Command),
    Builtin(Builtin),
}

impl Settings {
    /// Reads the settings of one check and tells every problem.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let subject = match (fields.has("command"), fields.has("check")) {
            (true, false) => Command::read(fields).map(Subject::Command),
            (false, true) => Builtin::read(fields).map(Subject::Builtin),
            (true, true) => {
                fields.complain("check", "there is a `command` already; keep one of the two");
                None
            }
            (false, false) => {
                let example = "for example `command = [\"ss\", \"-ltn\"]`";
                fields.complain("command", format!("missing, and no `check` either; {example}"));
                None
            }
        };
        let schedule = Schedule::read(fields);
        let timeout = positive(fields, "timeout").unwrap_or(TIMEOUT);
        let expect = Expect::read(fields).unwrap_or_default();
        let parse = Parse::read(fields).unwrap_or_default();
        let kind = fields.take("type", "text such as \"open-ports\"");
        let output = fields.take("max_output", "a number of bytes").unwrap_or(OUTPUT);
        if output > LARGEST_OUTPUT {
            let what = format!("`{output}` is more than a message carries: {LARGEST_OUTPUT}");
            fields.complain("max_output", what);
        }
        for (key, what) in expect.misfits(parse, matches!(subject, Some(Subject::Builtin(_)))) {
            fields.complain(&format!("expect.{key}"), what);
        }
        let kind = kind.unwrap_or_else(|| "check".to_owned());
        Some(Self { subject: subject?, schedule, timeout, expect, parse, kind, output })
    }
}

/// A duration that is more than nothing, and no longer than a year.
fn positive(fields: &mut Fields<'_>, key: &str) -> Option<Duration> {
    fields.parse(key, "a time longer than nothing and up to a year, such as \"30s\"", |text| {
        humantime::parse_duration(text).ok().filter(|it| !it.is_zero() && *it <= LONGEST)
    })
}

states! {
    /// Where a check is.
    pub enum State {
        /// Waits until it is due.
        Waiting => [Looking, Done],
        /// Runs the command, or looks itself.
        Looking => [Judging],
        /// Compares what it saw with what was expected.
        Judging => [Keeping],
        /// Writes the result to disk; it is not lost from here on.
        Keeping => [Waiting, NoRoom, Done],
        /// The disk queue is full; waits until results have left.
        NoRoom => [Keeping],
        /// There is no further round.
        Done => [],
    }
}

/// A check at work.
#[derive(Debug)]
pub struct Check {
    settings: Settings,
    rounds: Rounds,
    seen: Option<Observation>,
    made: Option<(Uuid, Value)>,
}

impl From<Settings> for Check {
    fn from(settings: Settings) -> Self {
        let rounds = Rounds::new(settings.schedule.clone());
        Self { settings, rounds, seen: None, made: None }
    }
}

impl Behaviour for Check {
    type State = State;
    const NAME: &'static str = "check";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Waiting if self.rounds.wait(ctx).await? => State::Looking,
            State::Waiting | State::Done => State::Done,
            State::Looking => {
                self.seen = Some(ctx.until_stopped(self.look()).await?);
                State::Judging
            }
            State::Judging => {
                if let Some(seen) = self.seen.take() {
                    let (reading, verdict) = self.judge(&seen);
                    let id = Uuid::new_v4();
                    self.made = Some((id, self.item(ctx, id, &seen, reading, &verdict)?));
                }
                State::Keeping
            }
            State::Keeping => self.keep(ctx).await?,
            State::NoRoom => {
                ctx.sleep(NO_ROOM).await?;
                State::Keeping
            }
        })
    }
}

impl Check {
    async fn look(&self) -> Observation {
        let Settings { subject, timeout, output, .. } = &self.settings;
        match subject {
            Subject::Command(command) => command.run(*timeout, *output).await,
            Subject::Builtin(builtin) => builtin.look(*timeout, *output).await,
        }
    }

    /// Reads the output, and compares it with what is expected.
    fn judge(&self, seen: &Observation) -> (Option<Value>, Verdict) {
        if let Some(trouble) = &seen.trouble {
            return (None, Verdict::Error(vec![trouble.clone()]));
        }
        match self.settings.parse.apply(seen) {
            Ok(reading) => {
                let verdict = self.settings.expect.judge(seen, reading.as_ref());
                (reading, verdict)
            }
            Err(trouble) => (None, Verdict::Error(vec![trouble])),
        }
    }

    fn item(
        &self,
        ctx: &Context,
        id: Uuid,
        seen: &Observation,
        reading: Option<Value>,
        verdict: &Verdict,
    ) -> Result<Value, serde_json::Error> {
        let mut more = seen.facts();
        more.insert("verdict".to_owned(), verdict.name().into());
        if !verdict.reasons().is_empty() {
            let brief = |reason: &String| reason.chars().take(REASON).collect::<String>();
            more.insert("reasons".to_owned(), verdict.reasons().iter().map(brief).collect());
        }
        more.insert("summary".to_owned(), verdict.summary(seen).into());
        if let Some(reading) = reading {
            more.insert("parsed".to_owned(), reading);
        }
        let subject = match &self.settings.subject {
            Subject::Command(command) => ("command", command.to_value()),
            Subject::Builtin(builtin) => ("check", builtin.to_value()),
        };
        more.insert(subject.0.to_owned(), subject.1);
        let item = types::Item {
            version: "1".to_owned(),
            format: self.settings.parse.name().to_owned(),
            meta: types::Meta {
                uuid: id,
                ts: ctx.clock().now_ms().div_euclid(1000),
                kind: self.settings.kind.clone(),
                source: Some(ctx.me().bare().to_owned()),
                more: serde_json::Map::new(),
            },
            payload: types::Payload { raw: seen.base64(), more },
            more: serde_json::Map::new(),
        };
        serde_json::to_value(item).map(fit)
    }

    async fn keep(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        if let Some((id, item)) = &self.made {
            let change = queue::push(OUTBOX, id.to_string(), &Parcel::Item(item.clone()))?;
            let links = chain::link(ctx, &[change]).await?;
            match ctx.store().commit(links.changes).await {
                Err(StoreError::Full { .. }) => return Ok(State::NoRoom),
                kept => kept?,
            }
            ctx.explain(id.to_string(), told(item));
            self.made = None;
        }
        let next = self.rounds.advance(ctx)?;
        // By then it has looked again, if it does at all.
        ctx.due_by(next.map(|due| millis(due + self.settings.timeout + SLACK)));
        Ok(if self.rounds.is_over() { State::Done } else { State::Waiting })
    }
}

/// What is said of a result to who asks why it is as it is.
fn told(item: &Value) -> String {
    let text = |place: &str| item.pointer(place).and_then(Value::as_str).unwrap_or_default();
    let reasons = item.pointer("/payload/reasons").and_then(Value::as_array);
    let reasons = reasons.into_iter().flatten().filter_map(Value::as_str);
    let head = format!("{}: {}", text("/payload/verdict"), text("/payload/summary"));
    std::iter::once(head.as_str()).chain(reasons).collect::<Vec<_>>().join("\n")
}

/// What a built-in check or a parser found, by name.
type Facts = BTreeMap<String, Value>;
