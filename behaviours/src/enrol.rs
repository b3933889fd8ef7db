//! Takes new agents in, lets members go, and has the list of members signed and told.
//!
//! What is wanted comes from the API; who asks to be taken in is judged by the token's secret, which
//! the server does not have; nothing is answered before it is on disk.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use runtime::{
    Address, AgentId, Behaviour, Chain, Change, Context, Failure, Fields, Message, Notary,
    Performative, Setting, Spec, Store, Template, states,
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::Instant,
};
use types::{
    Content, EnrolmentNews, EnrolmentOrders, EnrolmentRequest, Fate, Handover, ListHead,
    ListQuestion, ListReport, Member, Presence, Registrar, Show,
};

use crate::{
    http::client,
    patience::{Patience, until},
    queue::push,
    secret::Secret,
};

mod accounts;
mod book;
mod entry;
mod office;
mod orders;
mod requests;

use book::{Book, all};
use entry::{ENROLMENTS, Entry, NEWS, REMOVALS, Removal, Stage};
use office::{Office, TIMEOUT, Talk, Talked};

/// The longest rest after the API, or the server, did not do what it should.
const LONGEST: Duration = Duration::from_secs(5);
/// The least time between two questions that nothing came of.
const PAUSE: Duration = Duration::from_millis(200);
/// How old a list may be before it is signed anew.
const RENEW_MS: i64 = 6 * 60 * 60 * 1000;
/// News that the API is told at once, and how many may wait before requests that were turned down
/// are no longer noted.
const NEWS_AT_ONCE: usize = 100;
const NEWS_WAITING: u64 = 1000;
/// Messages that are taken up before others wait their turn.
const TURN: usize = 64;
/// The longest text of a refusal.
const WHY: usize = 500;

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
        example: "token_file = \"secrets/registrar.token\"",
        required: true,
    },
    Setting {
        key: "server",
        about: "host and port of the XMPP server as agents elsewhere reach it; the registrar's \
                own unless said otherwise",
        example: "server = \"xmpp.example.org:5222\"",
        required: false,
    },
];

/// Where the API is, and who we are to it.
#[derive(Clone, Debug)]
pub struct Settings {
    office: Office,
    server: Option<String>,
}

impl Settings {
    /// Reads where the API is, and the token.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let api = fields.parse("api", "a URL such as \"http://127.0.0.1:8000\"", |text| {
            let url = reqwest::Url::parse(text).ok()?;
            (matches!(url.scheme(), "http" | "https") && !url.cannot_be_a_base()).then_some(url)
        });
        let server = fields.parse("server", "a host and port such as \"10.0.0.1:5222\"", |text| {
            let (host, port) = text.rsplit_once(':')?;
            (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| text.to_owned())
        });
        let path = fields.file("token_file")?;
        let token = Secret::read(&path).map_err(|error| {
            fields.complain("token_file", format!("cannot read `{}`: {error}", path.display()));
        });
        let (api, token) = (api?, token.ok()?);
        match client(&api, TIMEOUT) {
            Ok(http) => Some(Self { office: Office { api, token, http }, server }),
            Err(error) => {
                fields.complain("api", format!("no HTTP client: {}", Chain(&error)));
                None
            }
        }
    }
}

/// How it is run: it wants requests, handovers, and questions about the list.
pub fn spec() -> Spec {
    let asks = Template::All(vec![
        Template::ontology(<ListQuestion as Content>::ONTOLOGY),
        Template::Performative(Performative::QueryRef),
    ]);
    let requests = [EnrolmentRequest::ONTOLOGY, Handover::ONTOLOGY].map(|it| {
        let is_request = Template::Performative(Performative::Request);
        Template::All(vec![Template::ontology(it), is_request])
    });
    let template = Template::Either(requests.into_iter().chain([asks]).collect());
    Spec { template, mailbox: 4096, ..Spec::default() }
}

