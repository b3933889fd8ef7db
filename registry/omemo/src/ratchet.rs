//! A session between two devices: key agreement (X3DH) and the Double Ratchet.

mod engine;
mod exchange;
mod message;
mod own;
#[cfg(feature = "signal")]
mod signal;

pub use engine::Engine;
pub use exchange::Exchange;
pub use own::Own;
#[cfg(feature = "signal")]
pub use signal::Signal;

use crate::{
    Bundle, Identity, IdentityKey, Namespace, Pair, PublicKey, WeakKey, protobuf::Malformed,
};

/// Messages of one chain that may be missing before a later one is refused.
pub const MAX_SKIP: u32 = 1000;

/// The first byte of a saved session: which engine's it is, and which of its forms.
const KIND_OWN: u8 = 1;
#[cfg(feature = "signal")]
const KIND_SIGNAL: u8 = 2;

/// Why a session could not do what was asked. The session is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RatchetError {
    /// Not the form that the namespace prescribes.
    #[error("malformed")]
    Malformed,
    /// A public key that leads nowhere.
    #[error("a weak public key")]
    WeakKey,
    /// It was not sealed by the other side of this session, or not like this.
    #[error("it does not authenticate")]
    Forged,
    /// It was opened before, or is older than what is still known.
    #[error("opened before, or too old")]
    Duplicate,
    /// More messages are missing before it than [`MAX_SKIP`].
    #[error("{0} messages are missing before it; at most 1000 may be")]
    TooFarAhead(u32),
    /// The exchange names a prekey that we do not have, or no longer.
    #[error("no prekey {0}")]
    UnknownPrekey(u32),
    /// The exchange names a signed prekey that we do not have, or no longer.
    #[error("no signed prekey {0}")]
    UnknownSignedPrekey(u32),
    /// The bundle cannot be used.
    #[error(transparent)]
    Bundle(#[from] crate::BundleError),
    /// What was saved cannot be read.
    #[error("a saved session that cannot be read")]
    Damaged,
    /// The engine does not speak this namespace.
    #[error("libsignal's engine knows only the older namespace")]
    Namespace,
    /// 2³² messages without an answer: only a new session goes on.
    #[error("no more messages can be sealed in this session")]
    Exhausted,
}

impl From<WeakKey> for RatchetError {
    fn from(WeakKey: WeakKey) -> Self {
        Self::WeakKey
    }
}

impl From<Malformed> for RatchetError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// What one device gets of a message: the bytes for `<key/>`, and whether they begin a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The ratchet's message.
    pub bytes: Vec<u8>,
    /// Whether it carries a key exchange (`prekey='true'`, `kex='true'`).
    pub exchange: bool,
}

/// One session with one device. What changes it either succeeds or leaves it as it was.
pub trait Ratchet: Sized + Send {
    /// Begins a session with the device that published a bundle, by one of its prekeys.
    fn initiate(
        namespace: Namespace,
        own: &Identity,
        theirs: &Bundle,
        prekey: u32,
    ) -> Result<Self, RatchetError>;

    /// Begins a session that the other side initiated, and opens the message that came along.
    /// The keys are those that the exchange names.
    fn respond(
        namespace: Namespace,
        own: &Identity,
        signed_prekey: &Pair,
        prekey: &Pair,
        bytes: &[u8],
    ) -> Result<(Self, Vec<u8>), RatchetError>;

    /// Seals for the other side.
    fn seal(&mut self, plain: &[u8]) -> Result<Sealed, RatchetError>;

    /// Opens what the other side sealed. `exchange` says whether the bytes carry one (that of
    /// this very session).
    fn open(&mut self, bytes: &[u8], exchange: bool) -> Result<Vec<u8>, RatchetError>;

    /// The base key of the exchange that this session began with.
    fn base(&self) -> PublicKey;

    /// Who the other side is.
    fn peer(&self) -> IdentityKey;

    /// The number of messages received since the other side's ratchet key last changed.
    fn received(&self) -> u32;

    /// Whether the other side has answered, so that exchanges need not be sent any more.
    fn confirmed(&self) -> bool;

    /// Its whole state, secrets included; who keeps it encrypts it.
    fn save(&self) -> zeroize::Zeroizing<Vec<u8>>;

    /// A session from its saved state.
    fn load(bytes: &[u8]) -> Result<Self, RatchetError>;
}
