//! Brings what was collected to the API, in order, until it has it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use runtime::{
    Behaviour, Chain, Change, Context, Failure, Fields, Kept, Setting, StoreError, Template, states,
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use types::{Content, Presence, Proof, Report};
use uuid::Uuid;

use crate::{
    http::client,
    patience::Patience,
    queue::{self, ANCHOR, FORWARD, Parcel, REFUSED},
    secret::Secret,
};

/// Entries in one request, at most.
const BATCH: usize = 1000;
/// Bytes in one request, as far as more than one entry is in it.
const BATCH_BYTES: usize = 4 << 20;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait when there is no room for what was refused.
const NO_ROOM: Duration = Duration::from_secs(1);
/// The longest rest that the API can ask for.
const LONGEST_ASKED: Duration = Duration::from_mins(10);
/// Bytes of an answer that are read, at most: some hundred for each of a batch.
const ANSWER: usize = 1 << 20;
/// The longest rest after a failure.
const LONGEST: Duration = Duration::from_secs(5);
/// Agents whose last report is held until it is delivered.
const REPORTS: usize = 10_000;

/// What can be set.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "api",
        about: "where the API is",
        example: "api = \"http://127.0.0.1:8000\"",
        required: true,
    },
    Setting {
        key: "token_file",
        about: "file that holds a token of role `agent`",
        example: "token_file = \"secrets/aggregator.token\"",
        required: true,
    },
];

/// Where the API is, and who we are to it.
#[derive(Clone, Debug)]
pub struct Settings {
    api: reqwest::Url,
    token: Secret,
    http: reqwest::Client,
}

impl Settings {
    /// Reads where the API is, and the token.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let api = fields.parse("api", "a URL such as \"http://127.0.0.1:8000\"", |text| {
            let url = reqwest::Url::parse(text).ok()?;
            (matches!(url.scheme(), "http" | "https") && !url.cannot_be_a_base()).then_some(url)
        });
        let path = fields.file("token_file")?;
        let token = match Secret::read(&path) {
            Ok(token) => token,
            Err(error) => {
                let what = format!("cannot read `{}`: {error}", path.display());
                fields.complain("token_file", what);
                return None;
            }
        };
        let api = api?;
        let http = client(&api, TIMEOUT);
        match http {
            Ok(http) => Some(Self { api, token, http }),
            Err(error) => {
                fields.complain("api", format!("no HTTP client: {}", Chain(&error)));
                None
            }
        }
    }
}

/// Which messages it wants: what agents say of themselves.
pub fn template() -> Template {
    Template::ontology(Report::ONTOLOGY)
}

states! {
    /// Where a forwarder is.
    pub enum State {
        /// Waits for something to bring.
        Waiting => [Posting],
        /// Brings it to the API.
        Posting => [Settling, Waiting, Resting, Posting],
        /// Forgets what the API has now.
        Settling => [Posting, Resting],
        /// The API does not answer as it should; tries again soon.
        Resting => [Posting],
    }
}

/// A forwarder at work.
#[derive(Debug)]
pub struct Forward {
    settings: Settings,
    patience: Patience,
    rest: Duration,
    /// Entries in the next request, at most.
    batch: usize,
    /// The last report of each agent that was not delivered yet.
    reports: BTreeMap<String, Report>,
    /// Whether it is the turn of the reports: after each request with entries, however many wait.
    turn: bool,
    done: Vec<Change>,
}

impl From<Settings> for Forward {
    fn from(settings: Settings) -> Self {
        Self {
            settings,
            patience: Patience::new(LONGEST),
            rest: Duration::ZERO,
            batch: BATCH,
            reports: BTreeMap::new(),
            turn: false,
            done: Vec::new(),
        }
    }
}

impl Behaviour for Forward {
    type State = State;
    const NAME: &'static str = "forward";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Waiting => {
                self.wait(ctx).await?;
                State::Posting
            }
            State::Posting => self.post(ctx).await?,
            State::Settling => {
                match queue::settle(ctx, std::mem::take(&mut self.done)).await {
                    Err(StoreError::Full { .. }) => {
                        // The API knows what it has when it is told again.
                        self.rest = NO_ROOM;
                        State::Resting
                    }
                    settled => {
                        settled?;
                        State::Posting
                    }
                }
            }
            State::Resting => {
                self.rest(ctx).await?;
                State::Posting
            }
        })
    }
}

/// What became of a request.
enum Outcome {
    /// The API has it, but for these, which it will never take.
    Settled(Vec<(usize, String)>),
    /// The API will never take it as it is: what it answers, and that in full.
    Refused(String, String),
    /// It may work later.
    Later(Option<Duration>, String),
}

