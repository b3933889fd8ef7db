//! Probe, aggregator, analyzer, mitigator, registrar: what each may run, and what it always runs.

use behaviours::{
    anchor, check, collect, courier, enrol, forward, heartbeat, machine, postbox, register, report,
    score, sentry, trust, watch,
};
use std::sync::Arc;

use registry::Notary;
use runtime::{Address, Agent, AgentId, Catalogue, Spec, Trust};
use serde::Deserialize;

/// What an agent is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks, and tells what it sees.
    Probe,
    /// Gathers what probes tell, has it stamped, and hands it on.
    Aggregator,
    /// Judges what probes saw of the traffic.
    Analyzer,
    /// Keeps the directory.
    Registrar,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Probe, Self::Aggregator, Self::Analyzer, Self::Registrar];

    /// Its name in files and on the dashboard.
    pub fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Aggregator => "aggregator",
            Self::Analyzer => "analyzer",
            Self::Registrar => "registrar",
        }
    }

    /// What others can ask it to do.
    pub fn duties(self) -> Vec<String> {
        let duty = match self {
            Self::Probe => "check",
            Self::Aggregator => "aggregate",
            Self::Analyzer => "analyze",
            Self::Registrar => "register",
        };
        vec![duty.to_owned()]
    }

    /// The behaviours that its file may name.
    pub fn catalogue(self) -> Catalogue {
        self.catalogue_under("duty:aggregate".into(), &Arc::default())
    }

    /// The same, for an agent that reports to `superior`; a registrar has `notary` sign.
    pub(crate) fn catalogue_under(self, superior: Address, notary: &Arc<Notary>) -> Catalogue {
        let notary = Arc::clone(notary);
        let common = Catalogue::default().with(
            "tells whoever aggregates what this agent is doing",
            heartbeat::SETTINGS,
            heartbeat::Settings::read,
            move |settings: heartbeat::Settings| {
                let to = superior.clone();
                heartbeat::Heartbeat::from(heartbeat::Settings { to, ..settings })
            },
        );
        let common = common.with_machine(
            "machine",
            "runs a state machine that a file describes",
            machine::SETTINGS,
            machine::Settings::read,
            |settings| (settings.spec(), settings.diagram()),
            machine::Automaton::from,
        );
        match self {
            Self::Probe => common
                .with(
                    "looks at something and keeps what it saw",
                    check::SETTINGS,
                    check::Settings::read,
                    check::Check::from,
                )
                .with(
                    "watches packets and tells what they show",
                    watch::SETTINGS,
                    watch::Settings::read,
                    watch::Watch::from,
                ),
            Self::Analyzer => common.with(
                "judges what probes saw of the traffic",
                score::SETTINGS,
                score::Settings::read,
                score::Score::from,
            ),
            Self::Aggregator => common
                .with(
                    "has batches of items time-stamped",
                    anchor::SETTINGS,
                    anchor::Settings::read,
                    anchor::Anchor::from,
                )
                .with(
                    "brings what was collected to the API",
                    forward::SETTINGS,
                    forward::Settings::read,
                    forward::Forward::from,
                ),
            Self::Registrar => common
                .with(
                    "keeps the directory of who is there and what for",
                    register::SETTINGS,
                    register::Settings::read,
                    register::Register::from,
                )
                .with(
                    "takes new agents in, lets members go, and has the list of members signed",
                    enrol::SETTINGS,
                    enrol::Settings::read,
                    move |settings| {
                        let notary = Arc::<Notary>::clone(&notary);
                        enrol::Enrol::new(settings, notary)
                    },
                ),
        }
    }

    /// The behaviours that its file must name: one of each.
    pub(crate) fn needs(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Probe => &[&["check", "watch", "machine"]],
            Self::Analyzer => &[&["score"]],
            Self::Aggregator => &[&["anchor"], &["forward"]],
            Self::Registrar => &[&["register"]],
        }
    }

    /// How a behaviour that a file names is run, when the file does not say.
    pub(crate) fn spec(name: &str) -> Spec {
        let (template, mailbox) = match name {
            "forward" => (forward::template(), 1024),
            "register" => (register::template(), 4096),
            "score" => (score::template(), 256),
            "enrol" => return enrol::spec(),
            _ => return Spec::default(),
        };
        Spec { template, mailbox, ..Spec::default() }
    }

    /// To whom an agent of this role reports: whoever aggregates tells itself.
    pub(crate) fn superior(self, to: &Address, me: &AgentId) -> Address {
        match self {
            Self::Aggregator => me.clone().into(),
            Self::Probe | Self::Analyzer | Self::Registrar => to.clone(),
        }
    }

    /// Adds what keeps the list of whom to believe.
    pub(crate) fn believe(agent: &mut Agent, registrar: &AgentId, trust: &Arc<registry::Trust>) {
        let trust: Arc<dyn Trust> = Arc::<registry::Trust>::clone(trust);
        let settings = trust::Settings { registrar: registrar.clone(), trust };
        agent.add(trust::spec(), move || trust::KeepTrust::from(settings.clone()));
        agent.add(Spec::default(), sentry::Sentry::default);
    }

    /// Adds what every agent of this role runs, whatever its file names.
    pub(crate) fn furnish(
        self,
        agent: &mut Agent,
        to: &Address,
        registrar: &AgentId,
        has_heartbeat: bool,
    ) {
        if matches!(self, Self::Aggregator) {
            let spec = Spec { template: collect::template(), mailbox: 4096, ..Spec::default() };
            let settings = collect::Settings { registrar: registrar.clone() };
            agent.add(spec, move || collect::Collect::from(settings.clone()));
        }
        let superior = self.superior(to, agent.door().me());
        let spec = Spec { template: report::template(), ..Spec::default() };
        let settings = report::Settings { to: superior };
        agent.add(spec, move || report::Report::from(settings.clone()));
        agent.add(postbox::spec(), postbox::Postbox::default);
        let spec = Spec { template: courier::template(), ..Spec::default() };
        agent.add(spec, courier::Courier::default);
        if !has_heartbeat {
            let to = self.superior(to, agent.door().me());
            let settings = heartbeat::Settings::to(to);
            agent.add(Spec::default(), move || heartbeat::Heartbeat::from(settings.clone()));
        }
    }
}
