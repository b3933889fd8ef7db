//! The task that owns the connection.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt};
use omemo::machine::{Kept, Opened};
use runtime::{AgentId, Clock, Door, Message, Mood, Performative, SendError, Slot};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tokio_xmpp::{
    Stanza,
    jid::{BareJid, Jid},
    stanzastream::{Event, StanzaStream, StreamEvent},
};
use tracing::{debug, info, warn};
use types::RollCall;
use xmpp_parsers::{iq::Iq, presence, roster::Roster, stream_features::StreamFeatures};

use crate::{
    Account, LinkState, RoadError, Sealing, announce, artifacts, codec, commands::Commands,
    contacts::Contacts, dialler::Dialler, errands::Wish, greetings::Greetings, outbox::Outbox,
    requests::Requests, sealing::Sealer,
};

mod incoming;
mod seals;

/// How long the stream may take to accept a stanza before we look what it has to say.
pub(crate) const BUSY: Duration = Duration::from_secs(2);

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Time between two looks at what is due for sealing.
const TICK: Duration = Duration::from_secs(1);

/// Events that are dealt with before what they changed is written to disk, at most.
const CROWD: usize = 64;

/// Time between two announcements; of what changes meanwhile the last is announced.
const BREATH: Duration = Duration::from_secs(1);

/// Artifacts that one agent may follow.
const FOLLOWED: usize = 256;

/// Interruptions in a row after which the session is given up: some servers, restarted, refuse
/// to resume in a way that the stream never gets over.
const BARREN: u8 = 2;

/// The identity of our one roster query.
const ROSTER_QUERY: &str = "vedette-roster";

/// The task that owns the connection of one agent.
pub(crate) struct Link {
    account: Account,
    door: Door,
    clock: Clock,
    dialler: Dialler,
    stream: StanzaStream,
    contacts: Contacts,
    outbox: Outbox,
    requests: Requests,
    commands: Commands,
    greetings: Greetings,
    /// Where artifacts are published.
    service: Jid,
    followed: BTreeSet<BareJid>,
    /// Answers and presence for the server, in order; they are worth nothing after a break.
    errands: VecDeque<Stanza>,
    mood: watch::Receiver<Mood>,
    /// When the mood is announced that was not yet.
    announce_at: Option<Instant>,
    announced: Instant,
    /// Who seals and opens, for who is enrolled.
    sealer: Option<Sealer>,
    /// What was opened, to be read once that is on disk.
    opened: Vec<(Kept<Opened>, xmpp_parsers::message::Message)>,
    online: bool,
    barren: u8,
    state: Arc<watch::Sender<LinkState>>,
}

/// What the road passes on to its link.
pub(crate) struct Inbox {
    pub(crate) messages: mpsc::Receiver<(Jid, Message)>,
    pub(crate) wishes: mpsc::Receiver<Wish>,
}

impl Link {
    pub(crate) fn new(
        account: Account,
        door: Door,
        sealing: Option<Sealing>,
        state: Arc<watch::Sender<LinkState>>,
        tasks: TaskTracker,
    ) -> Result<Self, RoadError> {
        let open = |it: Sealing| {
            let path = it.store.clone();
            let opened = Sealer::open(account.jid.as_str(), it, Clock::system());
            opened.map_err(|source| RoadError::Keys { path, source })
        };
        let sealer = sealing.map(open).transpose()?;
        let mut dialler = Dialler::new(&account, Arc::clone(&state), tasks)?;
        Ok(Self {
            contacts: Contacts::new(&account),
            service: account.service(),
            account,
            clock: Clock::system(),
            stream: dialler.stream(),
            dialler,
            outbox: Outbox::default(),
            requests: Requests::default(),
            commands: Commands::new(door.desk().clone()),
            greetings: Greetings::default(),
            followed: BTreeSet::new(),
            errands: VecDeque::new(),
            mood: door.mood(),
            door,
            sealer,
            opened: Vec::new(),
            announce_at: None,
            announced: Instant::now(),
            online: false,
            barren: 0,
            state,
        })
    }

