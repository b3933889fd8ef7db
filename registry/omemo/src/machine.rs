//! One device of one account: seals what goes out, opens what came in.
//!
//! It does no I/O. What it wants of the server it says by [`Machine::pull`]; what the server
//! answers it is told. Nothing that it changed may be seen by others before it is written: what
//! was sealed or opened is handed out only against the proof of a later [`Machine::commit`].

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    fmt,
};

use minidom::Element;

use crate::{
    Distrust, EnvelopeError, Identity, IdentityKey, Namespace, Trust,
    payload::PayloadError,
    ratchet::{Engine, RatchetError},
    store::{Store, StoreError, Vault},
    wire::WireError,
};

mod incoming;
mod outgoing;
mod prekeys;
mod publishing;
mod records;
mod slot;

pub use incoming::{Content, Opened};
pub use outgoing::{Outgoing, Sealing};
pub use prekeys::{GRACE, PUBLISHED, ROTATION, SHARED};
pub use slot::{ARCHIVED, HEARTBEAT};

use outgoing::{Fetch, List};
use prekeys::Prekeys;
use publishing::Publishing;
use records::Record;
use slot::Slot;

/// Requests that wait to be pulled, at most; who does not pull them cannot ask for more.
pub const REQUESTS: usize = 1024;

/// Notices that wait to be read, at most; of more the oldest are let go.
pub const NOTICES: usize = 1024;

/// How often a session with one device is mended, at most, in seconds.
pub const MENDING: i64 = 60 * 60;

/// What a device is set up with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its account, `name@domain`.
    pub account: String,
    /// Its number, 1 to 2³¹-1.
    pub device: u32,
    /// Who it is.
    pub identity: Identity,
    /// Whether people's clients can write to it, which know the older namespace only.
    pub people: bool,
}

/// What the machine wants of the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// The list of an account's devices.
    Devices {
        /// Whose.
        of: String,
        /// Which list.
        namespace: Namespace,
    },
    /// The bundle of a device.
    Bundle {
        /// Whose.
        of: String,
        /// Which device.
        device: u32,
        /// Which bundle.
        namespace: Namespace,
    },
    /// Publish this item, readable for everybody.
    Publish {
        /// What it is.
        what: Published,
        /// At which node.
        node: String,
        /// Under which name.
        item: String,
        /// What.
        payload: Element,
    },
    /// Send this to an account, in a message without a body.
    Send {
        /// To whom.
        to: String,
        /// What.
        encrypted: Element,
    },
}

/// What of ours is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Published {
    /// The list of our devices.
    Devices(Namespace),
    /// Our bundle.
    Bundle(Namespace),
}

/// Something that a person should be able to see afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A device is not believed: nothing is sealed for it, and nothing of it is opened.
    Distrusted {
        /// Whose.
        account: String,
        /// Which device.
        device: u32,
        /// The key that it shows.
        key: IdentityKey,
        /// Why.
        why: Distrust,
    },
    /// A bundle is not used.
    Unusable {
        /// Whose.
        account: String,
        /// Of which device.
        device: u32,
        /// Why.
        why: RatchetError,
    },
    /// A session with a device that cannot be opened any more is made anew.
    Mended {
        /// Whose.
        account: String,
        /// Which device.
        device: u32,
    },
    /// Our keys were of an old copy: all sessions are made anew.
    RolledBack,
    /// A record was damaged and is lost.
    Damaged(String),
}

/// Why a message is not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It holds no key for this device, or was sent by it.
    #[error("it is not meant for this device")]
    NotForUs,
    /// It cannot be read.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Its sender is not believed.
    #[error("device {device}: {why}")]
    Distrusted {
        /// Which device.
        device: u32,
        /// Why.
        why: Distrust,
    },
    /// There is no session with the device.
    #[error("there is no session with device {0}")]
    NoSession(u32),
    /// The session does not open it.
    #[error("device {device}: {why}")]
    Ratchet {
        /// Which device.
        device: u32,
        /// Why.
        why: RatchetError,
    },
    /// Its payload is another than was sealed.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Its content is not what it should be.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Its content is no text.
    #[error("the content is no text")]
    NotText,
}

/// Why a message is not sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsealable {
    /// Nobody vouches for the account.
    #[error("nobody vouches for a device of `{0}`")]
    Unknown(String),
    /// None of its devices can be used now.
    #[error("no device of `{0}` can be reached")]
    NoDevice(String),
}

/// What may be seen by others once it is written.
#[derive(Debug)]
#[must_use]
pub struct Kept<T> {
    value: T,
    batch: u64,
}

impl<T> Kept<T> {
    /// The value, if the commit came after it.
    pub fn release(self, commit: Commit) -> Option<T> {
        (self.batch <= commit.0).then_some(self.value)
    }
}

/// The proof that everything up to here is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit(u64);

/// A device and how one speaks to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Device {
    pub(crate) account: String,
    pub(crate) id: u32,
    pub(crate) namespace: Namespace,
}