impl Forward {
    /// Waits for an entry or a report.
    async fn wait(&mut self, ctx: &mut Context) -> Result<(), Failure> {
        let mut commits = ctx.store().watch();
        loop {
            commits.mark_unchanged();
            if ctx.store().count(FORWARD)? > 0 {
                return Ok(());
            }
            tokio::select! {
                message = ctx.receive() => {
                    self.note(&*message?);
                    return Ok(());
                }
                changed = commits.changed() => if changed.is_err() {
                    return Err(Failure::Interrupted);
                }
            }
        }
    }

    /// Takes note of reports meanwhile, so that the newest are held and not the first.
    async fn rest(&mut self, ctx: &mut Context) -> Result<(), Failure> {
        let until = Instant::now() + self.rest;
        while Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            if let Some(message) = ctx.receive_within(left).await? {
                self.note(&message);
            }
        }
        Ok(())
    }

    /// Holds the newest report of each agent; a diagram that the newer one leaves out is kept.
    fn note(&mut self, message: &runtime::Message) {
        let Ok(mut report) = message.read::<Report>() else { return };
        let sender = message.from.as_ref().map(runtime::AgentId::bare).unwrap_or_default();
        if report.jid != sender {
            tracing::warn!(message.from = sender, report.jid, "a report on somebody else");
            return;
        }
        if let Some(known) = self.reports.get(&report.jid) {
            for behaviour in &mut report.behaviours {
                let old = known.behaviours.iter().find(|it| it.name == behaviour.name);
                if behaviour.diagram.is_none() {
                    behaviour.diagram = old.and_then(|it| it.diagram.clone());
                }
            }
        } else if self.reports.len() >= REPORTS {
            return;
        }
        self.reports.insert(report.jid.clone(), report);
    }

    async fn post(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        while let Some(message) = ctx.try_receive() {
            self.note(&message);
        }
        let is_their_turn = std::mem::take(&mut self.turn) && !self.reports.is_empty();
        let most = if is_their_turn { 0 } else { self.batch };
        let (load, entries) = Load::first(ctx.store().read(FORWARD, 0, most, BATCH_BYTES)?);
        let outcome = match load {
            Some(ref load) => ctx.until_stopped(self.deliver(load)).await?,
            None => match ctx.until_stopped(self.deliver_reports()).await? {
                Outcome::Settled(_) | Outcome::Refused(..) => return Ok(State::Waiting),
                later @ Outcome::Later(..) => later,
            },
        };
        match outcome {
            Outcome::Settled(refused) => {
                self.patience.restore();
                self.turn = true;
                self.batch = self.batch.saturating_mul(2).min(BATCH);
                self.done = settle(&entries, &refused);
                Ok(State::Settling)
            }
            // Something among many: fewer at once, until it is alone.
            Outcome::Refused(..) if entries.len() > 1 => {
                self.batch = entries.len() / 2;
                Ok(State::Posting)
            }
            Outcome::Refused(why, said) => {
                self.patience.restore();
                self.done = settle(&entries, &[(0, why)]);
                if let Some(Load::Proof(proof)) = &load {
                    self.done.extend(stamp_again(proof, &said)?);
                }
                Ok(State::Settling)
            }
            Outcome::Later(after, why) => {
                self.rest = self.patience.lose().max(after.unwrap_or_default());
                if self.patience.is_first() {
                    tracing::warn!(why, "the API does not take results now; they wait");
                }
                Ok(State::Resting)
            }
        }
    }

    async fn deliver(&self, load: &Load) -> Outcome {
        match load {
            Load::Items(items) => {
                let told = |said: &str| refusals(said, items.len());
                self.send(&["items"], items, told).await
            }
            Load::Presences(presences) => self.send(&["presence"], presences, is_object).await,
            Load::Proof(proof) => self.send(&["proofs"], proof, is_object).await,
            Load::Unreadable => Outcome::Settled(vec![(0, "it cannot be read".to_owned())]),
        }
    }

    /// Reports are worth nothing once they are old: what is refused is forgotten.
    async fn deliver_reports(&mut self) -> Outcome {
        while let Some((jid, report)) = self.reports.pop_first() {
            let path = ["agents", jid.as_str(), "report"];
            let anything = |_: &str| Some(Vec::new());
            if let Outcome::Later(after, why) = self.send(&path, &report, anything).await {
                self.reports.entry(jid).or_insert(report);
                return Outcome::Later(after, why);
            }
        }
        Outcome::Settled(Vec::new())
    }

    /// Posts to a path below `api/v1`; `read` finds what is refused in what the API says when it
    /// has taken the rest, and nothing where it is not the API that speaks.
    async fn send(
        &self,
        path: &[&str],
        body: &impl serde::Serialize,
        read: impl Fn(&str) -> Option<Vec<(usize, String)>>,
    ) -> Outcome {
        let later = |why: String| Outcome::Later(None, why);
        let mut url = self.settings.api.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        let request =
            self.settings.http.post(url).bearer_auth(self.settings.token.reveal()).json(body);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return later(Chain(&error.without_url()).to_string()),
        };
        let (status, after) = (answer.status(), retry_after(answer.headers()));
        let said = read_some(answer).await;
        match status.as_u16() {
            200..=299 => match read(&said) {
                Some(refused) => Outcome::Settled(refused),
                None => later(format!("it answers {status}, but not as the API does")),
            },
            // These say something of the body, and it will not get better.
            400 | 409 | 413 | 415 | 422 => {
                let why = format!("{status}: {}", said.chars().take(500).collect::<String>());
                Outcome::Refused(why, said)
            }
            // Unauthorised, over a limit, broken: the operator or time will mend it.
            _ => Outcome::Later(after, format!("it answers {status}")),
        }
    }
}