states! {
    /// Where the enrolment is.
    pub enum State {
        /// Opens the book of members, and vouches for those of its own process.
        Starting => [Waiting],
        /// Waits for somebody who asks, and for what the API wants.
        Waiting => [Ordering, Judging, Opening, Admitting, Removing, Closing, Renewing, Telling],
        /// Takes down what the API wants; who is revoked is no member from then on.
        Ordering => [Waiting],
        /// Judges a request to be taken in or to change keys, or tells what changed in the list.
        Judging => [Waiting],
        /// Has the server make an account for somebody who may join.
        Opening => [Waiting],
        /// Lets a new member see us.
        Admitting => [Waiting],
        /// Has the server end the sessions of somebody who may not be here, and remove its account.
        Removing => [Waiting],
        /// Ends what was not used in time.
        Closing => [Waiting],
        /// Signs the list anew before it is out of date.
        Renewing => [Waiting],
        /// Tells members of the newest list.
        Telling => [Waiting],
    }
}

/// What it must know after a restart, beside what is in queues.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    cursor: i64,
    head: Option<ListHead>,
    forgotten: u64,
}

/// The enrolment at work.
#[derive(Debug)]
pub struct Enrol {
    settings: Settings,
    notary: Arc<dyn Notary>,
    registrar: Option<Registrar>,
    book: Book,
    cursor: i64,
    entries: BTreeMap<String, Entry>,
    removals: BTreeMap<String, Removal>,
    moves: Option<broadcast::Receiver<Presence>>,
    /// Who was revoked, and is not vouched for whatever a file says.
    revoked: BTreeSet<String>,
    /// Who was told of which list, of those who are there.
    told: BTreeMap<AgentId, u64>,
    /// What is to be told to whom.
    telling: VecDeque<Message>,
    talk: Option<Talk>,
    /// When to talk to the API again.
    talk_at: Option<Instant>,
    patience: Patience,
    /// The signature of the list that the API knows.
    shown: String,
    orders: Option<EnrolmentOrders>,
    message: Option<Arc<Message>>,
    /// When to ask the server again.
    retry: Option<Instant>,
    trouble: Patience,
}

impl Enrol {
    /// One that has `notary` judge and sign.
    pub fn new(settings: Settings, notary: Arc<dyn Notary>) -> Self {
        Self {
            settings,
            notary,
            registrar: None,
            book: Book::default(),
            cursor: 0,
            entries: BTreeMap::new(),
            removals: BTreeMap::new(),
            moves: None,
            revoked: BTreeSet::new(),
            told: BTreeMap::new(),
            telling: VecDeque::new(),
            talk: None,
            talk_at: None,
            patience: Patience::new(LONGEST),
            shown: String::new(),
            orders: None,
            message: None,
            retry: None,
            trouble: Patience::new(LONGEST),
        }
    }
}

impl Behaviour for Enrol {
    type State = State;
    const NAME: &'static str = "enrol";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        match state {
            State::Starting => self.start(ctx).await?,
            State::Waiting => return self.wait(ctx).await,
            State::Ordering => self.order(ctx).await?,
            State::Judging => self.judge(ctx).await?,
            State::Opening => self.open(ctx).await?,
            State::Admitting => self.admit(ctx).await?,
            State::Removing => self.remove(ctx).await?,
            State::Closing => self.close(ctx).await?,
            State::Renewing => self.renew(ctx).await?,
            State::Telling => self.tell(ctx).await?,
        }
        Ok(State::Waiting)
    }
}

