//! An agent's door: where roads bring in what is for it, and look up what it says of itself.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{sync::watch, time::Instant};
use tracing::{debug, warn};
use types::{Announcement, Content, Presence, Roll, Violation};

use crate::{
    AgentId, Desk, Directory, Errand, Message, Mood, Performative, Road, Round, SendError, Sending,
    handed::{Handed, Handing},
    mailbox::Slit,
    talks::Talks,
};

/// Requests to see our presence that wait for a person; further ones are passed over.
const REQUESTS: usize = 256;
/// How many of these may come from one domain that is not ours.
const FOREIGN: usize = 32;

/// How much of a reason is told, in characters.
const REASON: usize = 200;

/// Messages that nobody wanted and that are answered, within [`PERIOD`]: whoever floods us gets no
/// flood back.
const ANSWERS: u32 = 32;
const PERIOD: std::time::Duration = std::time::Duration::from_secs(1);

/// What became of a message that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// So many behaviours took it; none, when the directory did.
    Taken(usize),
    /// No behaviour wants such a message.
    Unwanted,
    /// Those that want it have no room.
    Full,
}

/// Where a road brings in what is for an agent.
#[derive(Clone, Debug)]
pub struct Door(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    me: AgentId,
    announcement: Announcement,
    registrar: Option<AgentId>,
    directory: Directory,
    desk: Desk,
    slits: RwLock<Vec<Slit>>,
    talks: Arc<Talks>,
    unwanted: AtomicU64,
    online: watch::Sender<bool>,
    mood: watch::Sender<Mood>,
    requests: Mutex<BTreeSet<AgentId>>,
    asked: watch::Sender<u64>,
    /// How many refusals a road told.
    refused: watch::Sender<u64>,
    road: OnceLock<Arc<dyn Road>>,
    answers: Mutex<(Instant, u32)>,
}

impl Door {
    pub(crate) fn new(me: AgentId, announcement: Announcement, registrar: Option<AgentId>) -> Self {
        Self(Arc::new(Inner {
            talks: Talks::new(me.clone()),
            me,
            announcement,
            registrar,
            directory: Directory::default(),
            desk: Desk::default(),
            slits: RwLock::default(),
            unwanted: AtomicU64::new(0),
            online: watch::Sender::new(false),
            mood: watch::Sender::new(Mood::default()),
            requests: Mutex::default(),
            asked: watch::Sender::new(0),
            refused: watch::Sender::new(0),
            road: OnceLock::new(),
            answers: Mutex::new((Instant::now(), 0)),
        }))
    }

    /// Whose door it is.
    pub fn me(&self) -> &AgentId {
        &self.0.me
    }

    /// What the agent says of itself.
    pub fn announcement(&self) -> &Announcement {
        &self.0.announcement
    }

    /// Who else is there.
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Where people call commands.
    pub fn desk(&self) -> &Desk {
        &self.0.desk
    }

    /// Says whether the road is passable.
    pub fn set_online(&self, online: bool) {
        self.0.online.send_if_modified(|it| std::mem::replace(it, online) != online);
    }

    /// How the agent wants to be seen; wakes when that changes.
    pub fn mood(&self) -> watch::Receiver<Mood> {
        self.0.mood.subscribe()
    }

    /// Changes how the agent is seen.
    pub fn set_mood(&self, change: impl FnOnce(&mut Mood)) {
        self.0.mood.send_if_modified(|it| {
            let before = it.clone();
            change(it);
            *it != before
        });
    }

    /// Takes note of somebody's presence.
    pub fn presence(&self, presence: Presence) {
        self.0.directory.note(presence);
    }

    /// Somebody asks to see our presence, and policy leaves it to a person.
    pub fn request(&self, who: &AgentId) {
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let neighbours = requests.iter().filter(|it| it.domain() == who.domain()).count();
        let has_room = who.domain() == self.me().domain() || neighbours < FOREIGN;
        if has_room && requests.len() < REQUESTS && requests.insert(who.to_bare()) {
            drop(requests);
            self.0.asked.send_modify(|it| *it += 1);
        }
    }

