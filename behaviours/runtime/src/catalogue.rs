//! Behaviours by name, for configuration files.

use std::{collections::BTreeMap, fmt, path::Path};

use types::Diagram;

use crate::{Agent, Behaviour, Fields, Handle, Machine, Problem, Setting, Spec, diagram};

type Add = Box<dyn FnOnce(&mut Agent, Spec) -> Handle + Send>;
type Read = Box<dyn Fn(&str, &Path, toml::Table, &mut Vec<Problem>) -> Option<Add> + Send + Sync>;

/// What a configuration can name.
pub struct Entry {
    /// What it does, in one line.
    pub about: &'static str,
    /// What can be set.
    pub settings: &'static [Setting],
    /// Its states and moves.
    pub diagram: Diagram,
    read: Read,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("about", &self.about).finish_non_exhaustive()
    }
}

/// The behaviours a configuration can name.
#[derive(Debug, Default)]
pub struct Catalogue {
    entries: BTreeMap<&'static str, Entry>,
}

impl Catalogue {
    /// Lists a behaviour under its name: `read` reads its settings and complains, `build` makes
    /// it, once a run.
    #[must_use]
    pub fn with<S, B>(
        mut self,
        about: &'static str,
        settings: &'static [Setting],
        read: fn(&mut Fields<'_>) -> Option<S>,
        build: impl Fn(S) -> B + Clone + Send + Sync + 'static,
    ) -> Self
    where
        S: Clone + Send + 'static,
        B: Behaviour,
    {
        let read: Read = Box::new(move |path, base, table, problems| {
            let before = problems.len();
            let settings = read(&mut Fields::new(path, table, settings, problems).in_folder(base));
            let settings = settings.filter(|_| problems.len() == before)?;
            let build = build.clone();
            Some(Box::new(move |agent: &mut Agent, spec| {
                agent.add(spec, move || build(settings.clone()))
            }))
        });
        let entry = Entry { about, settings, diagram: diagram::<B::State>(), read };
        self.entries.insert(B::NAME, entry);
        self
    }

    /// Lists machines under the name `run`: what is read from settings says itself how it is run
    /// and what it looks like.
    ///
    /// # Panics
    ///
    /// When the agent has 100,000 behaviours already: a file has fewer.
    #[must_use]
    pub fn with_machine<S, M>(
        mut self,
        run: &'static str,
        about: &'static str,
        settings: &'static [Setting],
        read: fn(&mut Fields<'_>) -> Option<S>,
        shape: fn(&S) -> (Spec, Diagram),
        build: fn(S) -> M,
    ) -> Self
    where
        S: Clone + Send + 'static,
        M: Machine,
    {
        let read: Read = Box::new(move |path, base, table, problems| {
            let before = problems.len();
            let settings = read(&mut Fields::new(path, table, settings, problems).in_folder(base));
            let settings = settings.filter(|_| problems.len() == before)?;
            Some(Box::new(move |agent: &mut Agent, said: Spec| {
                let (own, diagram) = shape(&settings);
                let name = if said.name.is_empty() { own.name } else { said.name };
                let spec = Spec { name, supervision: said.supervision, ..own };
                let added = agent.add_machine(spec, run, diagram, move || build(settings.clone()));
                #[expect(clippy::expect_used, reason = "as in `Agent::add`")]
                added.expect("an agent has a bound")
            }))
        });
        let entry = Entry { about, settings, diagram: Diagram { states: Vec::new() }, read };
        self.entries.insert(run, entry);
        self
    }

    /// Everything that can be named.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (*name, entry))
    }

    /// Reads the settings of the behaviour called `name`, found under `path` of a file in the
    /// folder `base`; what comes back adds it to an agent.
    /// Problems are told, and then there is nothing to add.
    pub fn read(
        &self,
        name: &str,
        path: &str,
        base: &Path,
        settings: toml::Table,
        problems: &mut Vec<Problem>,
    ) -> Option<impl FnOnce(&mut Agent, Spec) -> Handle + Send + use<>> {
        let Some(entry) = self.entries.get(name) else {
            let known: Vec<&str> = self.entries.keys().copied().collect();
            let what = format!("no behaviour `{name}`; there are: {}", known.join(", "));
            problems.push(Problem { key: format!("{path}.run"), what });
            return None;
        };
        (entry.read)(path, base, settings, problems)
    }
}
