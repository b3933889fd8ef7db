//! The engine that a session gets: libsignal's where it is built in and can, else our own.

use zeroize::Zeroizing;

use super::{Own, Ratchet, RatchetError, Sealed};
use crate::{Bundle, Identity, IdentityKey, Namespace, Pair, PublicKey};

#[cfg(feature = "signal")]
use super::{KIND_SIGNAL, Signal};

/// A session of either engine.
#[derive(Debug)]
pub enum Engine {
    /// Our own: always in the newer namespace.
    Own(Box<Own>),
    /// libsignal's: in the older namespace.
    #[cfg(feature = "signal")]
    Signal(Box<Signal>),
}

impl From<Own> for Engine {
    fn from(session: Own) -> Self {
        Self::Own(Box::new(session))
    }
}

#[cfg(feature = "signal")]
impl From<Signal> for Engine {
    fn from(session: Signal) -> Self {
        Self::Signal(Box::new(session))
    }
}

/// Asks the session, whichever it is.
macro_rules! ask {
    ($engine:expr, $session:ident => $answer:expr) => {
        match $engine {
            Engine::Own($session) => $answer,
            #[cfg(feature = "signal")]
            Engine::Signal($session) => $answer,
        }
    };
}

impl Ratchet for Engine {
    fn initiate(
        namespace: Namespace,
        own: &Identity,
        theirs: &Bundle,
        prekey: u32,
    ) -> Result<Self, RatchetError> {
        match namespace {
            #[cfg(feature = "signal")]
            Namespace::Axolotl => Signal::initiate(namespace, own, theirs, prekey).map(Self::from),
            _ => Own::initiate(namespace, own, theirs, prekey).map(Self::from),
        }
    }

    fn respond(
        namespace: Namespace,
        own: &Identity,
        signed_prekey: &Pair,
        prekey: &Pair,
        bytes: &[u8],
    ) -> Result<(Self, Vec<u8>), RatchetError> {
        match namespace {
            #[cfg(feature = "signal")]
            Namespace::Axolotl => Signal::respond(namespace, own, signed_prekey, prekey, bytes)
                .map(|(session, plain)| (session.into(), plain)),
            _ => Own::respond(namespace, own, signed_prekey, prekey, bytes)
                .map(|(session, plain)| (session.into(), plain)),
        }
    }

    fn seal(&mut self, plain: &[u8]) -> Result<Sealed, RatchetError> {
        ask!(self, session => session.seal(plain))
    }

    fn open(&mut self, bytes: &[u8], exchange: bool) -> Result<Vec<u8>, RatchetError> {
        ask!(self, session => session.open(bytes, exchange))
    }

    fn base(&self) -> PublicKey {
        ask!(self, session => session.base())
    }

    fn peer(&self) -> IdentityKey {
        ask!(self, session => session.peer())
    }

    fn received(&self) -> u32 {
        ask!(self, session => session.received())
    }

    fn confirmed(&self) -> bool {
        ask!(self, session => session.confirmed())
    }

    fn save(&self) -> Zeroizing<Vec<u8>> {
        ask!(self, session => session.save())
    }

    fn load(bytes: &[u8]) -> Result<Self, RatchetError> {
        match bytes.first() {
            #[cfg(feature = "signal")]
            Some(&KIND_SIGNAL) => Signal::load(bytes).map(Self::from),
            _ => Own::load(bytes).map(Self::from),
        }
    }
}
