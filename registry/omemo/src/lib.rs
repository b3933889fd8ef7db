//! XEP-0384 as a machine without I/O: push what came in, pull what must go out.

mod bundle;
mod cipher;
mod element;
mod envelope;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod key;
pub mod machine;
pub mod payload;
mod protobuf;
pub mod ratchet;
mod signature;
pub mod store;
mod trust;
pub mod wire;

pub use bundle::{Bundle, BundleError, Prekey, SignedPrekey};
pub use envelope::EnvelopeError;
pub use key::{Identity, IdentityKey, Pair, PublicKey, Secret, WeakKey};
pub use machine::{Machine, Settings};
pub use trust::{Believed, Distrust, Trust};

/// Which OMEMO two devices speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// `eu.siacs.conversations.axolotl`, XEP-0384 0.3: what people's clients speak.
    Axolotl,
    /// `urn:xmpp:omemo:2`, XEP-0384 0.8 and later: what our own agents speak to each other.
    Omemo2,
}

impl Namespace {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Axolotl, Self::Omemo2];

    /// As XML names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Axolotl => "eu.siacs.conversations.axolotl",
            Self::Omemo2 => "urn:xmpp:omemo:2",
        }
    }
}