/// What one request carries: entries of one kind.
enum Load {
    Items(Vec<Value>),
    Presences(Vec<Presence>),
    Proof(Proof),
    Unreadable,
}

impl Load {
    /// The first entries that go together.
    fn first(entries: Vec<Kept>) -> (Option<Self>, Vec<Kept>) {
        let mut load = None;
        let mut together = Vec::new();
        for entry in entries {
            let parcel = serde_json::from_slice::<Parcel>(&entry.value).ok();
            match (&mut load, parcel) {
                (None, Some(Parcel::Item(item))) => load = Some(Self::Items(vec![item])),
                (None, Some(Parcel::Presence(it))) => load = Some(Self::Presences(vec![it])),
                (None, Some(Parcel::Proof(proof))) => load = Some(Self::Proof(proof)),
                (None, None) => load = Some(Self::Unreadable),
                (Some(Self::Items(items)), Some(Parcel::Item(item))) => items.push(item),
                (Some(Self::Presences(all)), Some(Parcel::Presence(it))) => all.push(it),
                _ => break,
            }
            together.push(entry);
        }
        (load, together)
    }
}

/// Forgets what was taken and keeps aside what was refused.
fn settle(entries: &[Kept], refused: &[(usize, String)]) -> Vec<Change> {
    let mut changes = queue::drop_all(FORWARD, entries);
    for (at, why) in refused {
        if let Some(entry) = entries.get(*at) {
            tracing::warn!(entry.key, why, "the API refused this for good");
            let (key, value) = (entry.key.clone(), entry.value.clone());
            changes.push(Change::Push { queue: REFUSED, key, value });
        }
    }
    changes
}

/// The results that an answer tells of one by one.
#[derive(Deserialize)]
struct Results {
    results: Vec<OneResult>,
}

#[derive(Deserialize)]
struct OneResult {
    state: String,
    detail: Option<String>,
}

fn refusals(said: &str, count: usize) -> Option<Vec<(usize, String)>> {
    let Results { results } = serde_json::from_str(said).ok()?;
    if results.len() != count {
        return None;
    }
    let refused = results.into_iter().enumerate();
    let refused = refused
        .filter(|(_, it)| matches!(it.state.as_str(), "refused" | "conflict"))
        .map(|(at, it)| (at, format!("{}: {}", it.state, it.detail.unwrap_or_default())));
    Some(refused.collect())
}

fn is_object(said: &str) -> Option<Vec<(usize, String)>> {
    serde_json::from_str::<serde_json::Map<String, Value>>(said).ok().map(|_| Vec::new())
}

/// What an answer says is wrong with a proof.
#[derive(Deserialize)]
struct Wrong {
    uuids: BTreeSet<Uuid>,
}

/// Has the items of a refused proof stamped anew, but for those for which it was refused.
fn stamp_again(proof: &Proof, said: &str) -> Result<Vec<Change>, serde_json::Error> {
    let Ok(Wrong { uuids }) = serde_json::from_str(said) else { return Ok(Vec::new()) };
    let (wrong, right): (Vec<_>, Vec<_>) =
        proof.leaves.iter().partition(|it| uuids.contains(&it.uuid));
    if wrong.is_empty() {
        return Ok(Vec::new());
    }
    right.into_iter().map(|it| queue::push(ANCHOR, it.uuid, it)).collect()
}

/// What an answer says, as far as it is read at all.
async fn read_some(mut answer: reqwest::Response) -> String {
    let mut said = Vec::new();
    while said.len() < ANSWER
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        said.extend_from_slice(&chunk);
    }
    String::from_utf8_lossy(&said).into_owned()
}

fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_ASKED))
}
