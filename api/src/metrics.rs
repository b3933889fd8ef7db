//! What is counted while the API runs.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use actix_web::http::StatusCode;

use crate::store::Counts;

/// Answers by the class of their status.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    answers: [AtomicU64; CLASSES.len()],
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl Metrics {
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(count) = self.answers.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Everything as `OpenMetrics` text.
    pub(crate) fn text(&self, counts: &Counts, subscribers: usize) -> String {
        let mut text = Text(String::new());
        text.gauge("vedette_items", "Items that are stored.", counts.items);
        text.gauge("vedette_items_pending", "Items that have no proof yet.", counts.pending);
        text.gauge("vedette_proofs", "Batches that were stamped.", counts.proofs);
        text.gauge("vedette_agents", "Agents that were ever seen.", counts.agents);
        text.gauge("vedette_agents_present", "Agents that are there.", counts.present);
        text.gauge(
            "vedette_event_subscribers",
            "Readers of events, by SSE and by WebSocket.",
            u64::try_from(subscribers).unwrap_or(u64::MAX),
        );
        text.head("vedette_http_requests", "counter", "Requests that were answered.");
        for (class, count) in CLASSES.iter().zip(&self.answers) {
            let count = count.load(Ordering::Relaxed);
            text.line(&format!("vedette_http_requests_total{{status=\"{class}\"}}"), count);
        }
        text.0.push_str("# EOF\n");
        text.0
    }
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string can not fail.
        _ = write!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}\n");
    }

    fn line(&mut self, name: &str, value: u64) {
        _ = writeln!(self.0, "{name} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        self.line(name, value);
    }
}
