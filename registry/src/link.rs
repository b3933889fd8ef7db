//! The task that owns the connection.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::StreamExt;
use runtime::{AgentId, Chain, Clock, Delivery, Door, Message, Performative, Slot};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tokio_xmpp::{
    Stanza,
    jid::{BareJid, Jid},
    stanzastream::{Connection, Event, StanzaStream, StreamEvent},
    xmlstream::Timeouts,
};
use tracing::{debug, info, warn};
use types::{Content, Roll, RollCall, Show};
use xmpp_parsers::{
    iq::{Iq, IqHeader, IqPayload},
    ns, presence,
    roster::Roster,
    stream_features::StreamFeatures,
};

use crate::{
    Account, ConnectError, LinkState, TlsError, announce,
    backoff::Backoff,
    chance, codec,
    connect::Connector,
    contacts::Contacts,
    login::login,
    outbox::{Outbox, WINDOW},
    queries,
};

/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(30);

/// How long the stream may take to accept a stanza before we look what it has to say.
pub(crate) const BUSY: Duration = Duration::from_secs(2);

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Silence after which the server is asked for a sign of life, and how long it has for it.
const TIMEOUTS: Timeouts =
    Timeouts { read_timeout: Duration::from_mins(1), response_timeout: Duration::from_secs(15) };

/// Interruptions in a row after which the session is given up: some servers, restarted, refuse
/// to resume in a way that the stream never gets over.
const BARREN: u8 = 2;

/// The identity of our one roster query.
const ROSTER_QUERY: &str = "vedette-roster";

/// The task that owns the connection of one agent.
pub(crate) struct Link {
    account: Account,
    resource: String,
    door: Door,
    clock: Clock,
    dialler: Dialler,
    stream: StanzaStream,
    contacts: Contacts,
    outbox: Outbox,
    /// Answers and presence for the server, in order; they are worth nothing after a break.
    errands: VecDeque<Stanza>,
    online: bool,
    barren: u8,
    state: Arc<watch::Sender<LinkState>>,
}

impl Link {
    pub(crate) fn new(
        account: Account,
        door: Door,
        state: Arc<watch::Sender<LinkState>>,
        tasks: TaskTracker,
    ) -> Result<Self, TlsError> {
        let connector = Connector { server: account.server.clone(), tls: account.roots.config()? };
        let resource = format!("vedette-{:08x}", u32::from_le_bytes(chance::bytes()));
        let mut dialler = Dialler {
            connector,
            account: account.jid.clone(),
            password: account.password.clone(),
            resource: resource.clone(),
            backoff: Arc::default(),
            state: Arc::clone(&state),
            tasks,
            hang_up: CancellationToken::new(),
        };
        Ok(Self {
            contacts: Contacts::new(&account),
            account,
            resource,
            door,
            clock: Clock::system(),
            stream: dialler.stream(),
            dialler,
            outbox: Outbox::default(),
            errands: VecDeque::new(),
            online: false,
            barren: 0,
            state,
        })
    }

