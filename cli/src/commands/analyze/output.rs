//! How what was found is written.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io::{self, BufWriter, Stdout, Write},
};

use capture::{
    Counters, Endpoint, Flow, Protocol, Seen,
    logs::{self, EveWriter, TableWriter},
};
use model::{
    Analyzer, Verdict,
    alert::{Alert, AlertChange, Change},
    detect::{Example, Severity},
};
use serde_json::{Value, json};

use super::summary::Summary;
use crate::{arguments, exit};

type Out = BufWriter<Stdout>;

/// How many conversations wait for what the model says of them.
const WAITING: usize = 65_536;

/// Where conversations and alerts go.
pub(super) struct Output {
    form: Form,
    /// Conversations that the model has not spoken of yet.
    waiting: VecDeque<Flow>,
    waits: bool,
    verbose: bool,
}

enum Form {
    Words,
    Json { out: Out, flows: u64 },
    Eve(EveWriter<Out>),
    Table(TableWriter<Out>),
}

impl Output {
    pub(super) fn new(arguments: &arguments::Analyze) -> Self {
        let out = || BufWriter::with_capacity(1 << 18, io::stdout());
        let form = if arguments.json {
            let mut out = out();
            write(&mut out, "{\"flows\":[");
            Form::Json { out, flows: 0 }
        } else if arguments.eve {
            Form::Eve(EveWriter::new(out()))
        } else if arguments.csv {
            Form::Table(TableWriter::csv(out()))
        } else if arguments.zeek {
            Form::Table(TableWriter::zeek(out()))
        } else {
            Form::Words
        };
        let waits = arguments.json && !arguments.no_model;
        Self { form, waiting: VecDeque::new(), waits, verbose: arguments.explain }
    }

    /// A conversation is over, or something else was seen.
    pub(super) fn seen(&mut self, seen: Seen) {
        let Seen::Flow(flow) = seen else { return };
        if self.waits {
            self.waiting.push_back(*flow);
            // A model that cannot be asked never speaks: what waits for it is bounded.
            if self.waiting.len() > WAITING
                && let Some(flow) = self.waiting.pop_front()
            {
                self.flow(&flow, None);
            }
        } else {
            self.flow(&flow, None);
        }
    }

    /// The model spoke of a conversation; of those before it, it does not.
    pub(super) fn verdict(&mut self, verdict: &Verdict) {
        while let Some(flow) = self.waiting.pop_front() {
            let is_it = Example::from(&flow) == verdict.flow;
            self.flow(&flow, is_it.then_some(verdict));
            if is_it {
                return;
            }
        }
    }

    fn flow(&mut self, flow: &Flow, verdict: Option<&Verdict>) {
        match &mut self.form {
            Form::Words => {}
            Form::Json { out, flows } => {
                let Ok(mut value) = serde_json::to_value(flow) else { return };
                if let Some(object) = value.as_object_mut() {
                    object.insert("community_id".to_owned(), flow.community_id(0).into());
                    if let Some(verdict) = verdict {
                        let told = json!({ "score": verdict.score, "threshold": verdict.threshold,
                            "attack": verdict.attack, "why": verdict.why });
                        object.insert("verdict".to_owned(), told);
                    }
                }
                write(out, if *flows == 0 { "\n" } else { ",\n" });
                write(out, &value.to_string());
                *flows += 1;
            }
            // A closed pipe is the reader's choice.
            Form::Eve(eve) => drop(eve.flow(flow)),
            Form::Table(table) => drop(table.write(flow, None)),
        }
    }

    /// An alert is new, or changed.
    pub(super) fn alert(&mut self, change: &AlertChange) {
        let Form::Eve(eve) = &mut self.form else { return };
        if change.change == Change::Moved {
            return;
        }
        let alert = &change.alert;
        let example = alert.evidence.first().and_then(|evidence| evidence.examples.first());
        let nobody = Endpoint { address: alert.host, port: 0 };
        let told = logs::Alert {
            at: change.at,
            source: example.map_or(nobody, |it| it.originator),
            target: example.map_or(nobody, |it| it.responder),
            protocol: example.map_or(Protocol(0), |it| it.protocol),
            signature_id: signature(alert),
            signature: &title(alert),
            category: alert.family.name(),
            severity: match alert.severity {
                Severity::Critical | Severity::High => 1,
                Severity::Medium => 2,
                Severity::Low => 3,
                Severity::Info => 4,
            },
            more: serde_json::to_value(alert).unwrap_or_default(),
        };
        drop(eve.alert(&told));
    }

    /// Everything was read.
    pub(super) fn finish(
        mut self,
        summary: &Summary,
        counters: &Counters,
        analyzer: &Analyzer,
        troubles: &[String],
    ) {
        while let Some(flow) = self.waiting.pop_front() {
            self.flow(&flow, None);
        }
        match self.form {
            Form::Words => {
                exit::result(&words(summary, counters, analyzer, troubles, self.verbose));
            }
            Form::Json { mut out, .. } => {
                let rest = json!({
                    "alerts": summary.alerts(),
                    "summary": summary.to_value(),
                    "counters": counters,
                    "analysis": analyzer.shown(),
                    "troubles": troubles,
                });
                let rest = rest.to_string();
                write(&mut out, "\n],");
                write(&mut out, rest.get(1..).unwrap_or("}"));
                write(&mut out, "\n");
                drop(out.flush());
            }
            Form::Eve(eve) => drop(eve.finish().and_then(|mut out| out.flush())),
            Form::Table(table) => drop(table.finish().and_then(|mut out| out.flush())),
        }
    }
}