    /// Somebody does not ask any more.
    pub fn withdraw(&self, who: &AgentId) {
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.remove(&who.to_bare());
    }

    /// Who waits to see our presence.
    pub fn requests(&self) -> Vec<AgentId> {
        let requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().cloned().collect()
    }

    /// Wakes when somebody new asks to see our presence.
    pub fn watch_requests(&self) -> watch::Receiver<u64> {
        self.0.asked.subscribe()
    }

    /// Hands a message to every behaviour that wants it. A mailbox that is full, or half
    /// full of messages by the same sender, turns it away and counts it. What the registrar tells of who is there goes into the directory. A message
    /// that nobody wants is counted, and answered where FIPA says so.
    pub fn deliver(&self, message: Message) -> Delivery {
        self.heard(&message);
        if self.is_roll(&message) {
            return Delivery::Taken(0);
        }
        let message = Arc::new(message);
        let (taken, full) = self.offer(&message, Slit::put_fairly);
        full.iter().for_each(Slit::count_dropped);
        match (taken, full.is_empty()) {
            (0, true) => Delivery::Unwanted,
            (0, false) => Delivery::Full,
            (taken, _) => Delivery::Taken(taken),
        }
    }

    /// Hands a letter to every behaviour that wants it and does not have it yet.
    pub(crate) fn hand_over(
        &self,
        letter: Message,
        key: &Arc<str>,
        handed: &Handed,
        round: &mut Round,
    ) -> Handing {
        self.heard(&letter);
        if self.is_roll(&letter) {
            return Handing::Complete { is_dealt_with: true };
        }
        let letter = Arc::new(letter);
        let wanting: Vec<Slit> = {
            let slits = self.0.slits.read().unwrap_or_else(PoisonError::into_inner);
            slits.iter().filter(|it| it.wants(&letter)).cloned().collect()
        };
        let handing = handed.hand_over(&letter, key, &wanting, round);
        if handing == Handing::Unwanted {
            self.unwanted_came(&letter);
        }
        handing
    }

    /// How many messages no behaviour wanted.
    pub fn unwanted(&self) -> u64 {
        self.0.unwanted.load(Ordering::Relaxed)
    }

    /// Follows a message that a road sends on its own behalf, in our name. What behaviours send is
    /// followed anyway.
    pub fn said(&self, message: &Message) {
        self.0.talks.said(message);
    }

    /// How often somebody, we included, spoke out of turn in a conversation by a protocol or did
    /// not answer in time, and the last 100 times, the oldest first.
    pub fn violations(&self) -> (u64, Vec<Violation>) {
        self.0.talks.violations()
    }

    /// Notes something that somebody should not have done, or that we did not do for them, where
    /// [`violations`](Self::violations) are told.
    pub fn complain(&self, violation: Violation) {
        self.0.talks.note(violation);
        self.0.refused.send_modify(|it| *it += 1);
    }

    /// Wakes when a road complains.
    pub(crate) fn watch_complaints(&self) -> watch::Receiver<u64> {
        self.0.refused.subscribe()
    }

    /// Follows a message that came in.
    pub(crate) fn heard(&self, message: &Message) {
        self.0.talks.heard(message);
    }

    pub(crate) fn talks(&self) -> &Arc<Talks> {
        &self.0.talks
    }

    pub(crate) fn watch_online(&self) -> watch::Receiver<bool> {
        self.0.online.subscribe()
    }

    pub(crate) fn add(&self, slit: Slit) {
        self.0.slits.write().unwrap_or_else(PoisonError::into_inner).push(slit);
    }