    /// Everything the link reacts to, in one place. Ends when asked to.
    pub(crate) async fn run(mut self, mut inbox: Inbox, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.settle_seals();
            if self.online {
                self.run_errands().await;
            }
            let room = self.online && self.outbox.has_room();
            let ready = self.online && self.requests.has_room();
            let announce_at = self.announce_at.filter(|_| self.online);
            let ask_at = self.greetings.ask_at().filter(|_| self.online);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.outbox.settle() => {}
                event = self.stream.next() => match event {
                    Some(event) => {
                        self.on_event(event);
                        self.on_crowd();
                    }
                    None => self.renew(),
                },
                () = members_change(&mut self.sealer) => self.believe(),
                _ = ticks.tick(), if self.sealer.is_some() => self.tick(),
                answer = self.commands.answered() => self.errands.push_back(Stanza::Iq(answer)),
                () = until(announce_at) => self.announce(),
                () = until(ask_at) => if let Some(who) = self.greetings.ask() {
                    self.tell(&who, presence::Presence::subscribe());
                },
                Ok(()) = self.mood.changed() => {
                    let soon = Instant::now().max(self.announced + BREATH);
                    self.announce_at.get_or_insert(soon);
                }
                Some(wish) = inbox.wishes.recv(), if ready => self.fulfil(wish),
                Some(message) = inbox.messages.recv(), if room => {
                    self.outbox.push(message);
                    while self.outbox.has_room() && let Ok(message) = inbox.messages.try_recv() {
                        self.outbox.push(message);
                    }
                }
            }
        }
        self.leave(inbox.messages).await;
    }

    /// What came behind an event and is here already: what was sealed is kept all at once.
    fn on_crowd(&mut self) {
        for _ in 0..CROWD {
            match self.stream.next().now_or_never() {
                Some(Some(event)) => self.on_event(event),
                Some(None) => return self.renew(),
                None => return,
            }
        }
    }

    async fn run_errands(&mut self) {
        while let Some(stanza) = self.errands.pop_front() {
            let is_presence = matches!(stanza, Stanza::Presence(_));
            // Nobody waits for the fate of an errand. While the stream takes nothing it may be
            // waiting for us to hear that it broke: then an errand is worth nothing any more.
            if timeout(BUSY, self.stream.send(Box::new(stanza))).await.is_err() {
                if is_presence {
                    // Except how we are: that is said again.
                    self.announce_at.get_or_insert(Instant::now());
                }
                return;
            }
        }
        self.outbox.flush(&self.stream, self.sealer.as_mut()).await;
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Stream(StreamEvent::Reset { bound_jid, features }) => {
                self.on_session(&bound_jid, &features);
            }
            Event::Stream(StreamEvent::Resumed) => {
                self.barren = 0;
                self.set_online(true);
                info!(agent.jid = %self.account.jid, "resumed the session");
            }
            Event::Stream(StreamEvent::Suspended) => self.on_break(),
            Event::Stanza(stanza) => {
                self.barren = 0;
                match stanza {
                    Stanza::Message(message) => self.on_message(message),
                    Stanza::Presence(presence) => self.on_presence(&presence),
                    Stanza::Iq(iq) => self.on_query(iq),
                }
            }
        }
    }

    /// A fresh session: greets the server, asks for the roster and for who does what.
    fn on_session(&mut self, bound: &Jid, features: &StreamFeatures) {
        self.barren = 0;
        self.outbox.opened(features.stream_management.is_some());
        self.errands.clear();
        self.requests.forget();
        self.greetings.begin();
        self.say_gone();
        self.errands.push_back(Stanza::Iq(Iq::Get {
            from: None,
            to: None,
            id: ROSTER_QUERY.to_owned(),
            payload: Roster { ver: None, items: Vec::new() }.into(),
        }));
        self.announce();
        if self.is_registrar() {
            for member in self.contacts.configured() {
                self.greet(&member);
            }
        }
        self.call_the_roll();
        let renewals =
            self.followed.iter().map(|it| artifacts::renew(&self.service, it, &self.account.jid));
        self.errands.extend(renewals.map(Stanza::Iq));
        if let Some(sealer) = &mut self.sealer {
            sealer.reconnected();
        }
        self.set_online(true);
        info!(agent.jid = %bound, "connected");
    }

    /// The connection broke. It will be resumed, or, when that goes nowhere, made anew.
    fn on_break(&mut self) {
        self.set_online(false);
        self.barren += 1;
        info!(agent.jid = %self.account.jid, "the connection broke");
        if self.barren >= BARREN {
            self.renew();
        }
    }

    fn renew(&mut self) {
        self.barren = 0;
        self.outbox.take_back();
        self.stream = self.dialler.stream();
    }

    fn announce(&mut self) {
        self.announce_at = None;
        self.announced = Instant::now();
        let hello = announce::hello(self.door.announcement(), &self.mood.borrow_and_update());
        let is_news = self.greetings.is_news(&hello);
        self.errands.push_back(Stanza::Presence(hello));
        // Whom we see by directed presence hears nothing of the other.
        if !self.is_registrar() {
            let registrar = self.account.registrar.clone();
            self.greet(&registrar);
        } else if is_news {
            for member in self.greetings.accounts().collect::<Vec<_>>() {
                self.greet(&member);
            }
        }
    }

    pub(crate) fn is_registrar(&self) -> bool {
        self.account.registrar.bare() == self.account.jid.as_str()
    }

    /// Says to one account that we are here, and how.
    pub(crate) fn greet(&mut self, who: &AgentId) {
        let hello = announce::hello(self.door.announcement(), &self.mood.borrow());
        self.tell(who, hello);
    }

    /// Does what somebody of this agent wants beside sending messages.
    fn fulfil(&mut self, wish: Wish) {
        match wish {
            // Who waited too long for the connection does not want it any more.
            Wish::Ask(question) if question.answer.is_closed() => {}
            Wish::Ask(question) => self.errands.push_back(Stanza::Iq(self.requests.open(question))),
            Wish::Approve(who) => {
                self.contacts.approve(&who);
                self.let_in(&who);
            }
            Wish::Deny(who) => {
                self.contacts.deny(&who);
                self.tell(&who, presence::Presence::new(presence::Type::Unsubscribed));
            }
            Wish::Subscribe(who) => {
                self.contacts.watch(&who);
                self.tell(&who, presence::Presence::subscribe());
            }
            Wish::Unsubscribe(who) => {
                self.contacts.unwatch(&who);
                self.tell(&who, presence::Presence::new(presence::Type::Unsubscribe));
            }
            Wish::Follow(who, answer) => {
                let room = self.followed.len() < FOLLOWED || self.followed.contains(&who);
                let full = SendError::Unable("follow more than 256 others");
                let noted = if room { Ok(()) } else { Err(full) };
                if room {
                    self.followed.insert(who);
                }
                // Whoever wished it may be gone.
                drop(answer.send(noted));
            }
            Wish::Unfollow(who) => {
                self.followed.remove(&who);
            }
        }
    }

    fn tell(&mut self, who: &AgentId, what: presence::Presence) {
        if let Ok(to) = who.bare().parse::<Jid>() {
            self.errands.push_back(Stanza::Presence(what.with_to(to)));
        }
    }

    /// Asks the registrar who does what we need, now and whenever that changes.
    fn call_the_roll(&mut self) {
        let registrar = &self.account.registrar;
        if self.is_registrar() || self.account.wants.is_empty() {
            return;
        }
        let call = RollCall { duties: self.account.wants.clone(), ..RollCall::default() };
        let asked = Message::new(Performative::Subscribe, registrar.clone(), &call)
            .map(|it| it.with(Slot::Protocol, "fipa-subscribe").in_new_conversation())
            .inspect(|it| self.door.said(it));
        if let Ok(asked) = asked
            && let Ok(to) = codec::check(&asked)
        {
            self.outbox.push((to, asked));
        }
    }

    fn say_gone(&mut self) {
        for gone in self.contacts.forget_present(self.clock.now_ms()) {
            self.door.presence(gone);
        }
    }

    fn set_online(&mut self, online: bool) {
        self.online = online;
        self.door.set_online(online);
        let state = if online { LinkState::Online } else { LinkState::Waiting };
        self.state.send_replace(state);
    }

    /// Hands over what is still waiting, says goodbye, and closes the stream.
    async fn leave(mut self, mut messages: mpsc::Receiver<(Jid, Message)>) {
        messages.close();
        if self.online {
            while let Some(message) = messages.recv().await {
                self.outbox.push(message);
            }
            let last_words = async {
                self.run_errands().await;
                while !self.outbox.is_empty() {
                    tokio::select! {
                        () = self.outbox.settle() => {}
                        event = self.stream.next() => if event.is_none() { break },
                    }
                }
                drop(self.stream.send(Box::new(Stanza::Presence(announce::goodbye()))).await);
            };
            if timeout(GOODBYE, last_words).await.is_err() {
                warn!(agent.jid = %self.account.jid, "left without an answer to the last words");
            }
        }
        self.dialler.hang_up();
        self.door.set_online(false);
        self.state.send_replace(LinkState::Closed);
        debug!(agent.jid = %self.account.jid, "left");
        // A server that does not close its side must not hold us up.
        drop(timeout(GOODBYE, self.stream.close()).await);
    }
}

/// Waits until then; without a then for ever.
async fn until(then: Option<Instant>) {
    match then {
        Some(then) => sleep_until(then).await,
        None => std::future::pending().await,
    }
}

/// Waits until others are to be believed; without a sealer for ever.
async fn members_change(sealer: &mut Option<Sealer>) {
    match sealer {
        Some(sealer) => sealer.members_change().await,
        None => std::future::pending().await,
    }
}
