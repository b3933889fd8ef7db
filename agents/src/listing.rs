//! Everything that agents run, with its states, for who wants to read about it.

use std::collections::BTreeMap;

use behaviours::{chat, collect, courier, postbox, report, sentry, trust};
use runtime::{Cycle, Delay, Occasion, Once, Period, Protocol, Setting, State, diagram};
use types::Diagram;

use crate::Role;

/// One behaviour.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name in files and on the dashboard.
    pub run: String,
    /// What it does, in one line.
    pub about: String,
    /// The roles whose agents run it.
    pub roles: Vec<&'static str>,
    /// Whether a file names it, or agents run it by themselves.
    pub is_named: bool,
    /// What can be set.
    pub settings: &'static [Setting],
    /// Its states and moves; none, when they are in a file of their own.
    pub diagram: Diagram,
}

/// What agents run: what files name first, by name, then what they run by themselves.
pub fn listing() -> Vec<Listed> {
    let mut named: BTreeMap<&'static str, Listed> = BTreeMap::new();
    for role in Role::ALL {
        for (run, entry) in role.catalogue().entries() {
            let listed = named.entry(run).or_insert_with(|| Listed {
                run: run.to_owned(),
                about: entry.about.to_owned(),
                roles: Vec::new(),
                is_named: true,
                settings: entry.settings,
                diagram: entry.diagram.clone(),
            });
            listed.roles.push(role.name());
        }
    }
    named.into_values().chain(by_themselves()).collect()
}

fn by_themselves() -> Vec<Listed> {
    let all: Vec<&'static str> = Role::ALL.into_iter().map(Role::name).collect();
    let listed = |run: &str, about: &str, roles: &[&'static str], diagram| Listed {
        run: run.to_owned(),
        about: about.to_owned(),
        roles: roles.to_vec(),
        is_named: false,
        settings: &[],
        diagram,
    };
    vec![
        listed(
            "chat",
            "answers people, by policy, and writes down what they asked for",
            &all,
            shape::<chat::State>(),
        ),
        listed(
            "collect",
            "takes results in, keeps them, and confirms",
            &[Role::Aggregator.name()],
            shape::<collect::State>(),
        ),
        listed(
            "courier",
            "delivers letters: sends each until the receiver has it on its disk",
            &all,
            shape::<courier::State>(),
        ),
        listed(
            "postbox",
            "takes letters in: keeps them, confirms, and hands them to whoever wants them",
            &all,
            shape::<postbox::State>(),
        ),
        listed(
            "report",
            "hands results over to whoever aggregates, until they are confirmed",
            &all,
            shape::<report::State>(),
        ),
        listed(
            "sentry",
            "writes down what the sealed road refused",
            &all,
            shape::<sentry::State>(),
        ),
        listed(
            "trust",
            "keeps the list of members that the registry signed, where a file names the registry",
            &all,
            shape::<trust::State>(),
        ),
    ]
}

fn shape<S: State>() -> Diagram {
    diagram::<S>()
}

/// The stock kinds of behaviour, for who writes one: name, what it does, states.
pub fn stock_kinds() -> Vec<(&'static str, &'static str, Diagram)> {
    vec![
        ("OneShot", "Runs a task once.", shape::<Once>()),
        ("Cyclic", "Runs a task until it says that it is over.", shape::<Cycle>()),
        (
            "Periodic",
            "Runs a task every so often: from a start on, missed rounds skipped and the phase \
             kept, with a period that can be changed while it runs.",
            shape::<Period>(),
        ),
        ("Timeout", "Runs a task once, after a delay.", shape::<Delay>()),
        (
            "Cron",
            "Runs a task by the calendar, each time put off by up to a jitter.",
            shape::<Occasion>(),
        ),
    ]
}

/// FIPA's interaction protocols, as agents watch and speak them: name and stages.
pub fn protocols() -> Vec<(&'static str, Diagram)> {
    Protocol::ALL.iter().map(|it| (it.name(), it.diagram())).collect()
}
