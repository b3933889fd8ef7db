//! From what is seen to what a person is told: detectors, a model, and the sum of their evidence.

use capture::{Flow, Moment, Seen};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Extractor,
    alert::{Accumulation, AlertChange, AlertState, Alerts, Refused, Snapshot, Unrestorable},
    calibrate::{Calibration, Site},
    detect::{Detectors, Evidence, Settings as Thresholds},
    intel::Intelligence,
    judge::{Judge, Verdict},
};

/// How traffic is analysed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What detectors hold to be too much.
    pub detect: Thresholds,
    /// When evidence becomes an alert.
    pub alert: Accumulation,
    /// How long a site is learnt before a model's scores count.
    pub learn: Calibration,
}

/// Something that came of what was seen.
#[derive(Clone, Debug)]
pub enum Told {
    /// An alert is new, or changed.
    Alert(Box<AlertChange>),
    /// What a model says of a conversation.
    Verdict(Verdict),
}

/// What is kept over a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Memory {
    alerts: Snapshot,
    #[serde(default)]
    site: Option<Site>,
    /// Of which model the site was learnt.
    #[serde(default)]
    model: Option<String>,
}

/// Everything that looks at what is seen. Pure: its time is that of what it sees.
#[derive(Debug)]
pub struct Analyzer {
    detectors: Detectors,
    extractor: Extractor,
    judge: Option<Judge>,
    alerts: Alerts,
    evidence: Vec<Evidence>,
    changes: Vec<AlertChange>,
    now: Moment,
    flows: u64,
    verdicts: u64,
}

impl Analyzer {
    /// One that has seen nothing.
    pub fn new(settings: &Settings, intelligence: Intelligence, judge: Option<Judge>) -> Self {
        Self {
            detectors: Detectors::new(&settings.detect, intelligence),
            extractor: Extractor::default(),
            judge,
            alerts: Alerts::new(settings.alert.clone()),
            evidence: Vec::new(),
            changes: Vec::new(),
            now: Moment(i64::MIN),
            flows: 0,
            verdicts: 0,
        }
    }

    /// Goes on with what was known before a restart. What was learnt with another model is not.
    pub fn remember(&mut self, settings: &Settings, memory: Memory) -> Result<(), Unrestorable> {
        self.alerts = Alerts::restore(settings.alert.clone(), memory.alerts)?;
        if let (Some(judge), Some(site)) = (&mut self.judge, memory.site)
            && memory.model.as_deref() == Some(&judge.name())
        {
            judge.settle(site);
        }
        Ok(())
    }

    /// What is to be kept over a restart.
    pub fn memory(&self) -> Memory {
        let judge = self.judge.as_ref();
        Memory {
            alerts: self.alerts.snapshot(),
            site: judge.map(|judge| judge.site().clone()),
            model: judge.map(Judge::name),
        }
    }

    /// Looks at what was seen. A model is asked about many conversations at once, so what it says may
    /// come later.
    pub fn see(&mut self, seen: &Seen, tell: &mut impl FnMut(Told)) {
        self.now = self.now.max(seen.at());
        self.detectors.see(seen, &mut self.evidence);
        if let Seen::Flow(flow) = seen {
            // Whom an allowlist names is not judged.
            let is_judged = !self.detectors.intelligence().allows(seen);
            self.flow(flow, is_judged, tell);
        }
        self.add_up(tell);
    }

    fn flow(&mut self, flow: &Flow, is_judged: bool, tell: &mut impl FnMut(Told)) {
        self.flows += 1;
        let Some(judge) = self.judge.as_mut().filter(|_| is_judged) else { return };
        let row = self.extractor.row(flow);
        if judge.add(flow, &row) {
            self.ask(tell);
        }
    }

    /// Asks the model about what waits.
    fn ask(&mut self, tell: &mut impl FnMut(Told)) {
        let Some(judge) = &mut self.judge else { return };
        for (verdict, evidence) in judge.ask() {
            self.verdicts += u64::from(verdict.attack);
            tell(Told::Verdict(verdict));
            self.evidence.extend(evidence);
        }
    }

    fn add_up(&mut self, tell: &mut impl FnMut(Told)) {
        for evidence in self.evidence.drain(..) {
            self.alerts.add(evidence, &mut self.changes);
        }
        for change in self.changes.drain(..) {
            tell(Told::Alert(Box::new(change)));
        }
    }

    /// Lets time pass, and has the model asked about what waits.
    pub fn pass(&mut self, now: Moment, tell: &mut impl FnMut(Told)) {
        self.now = self.now.max(now);
        self.ask(tell);
        self.add_up(tell);
        self.alerts.pass(self.now, &mut self.changes);
        self.add_up(tell);
    }

    /// Moves an alert on behalf of a person or a mitigator.
    pub fn go(
        &mut self,
        id: &str,
        to: AlertState,
        by: &str,
        at: Moment,
    ) -> Result<AlertChange, Refused> {
        self.alerts.go(id, to, by, at)
    }

    /// The detectors, to be asked what they hold of a conversation.
    pub fn detectors(&self) -> &Detectors {
        &self.detectors
    }

    /// The alerts.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// The model, where there is one.
    pub fn judge(&self) -> Option<&Judge> {
        self.judge.as_ref()
    }

    /// How it stands, for who looks at it: each detector with its states, the model, its site and the
    /// drift of the traffic.
    pub fn shown(&self) -> Value {
        json!({
            "flows": self.flows,
            "verdicts": self.verdicts,
            "allowed": self.detectors.allowed(),
            "alerts": self.alerts.open(self.now).count(),
            "detectors": self.detectors.shown(),
            "intelligence": self.detectors.intelligence().counts(),
            "model": self.judge.as_ref().map(Judge::shown),
        })
    }
}