impl Enrol {
    async fn start(&mut self, ctx: &mut Context) -> Result<(), Failure> {
        let mut registrar = self.notary.registrar()?;
        if let Some(server) = &self.settings.server {
            registrar.server = Some(server.clone());
        }
        self.registrar = Some(registrar);
        let Kept { cursor, head, forgotten } = ctx.recall()?.unwrap_or_default();
        let store = Arc::clone(ctx.store());
        self.book = Book::open(&*store, head, forgotten)?;
        self.cursor = cursor;
        let entries = all(&*store, ENROLMENTS)?;
        self.entries = entries
            .filter_map(|(key, it)| Some((key, serde_json::from_slice(&it).ok()?)))
            .collect();
        let removals = all(&*store, REMOVALS)?;
        self.removals = removals
            .filter_map(|(key, it)| Some((key, serde_json::from_slice(&it).ok()?)))
            .collect();
        self.revoked = noted(&*store, REVOKED)?.into_iter().collect();
        self.moves = Some(ctx.directory().moves());
        self.vouch(ctx).await
    }

    /// Makes the members of this process those that the operator of it names: no more, no less.
    /// Who was revoked stays out.
    async fn vouch(&mut self, ctx: &Context) -> Result<(), Failure> {
        let Some(vouched) = self.notary.vouched() else { return Ok(()) };
        let serial = self.book.serial() + 1;
        let vouched: Vec<Member> =
            vouched.into_iter().filter(|it| !self.revoked.contains(&it.jid)).collect();
        let known = noted(&**ctx.store(), VOUCHED)?;
        let jids: Vec<String> = vouched.iter().map(|it| it.jid.clone()).collect();
        let mut changes = Vec::new();
        for jid in known.iter().filter(|it| !jids.contains(it)) {
            changes.extend(self.book.strike(jid, serial)?);
        }
        for ours in vouched {
            let same = |it: &Member| Member { serial: it.serial, ..ours.clone() } == *it;
            if !self.book.get(&ours.jid).is_some_and(same) {
                changes.extend(self.book.set(Member { serial, ..ours })?);
            }
        }
        if changes.is_empty() && self.book.head.is_some() {
            return Ok(());
        }
        let value = serde_json::to_vec(&jids)?.into();
        changes.push(Change::Put { key: VOUCHED.to_owned(), value });
        self.sign(ctx, changes).await
    }

    /// Has the book signed, and it and the changes written to disk; then everybody is told.
    async fn sign(&mut self, ctx: &Context, mut changes: Vec<Change>) -> Result<(), Failure> {
        let before = self.book.serial();
        let head = self.head(ctx, before + 1)?;
        self.book.head = Some(head);
        changes.push(self.kept(ctx)?);
        ctx.store().commit(changes).await?;
        self.tell_all(ctx, before)?;
        Ok(())
    }

    fn head(&self, ctx: &Context, serial: u64) -> Result<ListHead, Failure> {
        let members = self.book.members().cloned().collect();
        Ok(self.notary.sign(members, serial, ctx.clock().now_ms())?)
    }

    fn kept(&self, ctx: &Context) -> Result<Change, serde_json::Error> {
        let (head, forgotten) = (self.book.head.clone(), self.book.forgotten());
        ctx.reminder(&Kept { cursor: self.cursor, head, forgotten })
    }

    /// Has everybody who is there, ourselves included, told what changed since a list.
    fn tell_all(&mut self, ctx: &Context, since: u64) -> Result<(), serde_json::Error> {
        let update = self.book.since(since);
        let present =
            ctx.directory().members().into_iter().filter(|it| it.show != Show::Unavailable);
        let present = present.map(|it| it.jid).chain([ctx.me().bare().to_owned()]);
        let serial = self.book.serial();
        // Who was to be told of an older list needs that no more.
        self.telling.clear();
        for jid in present.collect::<BTreeSet<_>>() {
            if self.book.has_agent(&jid) {
                let who = AgentId::from(jid.as_str());
                self.told.insert(who.clone(), serial);
                for part in &update {
                    self.telling.push_back(Message::new(Performative::Inform, who.clone(), part)?);
                }
            }
        }
        Ok(())
    }

