//! The sessions with one device: the one that is used, and those it replaced.

use std::collections::VecDeque;

use crate::{
    IdentityKey, PublicKey,
    machine::Engine,
    ratchet::{Ratchet, RatchetError, Sealed},
};

/// Replaced sessions that can still open what was on its way.
pub const ARCHIVED: usize = 5;

/// Messages of one chain after which the other side is shown a new ratchet key (XEP-0384
/// section 6).
pub const HEARTBEAT: u32 = 53;

/// The sessions with one device.
pub(crate) struct Slot {
    active: Engine,
    archived: VecDeque<Engine>,
    /// Whether a heartbeat was sent for the chain that is received.
    beaten: bool,
}

impl Slot {
    pub(crate) fn new(active: Engine) -> Self {
        Self { active, archived: VecDeque::new(), beaten: false }
    }

    pub(crate) fn peer(&self) -> IdentityKey {
        self.active.peer()
    }

    /// Uses another session from now on.
    pub(crate) fn replace(&mut self, active: Engine) {
        let old = std::mem::replace(&mut self.active, active);
        self.archive(old);
        self.beaten = false;
    }

    fn archive(&mut self, old: Engine) {
        self.archived.push_front(old);
        self.archived.truncate(ARCHIVED);
    }

    /// Forgets every session with another key than this.
    pub(crate) fn keep_only(&mut self, key: &IdentityKey) -> bool {
        self.archived.retain(|it| it.peer() == *key);
        self.active.peer() == *key
    }

    pub(crate) fn seal(&mut self, plain: &[u8]) -> Result<Sealed, RatchetError> {
        self.active.seal(plain)
    }

    /// Opens by whichever session can. One that was replaced is used again when it opens
    /// something: the other side uses it.
    pub(crate) fn open(&mut self, bytes: &[u8]) -> Result<Vec<u8>, RatchetError> {
        let before = self.active.received();
        let error = match self.active.open(bytes, false) {
            Ok(plain) => {
                if self.active.received() <= before {
                    self.beaten = false;
                }
                return Ok(plain);
            }
            Err(error) => error,
        };
        for index in 0..self.archived.len() {
            let opened = self.archived.get_mut(index).map(|it| it.open(bytes, false));
            if let Some(Ok(plain)) = opened {
                self.promote(index);
                return Ok(plain);
            }
        }
        Err(error)
    }

    /// Opens a message of the exchange that one of the sessions began with; none if there is no
    /// such session.
    pub(crate) fn open_again(
        &mut self,
        base: &PublicKey,
        bytes: &[u8],
    ) -> Option<Result<Vec<u8>, RatchetError>> {
        if self.active.base() == *base {
            return Some(self.active.open(bytes, true));
        }
        let index = self.archived.iter().position(|it| it.base() == *base)?;
        let opened = self.archived.get_mut(index)?.open(bytes, true);
        if opened.is_ok() {
            self.promote(index);
        }
        Some(opened)
    }

    fn promote(&mut self, index: usize) {
        if let Some(session) = self.archived.remove(index) {
            self.replace(session);
        }
    }

    /// Whether the other side has sent so much in a row that it should see a new ratchet key;
    /// says so once.
    pub(crate) fn wants_heartbeat(&mut self) -> bool {
        let due = !self.beaten && self.active.received() >= HEARTBEAT;
        self.beaten |= due;
        due
    }

    /// All sessions as one record.
    pub(crate) fn save(&self) -> Vec<u8> {
        let mut record = Vec::new();
        for session in std::iter::once(&self.active).chain(&self.archived) {
            let saved = session.save();
            let length = u32::try_from(saved.len()).unwrap_or(u32::MAX);
            record.extend_from_slice(&length.to_le_bytes());
            record.extend_from_slice(&saved);
        }
        record
    }

    pub(crate) fn load(mut record: &[u8]) -> Option<Self> {
        let mut sessions = VecDeque::new();
        while !record.is_empty() {
            let (length, rest) = record.split_first_chunk()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (saved, rest) = rest.split_at_checked(length)?;
            sessions.push_back(Engine::load(saved).ok()?);
            record = rest;
        }
        let active = sessions.pop_front()?;
        Some(Self { active, archived: sessions, beaten: false })
    }
}