/// One device of one account.
pub struct Machine<S> {
    settings: Settings,
    store: S,
    vault: Vault,
    trust: Trust,
    prekeys: Prekeys,
    sessions: HashMap<Device, Slot>,
    /// The lists of people's devices, as far as they were asked for.
    lists: HashMap<(String, Namespace), List>,
    /// Bundles that were asked for, and what they are for.
    bundles: BTreeMap<Device, Fetch>,
    /// When sessions were mended.
    mended: HashMap<Device, i64>,
    publishing: Publishing,
    dirty: BTreeSet<Record>,
    requests: VecDeque<(u64, Request)>,
    notices: VecDeque<Notice>,
    /// The changes that are not written belong to this batch.
    batch: u64,
}

impl<S> fmt::Debug for Machine<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("account", &self.settings.account)
            .field("device", &self.settings.device)
            .field("sessions", &self.sessions.len())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Machine<S> {
    /// Opens a device with what it kept. `now` is a time in seconds since 1970, here as
    /// everywhere. Records that are damaged are lost, which is noticed; what was said in the
    /// sessions that they held is not.
    pub fn open(mut store: S, settings: Settings, now: i64) -> Result<Self, StoreError> {
        let records = store.load()?;
        let mut machine = Self {
            vault: Vault::of(&settings.identity.pair.secret),
            settings,
            store,
            trust: Trust::default(),
            prekeys: Prekeys::default(),
            sessions: HashMap::new(),
            lists: HashMap::new(),
            bundles: BTreeMap::new(),
            mended: HashMap::new(),
            publishing: Publishing::default(),
            dirty: BTreeSet::new(),
            requests: VecDeque::new(),
            notices: VecDeque::new(),
            batch: 1,
        };
        for (name, sealed) in records {
            machine.restore(&name, &sealed);
        }
        machine.tend(now);
        Ok(machine)
    }

    /// Writes what changed. What was sealed or opened before may be seen by others from now on.
    /// After an error nothing of it is written, and it can be tried again.
    pub fn commit(&mut self) -> Result<Commit, StoreError> {
        if !self.dirty.is_empty() {
            let changes: Vec<_> = self.dirty.iter().map(|it| self.change(it)).collect();
            self.store.commit(&changes)?;
            self.dirty.clear();
        }
        let commit = Commit(self.batch);
        self.batch += 1;
        Ok(commit)
    }

    /// The next thing that the machine wants, if the commit came after it wanted it.
    pub fn pull(&mut self, commit: Commit) -> Option<Request> {
        let (batch, _) = self.requests.front()?;
        if *batch > commit.0 {
            return None;
        }
        self.requests.pop_front().map(|(_, request)| request)
    }

    /// The next thing that a person should be able to see.
    pub fn notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Who this device is.
    pub fn identity(&self) -> IdentityKey {
        self.settings.identity.key()
    }

    /// Its number.
    pub fn device(&self) -> u32 {
        self.settings.device
    }

    /// Whose keys are believed.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Believes these keys from now on, and no others: sessions with others end.
    pub fn set_trust(&mut self, trust: Trust) {
        let before = std::mem::replace(&mut self.trust, trust);
        let trust = &self.trust;
        let mut ended = Vec::new();
        self.sessions.retain(|device, slot| {
            let key = slot.peer();
            let believed = trust.judge(&device.account, device.id, &key).is_ok();
            let kept = believed && slot.keep_only(&key);
            if !kept {
                ended.push(device.clone());
            }
            kept
        });
        self.dirty.extend(ended.into_iter().map(Record::Session));
        // Who could not be reached may be now.
        self.bundles.retain(|_, it| !matches!(it, Fetch::Failed { .. }));
        // And a key that is new may be that of a device which is on no list that we have.
        self.lists.retain(|(account, _), _| trust.of(account) == before.of(account));
    }

    /// Does what is due: renews prekeys, forgets used ones, publishes. To be called from time to
    /// time, such as every second.
    pub fn tick(&mut self, now: i64) {
        self.tend(now);
        self.publish();
    }

    /// The session ended or began anew: what was asked of the server is not answered any more.
    pub fn reconnected(&mut self) {
        self.requests.retain(|(_, it)| matches!(it, Request::Send { .. }));
        self.lists.retain(|_, it| matches!(it, List::Known(_)));
        self.bundles.clear();
        self.publishing.begin();
        self.ask_for_our_own();
    }

    fn tend(&mut self, now: i64) {
        let changed = self.prekeys.tend(now);
        if changed.any() {
            self.publishing.want_bundles(self.settings.people);
        }
        self.note(changed);
    }

    fn note(&mut self, changed: prekeys::Changed) {
        if changed.shelf {
            self.dirty.insert(Record::Shelf);
        }
        self.dirty.extend(changed.one_time.into_iter().map(Record::Prekey));
    }

    fn want(&mut self, request: Request) {
        if self.requests.len() < REQUESTS {
            self.requests.push_back((self.batch, request));
        }
    }

    fn tell(&mut self, notice: Notice) {
        if self.notices.len() >= NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }

    fn keep<T>(&self, value: T) -> Kept<T> {
        Kept { value, batch: self.batch }
    }
}