    async fn wait(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        loop {
            if let Some(duty) = self.duty(ctx) {
                return Ok(duty);
            }
            self.talk(ctx)?;
            let alarm = self.alarm(ctx);
            let (retrying, resting) = (until(self.retry), until(self.talk_at));
            let Some(moves) = &mut self.moves else { return Err(Failure::Interrupted) };
            tokio::select! {
                message = ctx.receive() => {
                    self.message = Some(message?);
                    return Ok(State::Judging);
                }
                news = moves.recv() => match news {
                    Ok(presence) => self.notice(&presence)?,
                    Err(RecvError::Lagged(_)) => {
                        for presence in ctx.directory().members() {
                            self.notice(&presence)?;
                        }
                    }
                    Err(RecvError::Closed) => return Err(Failure::Interrupted),
                },
                talked = talked(&mut self.talk) => {
                    self.talk = None;
                    if self.heard(ctx, talked).await? {
                        return Ok(State::Ordering);
                    }
                }
                () = resting => self.talk_at = None,
                () = retrying => self.retry = None,
                () = until(alarm) => {}
            }
        }
    }

    /// What is to be done before anything is waited for.
    fn duty(&self, ctx: &Context) -> Option<State> {
        let now_ms = ctx.clock().now_ms();
        let is_over = |it: &Entry| it.waits() && it.expires_ms <= now_ms;
        if !self.telling.is_empty() {
            return Some(State::Telling);
        }
        if self.entries.values().any(is_over) {
            return Some(State::Closing);
        }
        if self.book.head.as_ref().is_some_and(|it| it.issued_ms + RENEW_MS <= now_ms) {
            return Some(State::Renewing);
        }
        if self.retry.is_some() {
            return None;
        }
        if self.entries.values().any(|it| is_strange(&it.stage)) {
            return Some(State::Admitting);
        }
        if !self.removals.is_empty() {
            return Some(State::Removing);
        }
        let is_wanted = |it: &Entry| matches!(it.stage, Stage::Wanted | Stage::Making);
        self.entries.values().any(is_wanted).then_some(State::Opening)
    }

    /// When something is to be done without anybody asking.
    fn alarm(&self, ctx: &Context) -> Option<Instant> {
        let ends = self.entries.values().filter(|it| it.waits()).map(|it| it.expires_ms);
        let renewal = self.book.head.as_ref().map(|it| it.issued_ms + RENEW_MS);
        let next = ends.chain(renewal).min()?;
        let left = u64::try_from(next - ctx.clock().now_ms()).unwrap_or(0);
        Some(Instant::now() + Duration::from_millis(left + 1))
    }

    /// Keeps up the talk with the API: first what it must hear, then what it wants.
    fn talk(&mut self, ctx: &Context) -> Result<(), Failure> {
        let has_news = ctx.store().count(NEWS)? > 0;
        let signature = self.book.head.as_ref().map(|it| it.signature.as_str());
        let is_newer = signature.is_some_and(|it| it != self.shown);
        if self.talk_at.is_some() {
            return Ok(());
        }
        if self.talk.as_ref().is_some_and(|it| it.is_idle) && (has_news || is_newer) {
            self.talk = None;
        }
        if self.talk.is_some() {
            return Ok(());
        }
        let office = &self.settings.office;
        self.talk = Some(
            if let (true, Some(head), Some(registrar)) =
                (is_newer, &self.book.head, &self.registrar)
            {
                office.show(ListReport {
                    registrar: registrar.clone(),
                    head: head.clone(),
                    members: self.book.members().cloned().collect(),
                })
            } else if has_news {
                let kept = ctx.store().read(NEWS, 0, NEWS_AT_ONCE, 1 << 20)?;
                let numbers = kept.iter().map(|it| it.number).collect();
                let news =
                    kept.iter().filter_map(|it| serde_json::from_slice(&it.value).ok()).collect();
                office.tell(news, numbers)
            } else {
                office.ask(self.cursor)
            },
        );
        Ok(())
    }