    /// Has a slit take other messages from now on.
    pub(crate) fn change(&self, slit: Slit) {
        let mut slits = self.0.slits.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(it) = slits.iter_mut().find(|it| it.is_same(&slit)) {
            *it = slit;
        }
    }

    pub(crate) fn remove(&self, slit: &Slit) {
        let mut slits = self.0.slits.write().unwrap_or_else(PoisonError::into_inner);
        slits.retain(|it| !it.is_same(slit));
    }

    /// The road by which answers go.
    pub(crate) fn opens_on(&self, road: Arc<dyn Road>) {
        // A door opens on one road, once.
        drop(self.0.road.set(road));
    }

    /// Has the road run an errand; whoever asked to see us has an answer then.
    pub(crate) fn run(&self, errand: Errand) -> Sending {
        if let Errand::Approve(who) | Errand::Deny(who) = &errand {
            self.withdraw(who);
        }
        match self.0.road.get() {
            Some(road) => road.run(errand),
            None => Sending::Done(Err(SendError::Closed)),
        }
    }

    /// How many took it, and who would have but for want of room.
    pub(crate) fn offer(
        &self,
        message: &Arc<Message>,
        put: fn(&Slit, Arc<Message>) -> Result<(), crate::Full>,
    ) -> (usize, Vec<Slit>) {
        let (mut taken, mut full, mut wanted) = (0, Vec::new(), false);
        for slit in self.0.slits.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if !slit.wants(message) {
                continue;
            }
            wanted = true;
            match put(slit, Arc::clone(message)) {
                Ok(()) => taken += 1,
                Err(crate::Full) => full.push(slit.clone()),
            }
        }
        if !wanted {
            self.unwanted_came(message);
        }
        (taken, full)
    }

    /// Takes what the registrar tells of who is there.
    pub(crate) fn is_roll(&self, message: &Message) -> bool {
        let (Some(registrar), Some(from)) = (&self.0.registrar, &message.from) else {
            return false;
        };
        if registrar.bare() != from.bare() || from.bare() == self.me().bare() {
            return false;
        }
        match (message.performative, message.ontology()) {
            (Some(Performative::Refuse), Some(Roll::ONTOLOGY)) => {
                warn!(
                    agent.jid = %self.me(),
                    "`{registrar}` does not tell us who is there, so we find nobody by duty: {}; \
                     are we among its `contacts`?",
                    message.body.chars().take(REASON).collect::<String>(),
                );
                true
            }
            (Some(Performative::Inform), Some(Roll::ONTOLOGY)) => {
                if let Ok(roll) = message.read::<Roll>() {
                    self.directory().note_all(roll.members);
                }
                true
            }
            (Some(Performative::Inform), Some(Presence::ONTOLOGY)) => {
                if let Ok(presence) = message.read::<Presence>() {
                    self.presence(presence);
                }
                true
            }
            _ => false,
        }
    }

    fn unwanted_came(&self, message: &Message) {
        self.0.unwanted.fetch_add(1, Ordering::Relaxed);
        debug!(
            agent.jid = %self.me(),
            message.from = message.from.as_ref().map(AgentId::as_str),
            "nobody wants this message"
        );
        if !message.wants_answer_if_not_understood() || !self.may_answer() {
            return;
        }
        let why = "no behaviour here wants such a message";
        let answer = message.reply(Performative::NotUnderstood, why);
        let (Some(from), Some(mut answer), Some(road)) = (&message.from, answer, self.0.road.get())
        else {
            return;
        };
        // Whoever names somebody else in `reply-to` does not have us pester them.
        answer.to = from.clone().into();
        answer.from = Some(self.me().clone());
        self.said(&answer);
        // While the road is busy such an answer is not worth waiting for.
        drop(road.send(answer));
    }

    fn may_answer(&self) -> bool {
        let mut answers = self.0.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now.duration_since(answers.0) >= PERIOD {
            *answers = (now, 0);
        }
        answers.1 += 1;
        answers.1 <= ANSWERS
    }
}
