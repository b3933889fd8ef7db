//! XEP-0384 as a machine without I/O: push what came in, pull what must go out.

mod bundle;
mod cipher;
mod key;
pub mod payload;
mod protobuf;
pub mod ratchet;
mod signature;

pub use bundle::{Bundle, BundleError, Prekey, SignedPrekey};
pub use key::{Identity, IdentityKey, Pair, PublicKey, Secret, WeakKey};

/// Which OMEMO two devices speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// `eu.siacs.conversations.axolotl`, XEP-0384 0.3: what people's clients speak.
    Axolotl,
    /// `urn:xmpp:omemo:2`, XEP-0384 0.8 and later: what our own agents speak to each other.
    Omemo2,
}

impl Namespace {
    /// As XML names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Axolotl => "eu.siacs.conversations.axolotl",
            Self::Omemo2 => "urn:xmpp:omemo:2",
        }
    }
}