    /// Everything the link reacts to, in one place. Ends when asked to.
    pub(crate) async fn run(
        mut self,
        mut messages: mpsc::Receiver<(Jid, Message)>,
        stop: CancellationToken,
    ) {
        loop {
            if self.online {
                self.run_errands().await;
            }
            let room = self.online && self.outbox.has_room();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.outbox.settle() => {}
                event = self.stream.next() => match event {
                    Some(event) => self.on_event(event),
                    None => self.renew(),
                },
                Some(message) = messages.recv(), if room => {
                    self.outbox.push(message);
                    while self.outbox.has_room() && let Ok(message) = messages.try_recv() {
                        self.outbox.push(message);
                    }
                }
            }
        }
        self.leave(messages).await;
    }

    async fn run_errands(&mut self) {
        while let Some(stanza) = self.errands.pop_front() {
            // Nobody waits for the fate of an errand. While the stream takes nothing it may be
            // waiting for us to hear that it broke: then an errand is worth nothing any more.
            if timeout(BUSY, self.stream.send(Box::new(stanza))).await.is_err() {
                return;
            }
        }
        self.outbox.flush(&self.stream).await;
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
        self.say_gone();
        self.errands.push_back(Stanza::Iq(Iq::Get {
            from: None,
            to: None,
            id: ROSTER_QUERY.to_owned(),
            payload: Roster { ver: None, items: Vec::new() }.into(),
        }));
        self.errands.push_back(Stanza::Presence(announce::hello(self.door.announcement())));
        self.call_the_roll();
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

    fn on_message(&mut self, stanza: xmpp_parsers::message::Message) {
        let Some(from) = stanza.from.as_ref().map(|it| AgentId::from(it.as_str())) else { return };
        if !self.contacts.hears(&from) {
            warn!(message.from = %from, "a message of a stranger was passed over");
            return;
        }
        let refusal = queries::no_room(&stanza);
        let Some(message) = codec::read(stanza, self.door.me()) else { return };
        if self.is_roll_call_of_stranger(&from, &message) {
            return;
        }
        match self.door.deliver(message) {
            Delivery::Taken(_) | Delivery::Unwanted => {}
            Delivery::Full => self.errands.extend(refusal.map(Stanza::Message)),
        }
    }

    /// Only contacts may ask the registrar who is there.
    fn is_roll_call_of_stranger(&mut self, from: &AgentId, message: &Message) -> bool {
        let strange = message.ontology() == Some(Roll::ONTOLOGY) && !self.contacts.allows(from);
        if strange && message.performative == Some(Performative::Subscribe) {
            warn!(message.from = %from, "a stranger asked who is there and was refused");
            let refusal = message.reply(Performative::Refuse, "you are none of my contacts");
            let refusal = refusal.and_then(|it| codec::write(&it).ok());
            self.errands.extend(refusal.map(Stanza::Message));
        }
        strange
    }

    fn on_presence(&mut self, presence: &presence::Presence) {
        let Some(from) = presence.from.as_ref().map(|it| AgentId::from(it.as_str())) else {
            return;
        };
        match presence.type_ {
            presence::Type::Subscribe => self.on_subscribe(&from),
            _ if from.bare() == self.account.jid.as_str() => {}
            _ => {
                let Some((from, heard)) = announce::read(presence, self.clock) else { return };
                let Some(account) = self.contacts.note(&from, heard) else { return };
                let back = account.show != Show::Unavailable
                    && self.account.registrar.covers(&from.to_bare());
                self.door.presence(account);
                if back {
                    self.call_the_roll();
                }
            }
        }
    }

    /// A contact is let in and asked in turn; a stranger waits until an operator says so.
    fn on_subscribe(&mut self, from: &AgentId) {
        if !self.contacts.allows(from) {
            warn!(contact.jid = %from, "a stranger wants to see our presence; nobody said yes");
            return;
        }
        let Ok(to) = from.bare().parse::<Jid>() else { return };
        let presence = |it: presence::Presence| Stanza::Presence(it.with_to(to.clone()));
        self.errands.push_back(presence(presence::Presence::subscribed()));
        if !self.contacts.sees(from) {
            self.errands.push_back(presence(presence::Presence::subscribe()));
        }
    }

    fn on_query(&mut self, iq: Iq) {
        let (header, payload) = iq.split();
        let from_server = header.from.as_ref().is_none_or(|it| *it == self.account.jid);
        match payload {
            IqPayload::Result(Some(payload)) if header.id == ROSTER_QUERY && from_server => {
                self.on_roster(payload);
            }
            IqPayload::Set(payload) if payload.is("query", ns::ROSTER) && from_server => {
                if let Ok(roster) = Roster::try_from(payload) {
                    for item in roster.items {
                        self.contacts.update(item);
                    }
                }
                let IqHeader { from, id, .. } = header;
                let done = Iq::Result { from: None, to: from, id, payload: None };
                self.errands.push_back(Stanza::Iq(done));
            }
            payload => {
                let answer = queries::answer(header, &payload, self.door.announcement());
                self.errands.extend(answer.map(Stanza::Iq));
            }
        }
    }

    fn on_roster(&mut self, payload: tokio_xmpp::minidom::Element) {
        let Ok(roster) = Roster::try_from(payload) else { return };
        for who in self.contacts.set_roster(roster.items) {
            if let Ok(to) = who.as_str().parse::<Jid>() {
                let ask = presence::Presence::subscribe().with_to(to);
                self.errands.push_back(Stanza::Presence(ask));
            }
        }
    }

    /// Asks the registrar who does what we need, now and whenever that changes.
    fn call_the_roll(&mut self) {
        let registrar = &self.account.registrar;
        if registrar.bare() == self.account.jid.as_str() || self.account.wants.is_empty() {
            return;
        }
        let call = RollCall { duties: self.account.wants.clone(), ..RollCall::default() };
        let asked = Message::new(Performative::Subscribe, registrar.clone(), &call)
            .map(|it| it.with(Slot::Protocol, "fipa-subscribe").in_new_conversation())
            .inspect(|it| self.door.said(it));
        if let Ok(stanza) = asked.map_err(drop).and_then(|it| codec::write(&it).map_err(drop)) {
            self.errands.push_back(Stanza::Message(stanza));
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
        self.dialler.hang_up.cancel();
        self.door.set_online(false);
        self.state.send_replace(LinkState::Closed);
        debug!(agent.jid = %self.account.jid, resource = self.resource, "left");
        // A server that does not close its side must not hold us up.
        drop(timeout(GOODBYE, self.stream.close()).await);
    }
}

/// Makes connections for a stream, again and again.
#[derive(Clone)]
struct Dialler {
    connector: Connector,
    account: BareJid,
    password: crate::Secret,
    resource: String,
    backoff: Arc<Mutex<Backoff>>,
    state: Arc<watch::Sender<LinkState>>,
    tasks: TaskTracker,
    /// Ends the attempts for the stream that is in use.
    hang_up: CancellationToken,
}

impl Dialler {
    /// A fresh stream. Attempts for the one before end.
    fn stream(&mut self) -> StanzaStream {
        self.hang_up.cancel();
        self.hang_up = CancellationToken::new();
        let dialler = self.clone();
        let connect = move |_location: Option<String>, slot: oneshot::Sender<Connection>| {
            let dialler = dialler.clone();
            dialler.tasks.clone().spawn(Box::pin(dialler.dial(slot)));
        };
        StanzaStream::new(Box::new(connect), WINDOW)
    }

    async fn dial(self, slot: oneshot::Sender<Connection>) {
        let Ok(resource) = self.resource.parse::<tokio_xmpp::jid::ResourcePart>() else { return };
        let identity = Jid::from(self.account.with_resource(&resource));
        let mut backoff = self.backoff.lock().await;
        loop {
            let wait = backoff.wait();
            tokio::select! {
                () = self.hang_up.cancelled() => return abandon(slot),
                () = tokio::time::sleep(wait) => {}
            }
            let attempt = login(&self.connector, &self.account, &self.password, TIMEOUTS);
            let attempt = async {
                timeout(ATTEMPT, attempt)
                    .await
                    .unwrap_or(Err(ConnectError::Slow(ATTEMPT.as_secs())))
            };
            let result = tokio::select! {
                () = self.hang_up.cancelled() => return abandon(slot),
                result = attempt => result,
            };
            match result {
                Ok((features, stream)) => {
                    backoff.succeeded();
                    let stream = stream.box_stream();
                    // The stream may have been given up meanwhile.
                    drop(slot.send(Connection { stream, features, identity }));
                    return;
                }
                Err(error) if error.is_final() => {
                    warn!(agent.jid = %self.account, error = %Chain(&error), "cannot log in");
                    self.state.send_replace(LinkState::Refused(Arc::new(error)));
                    return abandon(slot);
                }
                Err(error) => {
                    debug!(agent.jid = %self.account, error = %Chain(&error), "cannot connect");
                    backoff.failed();
                    self.state.send_if_modified(|it| {
                        let told = matches!(it, LinkState::Failing(_));
                        *it = LinkState::Failing(Arc::new(error));
                        !told
                    });
                }
            }
        }
    }
}

/// Leaves a stream without a connection for good. Its task would panic if the slot were dropped,
/// and it never looks up while it waits for one: so both stay where they are.
fn abandon(slot: oneshot::Sender<Connection>) {
    std::mem::forget(slot);
}
