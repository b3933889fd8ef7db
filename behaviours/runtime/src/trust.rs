//! Whom to believe: what keeps the list of members, and what signs it. The cryptography is
//! elsewhere; behaviours have it done through these traits.

use std::fmt::Debug;

use types::{EnrolmentAnswer, EnrolmentRequest, Handover, ListHead, ListUpdate, Member, Registrar};

/// What became of an update of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It says nothing new.
    Known,
    /// It is believed from now on, and on disk.
    Taken,
    /// More parts must come.
    Part,
    /// It changes another list than the one that is known.
    Gap,
}

/// Why something is not believed, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Disbelief(pub String);

/// An agent's list of members. Nothing gets into it that the registry did not sign.
pub trait Trust: Send + Sync + Debug + 'static {
    /// The number of the list that is known; 0: none is.
    fn serial(&self) -> u64;

    /// Hears of a newer list. This may write to disk.
    fn hear(&self, update: &ListUpdate, now_ms: i64) -> Result<Heard, Disbelief>;

    /// Believes nobody any more once the list is out of date.
    fn lapse(&self, now_ms: i64);
}

/// The registry's key, and what is judged and signed with it.
pub trait Notary: Send + Sync + Debug + 'static {
    /// What everybody may know of the registry. The first call reads its key, or makes one.
    fn registrar(&self) -> Result<Registrar, Disbelief>;

    /// Whom the operator of this process vouches for, since their keys were made in it; none: it
    /// vouches for nobody in this way.
    fn vouched(&self) -> Option<Vec<Member>>;

    /// Signs a list.
    fn sign(&self, members: Vec<Member>, serial: u64, now_ms: i64) -> Result<ListHead, Disbelief>;

    /// Whether a request was made by who has the token and the keys in it. `proof_key` is that of
    /// the enrolment, as hexadecimal digits.
    fn judge(&self, request: &EnrolmentRequest, proof_key: &str) -> Result<(), Disbelief>;

    /// Whether a member, as it is now, hands its place over.
    fn judge_handover(&self, handover: &Handover, member: &Member) -> Result<(), Disbelief>;

    /// The answer to a request, signed. `nonce` is the request's.
    fn answer(
        &self,
        nonce: &str,
        member: Member,
        head: ListHead,
    ) -> Result<EnrolmentAnswer, Disbelief>;
}

/// The key that an agent signs its evidence with (Ed25519).
pub trait EvidenceKey: Send + Sync + Debug + 'static {
    /// Its public half.
    fn public(&self) -> [u8; 32];

    /// Signs.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}