/// A closed pipe is the reader's choice.
fn write(out: &mut Out, text: &str) {
    drop(out.write_all(text.as_bytes()));
}

/// The number of the worst detector, in the range that is free for one's own rules.
fn signature(alert: &Alert) -> u64 {
    let kind = alert.detectors.first();
    let place = model::detect::Kind::ALL.iter().position(|it| Some(it) == kind);
    9_000_000 + place.and_then(|place| u64::try_from(place).ok()).unwrap_or(0)
}

fn title(alert: &Alert) -> String {
    let names: Vec<&str> = alert.detectors.iter().map(|kind| kind.name()).collect();
    format!("vedette {}: {}", alert.family.name(), names.join(", "))
}

fn words(
    summary: &Summary,
    counters: &Counters,
    analyzer: &Analyzer,
    troubles: &[String],
    verbose: bool,
) -> String {
    let mut text = String::new();
    let period = match (summary.first, summary.last) {
        (Some(first), Some(last)) => last.since(first),
        _ => 0.0,
    };
    let mut line = |words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    line(&format!(
        "{} frames, {}, {} flows, {} DNS messages in {}",
        counters.frames,
        size(counters.bytes.max(summary.bytes)),
        summary.flows,
        summary.names,
        time(period)
    ));
    for left in left_out(counters) {
        line(&left);
    }
    for trouble in troubles {
        line(&format!("not read: {trouble}"));
    }
    let services = summary.services();
    if !services.is_empty() {
        line("\nspoken");
        for (name, flows, bytes) in services.iter().take(12) {
            line(&format!("  {name:<18} {flows:>9} flows  {:>10}", size(*bytes)));
        }
        line("\ntalkers");
        for (who, flows, bytes) in summary.talkers(8) {
            line(&format!("  {:<40} {flows:>9} flows  {:>10}", who.to_string(), size(bytes)));
        }
    }
    let alerts = summary.alerts();
    line(&match alerts.len() {
        0 => "\nno alerts".to_owned(),
        1 => "\n1 alert".to_owned(),
        many => format!("\n{many} alerts"),
    });
    for alert in alerts {
        line(&told(alert, verbose));
    }
    if let Some(judge) = analyzer.judge() {
        let shown = judge.shown();
        let failure = shown.get("failure").and_then(Value::as_str);
        let engine = shown.get("engine").and_then(Value::as_str).unwrap_or_default();
        line(&match failure {
            Some(failure) => format!("\nthe model could not be asked: {failure}"),
            None => format!("\njudged by the model {} ({engine}), and detectors", judge.name()),
        });
    }
    text
}

/// What is not in a flow, and why.
fn left_out(counters: &Counters) -> Vec<String> {
    [
        (counters.malformed, "malformed or cut off"),
        (counters.other, "neither IP nor ARP"),
        (counters.unread, "of a link type that is not read"),
        (counters.bad_checksums, "with a wrong checksum"),
        (counters.fragments_lost, "fragments that make up no packet"),
        (counters.too_deep, "in too many tunnels"),
        (counters.backwards, "earlier than the one before"),
        (counters.evicted, "flows told early because the table was full"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("  {count} {what}"))
    .collect()
}

fn told(alert: &Alert, verbose: bool) -> String {
    let mut text =
        format!("  {:<8} {:<16} {}", alert.severity.name(), alert.host.to_string(), title(alert));
    if !alert.techniques.is_empty() {
        _ = write!(text, " [{}]", alert.techniques.join(", "));
    }
    let evidence = alert.evidence.iter().take(if verbose { usize::MAX } else { 2 });
    for piece in evidence {
        let most = if verbose { usize::MAX } else { 4 };
        let why: Vec<String> = piece.why.iter().take(most).map(reason).collect();
        _ = write!(text, "\n           {}: {}", piece.detector, why.join(", "));
        if let Some(note) = &piece.note {
            _ = write!(text, " ({note})");
        }
        let peers: Vec<String> = piece.peers.iter().take(4).map(ToString::to_string).collect();
        if !peers.is_empty() {
            _ = write!(text, " → {}", peers.join(", "));
        }
    }
    text
}

fn reason(reason: &model::detect::Reason) -> String {
    let value = figure(reason.value);
    match reason.threshold {
        Some(threshold) => {
            format!("{} {value} ({} {})", reason.name, reason.bound.sign(), figure(threshold))
        }
        None => format!("{} {value}", reason.name),
    }
}

fn figure(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn size(bytes: u64) -> String {
    let mut rest = bytes;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        if rest < 10_000 {
            break;
        }
        rest /= 1000;
        unit = next;
    }
    format!("{rest} {unit}")
}

fn time(seconds: f64) -> String {
    let whole = std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
    let rounded = std::time::Duration::from_millis(u64::try_from(whole.as_millis()).unwrap_or(0));
    humantime::format_duration(rounded).to_string()
}
