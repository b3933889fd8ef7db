//! Analyses what probes saw: each probe's traffic by itself, since two sites may use the same
//! addresses.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use model::{Analyzer, Memory, Told};
use runtime::{
    Behaviour, Context, Failure, Fields, Message, Performative, Setting, Template, states,
};
use serde_json::json;
use types::{Content, Traffic};

use crate::{
    finding::{self, Finding, Kept},
    sight::{self, Sight},
    watch::{batch, remember},
};

/// How many probes are followed. When there are more, the one quiet for longest is forgotten.
const PROBES: usize = 64;
/// How often it tells what it did, in batches.
const TELLS: u64 = 256;
/// How long to wait when there is no room for a finding.
const NO_ROOM: std::time::Duration = std::time::Duration::from_secs(1);

/// How large all that is written down may be.
const MEMORY: usize = 4 << 20;

/// What can be set.
pub const SETTINGS: &[Setting] =
    &[sight::MODEL, sight::INTEL, sight::ALLOW, sight::DETECT, sight::ALERT, sight::LEARN];

/// Which messages it wants: batches of traffic.
pub fn template() -> Template {
    Template::from(Performative::Inform) & Template::ontology(Traffic::ONTOLOGY)
}

/// What traffic is judged by.
#[derive(Clone, Debug)]
pub struct Settings {
    sight: Sight,
}

impl Settings {
    /// Reads the settings and tells every problem.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { sight: Sight::read(fields) })
    }
}

states! {
    /// Where a scorer is.
    pub enum State {
        /// Waits for traffic.
        Listening => [Scoring],
        /// Looks at a batch.
        Scoring => [Listening, Keeping],
        /// Writes findings to disk; they are not lost from here on.
        Keeping => [Listening, NoRoom],
        /// The disk queue is full; waits until results have left.
        NoRoom => [Keeping],
    }
}

/// A scorer at work.
#[derive(Debug)]
pub struct Score {
    settings: Settings,
    probes: VecDeque<Probe>,
    message: Option<Arc<Message>>,
    findings: VecDeque<Finding>,
    batches: u64,
    /// What was known of probes before the start.
    memories: BTreeMap<String, Memory>,
    /// It is time to write down what is known.
    is_due: bool,
}

/// One probe's capture.
#[derive(Debug)]
struct Probe {
    jid: String,
    capture: String,
    next: u64,
    /// Batches that did not come.
    missing: u64,
    /// Things that it could not send.
    unsent: u64,
    seen: u64,
    analyzer: Box<Analyzer>,
}

impl From<Settings> for Score {
    fn from(settings: Settings) -> Self {
        Self {
            settings,
            probes: VecDeque::new(),
            message: None,
            findings: VecDeque::new(),
            batches: 0,
            memories: BTreeMap::new(),
            is_due: false,
        }
    }
}

impl Behaviour for Score {
    type State = State;
    const NAME: &'static str = "score";

    fn begin(&mut self, ctx: &Context) -> Result<State, Failure> {
        // What a version wrote that knew more than this one is not gone on with.
        let kept = ctx.recall::<serde_json::Value>()?;
        self.memories = kept.and_then(|it| serde_json::from_value(it).ok()).unwrap_or_default();
        Ok(State::Listening)
    }

    async fn stopped(&mut self, ctx: &mut Context) {
        let memory = self.memory();
        remember(ctx, &memory).await;
    }

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Listening => {
                self.message = Some(ctx.receive().await?);
                State::Scoring
            }
            State::Scoring => {
                if let Some(message) = self.message.take()
                    && let Err(why) = self.score(&message)
                {
                    ctx.show_error(why);
                }
                if std::mem::take(&mut self.is_due) {
                    let memory = self.memory();
                    remember(ctx, &memory).await;
                }
                if self.findings.is_empty() { State::Listening } else { State::Keeping }
            }
            State::Keeping => {
                while let Some(finding) = self.findings.front() {
                    if finding::keep(ctx, finding).await? == Kept::NoRoom {
                        return Ok(State::NoRoom);
                    }
                    self.findings.pop_front();
                }
                State::Listening
            }
            State::NoRoom => {
                ctx.sleep(NO_ROOM).await?;
                State::Keeping
            }
        })
    }
}

