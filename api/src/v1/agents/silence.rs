//! Who says that it is there, and does not do what it is there for.

use types::{BehaviourReport, Phase};

use crate::store::AgentRow;

/// How long nothing may be heard of an agent that reports at least every ten seconds.
const QUIET_MS: i64 = 60_000;
/// How much later than its time a result may be: its report takes a while to get here, and clocks
/// differ.
const LATE_MS: i64 = 10_000;

/// Why an agent counts as silent, if it does. Who is gone is gone, and not silent.
pub(super) fn of(agent: &AgentRow, behaviours: &[BehaviourReport], now_ms: i64) -> Option<String> {
    if agent.presence == "unavailable" {
        return None;
    }
    let late = |it: &&BehaviourReport| {
        it.phase == Phase::Running
            && it.due_ms.is_some_and(|due| now_ms.saturating_sub(due) > LATE_MS)
    };
    if let Some(late) = behaviours.iter().find(late) {
        return Some(format!("`{}` is overdue", late.name));
    }
    let heard = agent.last_report_ms?;
    (now_ms.saturating_sub(heard) > QUIET_MS).then(|| "it does not report any more".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent(presence: &str, heard: Option<i64>) -> AgentRow {
        AgentRow {
            jid: "a@test".to_owned(),
            role: "probe".to_owned(),
            presence: presence.to_owned(),
            status: None,
            since: 0,
            labels: json!({}),
            duties: json!([]),
            version: String::new(),
            last_report_ms: heard,
            backlog: 0,
            why: None,
            flapping: false,
            load: 0,
            runs: json!([]),
            unwanted: 0,
            violations: json!([]),
            policy: None,
        }
    }

    fn check(phase: &str, due_ms: Option<i64>) -> BehaviourReport {
        let report = json!({
            "name": "disk", "run": "check", "phase": { "phase": phase }, "state": "Waiting",
            "since_ms": 0, "steps": 1, "restarts": 0, "due_ms": due_ms,
            "mailbox": { "queued": 0, "capacity": 1, "dropped": 0 },
        });
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn who_is_there_and_overdue_is_silent() {
        let now = 1_000_000;
        let here = agent("available", Some(now));
        let overdue = now - LATE_MS - 1;
        assert_eq!(of(&here, &[check("running", Some(now))], now), None);
        let told = of(&here, &[check("running", Some(overdue))], now);
        assert_eq!(told.as_deref(), Some("`disk` is overdue"));
        // Who was told to pause owes nothing, and who is gone is not expected to.
        assert_eq!(of(&here, &[check("paused", Some(overdue))], now), None);
        assert_eq!(of(&agent("unavailable", None), &[check("running", Some(overdue))], now), None);
    }

    #[test]
    fn a_time_that_nobody_can_mean_is_no_trouble() {
        for due in [i64::MIN, i64::MAX] {
            let told = of(&agent("chat", Some(due)), &[check("running", Some(due))], 1_000_000);
            assert_eq!(told.is_some(), due == i64::MIN);
        }
    }

    #[test]
    fn who_reports_no_more_is_silent_and_who_never_did_is_not() {
        let now = 1_000_000;
        assert!(of(&agent("chat", Some(now - QUIET_MS - 1)), &[], now).is_some());
        assert_eq!(of(&agent("chat", None), &[], now), None);
    }
}