    /// Says whether there are orders.
    async fn heard(&mut self, ctx: &mut Context, talked: Talked) -> Result<bool, Failure> {
        match talked {
            Talked::Failed(why) => {
                self.talk_at = Some(Instant::now() + self.patience.lose());
                if self.patience.is_first() {
                    tracing::warn!(why, "the API does not say who may join; it is asked again");
                }
                ctx.show_error(why);
                return Ok(false);
            }
            Talked::News(numbers) => {
                let drop = |number| Change::Drop { queue: NEWS, number };
                ctx.store().commit(numbers.into_iter().map(drop).collect()).await?;
            }
            Talked::List(signature) => self.shown = signature,
            Talked::Orders(orders) => {
                let is_other = orders.next < self.cursor;
                let is_new = !orders.items.is_empty() || orders.next > self.cursor;
                if is_other {
                    tracing::warn!("the API knows less than before; it is asked from the start");
                    self.cursor = 0;
                } else if is_new {
                    self.orders = Some(orders);
                } else {
                    // An API that does not wait is not asked without a pause.
                    self.talk_at = Some(Instant::now() + PAUSE);
                }
            }
        }
        self.patience.restore();
        ctx.show_error("");
        Ok(self.orders.is_some())
    }

    /// Somebody came: it hears which list there is, unless it did.
    fn notice(&mut self, presence: &Presence) -> Result<(), serde_json::Error> {
        let who = AgentId::from(presence.jid.as_str());
        if presence.show == Show::Unavailable {
            self.told.remove(&who);
            return Ok(());
        }
        let serial = self.book.serial();
        if !self.book.has_agent(&presence.jid) || self.told.get(&who) == Some(&serial) {
            return Ok(());
        }
        if let Some(notice) = self.book.notice() {
            self.telling.push_back(Message::new(Performative::Inform, who.clone(), &notice)?);
            self.told.insert(who, serial);
        }
        Ok(())
    }

    async fn tell(&mut self, ctx: &Context) -> Result<(), Failure> {
        for _ in 0..TURN {
            let Some(message) = self.telling.pop_front() else { return Ok(()) };
            let to = message.to.clone();
            if let Err(error) = ctx.until_stopped(ctx.send(message)).await? {
                // It asks by itself once it can.
                self.told.retain(|who, _| Address::from(who.clone()) != to);
                tracing::debug!(%error, "a member could not be told of the list");
            }
        }
        Ok(())
    }

    async fn renew(&mut self, ctx: &Context) -> Result<(), Failure> {
        let serial = self.book.serial();
        self.book.head = Some(self.head(ctx, serial)?);
        ctx.store().commit(vec![self.kept(ctx)?]).await?;
        self.tell_all(ctx, serial)?;
        Ok(())
    }
}

/// The note of whom the operator of this process vouched for last.
const VOUCHED: &str = "vouched members";

/// The note of whom an operator revoked, and nobody enrolled since: a list of accounts.
pub const REVOKED: &str = "revoked members";

/// The account of that name.
fn account(ctx: &Context, name: &str) -> String {
    format!("{name}@{}", ctx.me().domain())
}

/// The accounts in a note.
fn noted(store: &dyn Store, note: &str) -> Result<Vec<String>, Failure> {
    let note = store.note(note)?.map(|it| serde_json::from_slice(&it)).transpose()?;
    Ok(note.unwrap_or_default())
}

/// Whether it has joined and does not see us yet.
fn is_strange(stage: &Stage) -> bool {
    matches!(stage, Stage::Joined { is_let_in: false, .. })
}

/// Something that the API is to hear.
fn news(ctx: &Context, number: i64, name: &str, fate: Fate) -> Result<Change, serde_json::Error> {
    let at_ms = ctx.clock().now_ms();
    let news = EnrolmentNews { number, name: name.to_owned(), at_ms, fate };
    push(NEWS, uuid::Uuid::new_v4(), &news)
}

async fn talked(talk: &mut Option<Talk>) -> Talked {
    match talk {
        Some(talk) => talk.future.as_mut().await,
        None => std::future::pending().await,
    }
}