impl Score {
    /// What goes on after a restart, as far as there is room.
    fn memory(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut kept = serde_json::Map::new();
        let mut room = MEMORY;
        // Those that spoke last stand last.
        for probe in self.probes.iter().rev() {
            let Ok(memory) = serde_json::to_value(probe.analyzer.memory()) else { continue };
            let Some(left) = room.checked_sub(memory.to_string().len()) else { continue };
            room = left;
            kept.insert(probe.jid.clone(), memory);
        }
        kept
    }

    /// Looks at a batch; says why it is of no use.
    fn score(&mut self, message: &Message) -> Result<(), String> {
        let Some(from) = message.from.as_ref() else {
            return Err("a batch that nobody says to have sent".to_owned());
        };
        let jid = from.bare().to_owned();
        let traffic: Traffic =
            message.read().map_err(|error| format!("`{jid}` sent no batch: {error}"))?;
        let seen = batch::open(&traffic)
            .map_err(|error| format!("`{jid}` sent a broken batch: {}", runtime::Chain(&error)))?;
        let mut probe = self.probe(&jid, &traffic)?;
        if traffic.number < probe.next {
            // It came before.
            self.probes.push_back(probe);
            return Ok(());
        }
        probe.missing += traffic.number - probe.next;
        probe.next = traffic.number.saturating_add(1);
        probe.unsent = probe.unsent.saturating_add(traffic.unsent);
        let mut told = Vec::new();
        for one in &seen {
            probe.seen += 1;
            probe.analyzer.see(one, &mut |it| told.push(it));
        }
        if let Some(last) = seen.last() {
            probe.analyzer.pass(last.at(), &mut |it| told.push(it));
        }
        for it in told {
            if let Told::Alert(change) = it {
                self.findings.push_back(Finding::alert_of(&jid, &change));
            }
        }
        self.batches += 1;
        if self.batches.is_multiple_of(TELLS) {
            self.findings.push_back(probe.finding());
            self.is_due = true;
        }
        self.probes.push_back(probe);
        Ok(())
    }

    /// Takes out what is known of a probe's capture; a new one begins anew.
    fn probe(&mut self, jid: &str, traffic: &Traffic) -> Result<Probe, String> {
        let known = self.probes.iter().position(|probe| probe.jid == jid);
        let known = known.and_then(|place| self.probes.remove(place));
        if let Some(mut probe) = known {
            if probe.capture != traffic.capture {
                // It started again: what is known of its hosts still holds.
                traffic.capture.chars().take(64).collect::<String>().clone_into(&mut probe.capture);
                probe.next = traffic.number;
            }
            return Ok(probe);
        }
        if self.probes.len() >= PROBES {
            self.probes.pop_front();
        }
        let mut analyzer = self
            .settings
            .sight
            .analyzer(false)
            .map_err(|error| runtime::Chain(&error).to_string())?;
        if let Some(memory) = self.memories.remove(jid).filter(|_| !traffic.past)
            && let Err(error) = analyzer.remember(self.settings.sight.settings(), memory)
        {
            tracing::warn!(%error, "what was known of `{jid}` cannot be gone on with");
        }
        Ok(Probe {
            jid: jid.to_owned(),
            capture: traffic.capture.chars().take(64).collect(),
            next: traffic.number,
            missing: 0,
            unsent: 0,
            seen: 0,
            analyzer: Box::new(analyzer),
        })
    }
}

impl Probe {
    fn finding(&self) -> Finding {
        let content = json!({
            "probe": self.jid,
            "seen": self.seen,
            "missing_batches": self.missing,
            "unsent": self.unsent,
            "analysis": self.analyzer.shown(),
        });
        Finding::judged(&self.jid, self.seen, self.missing, content)
    }
}
