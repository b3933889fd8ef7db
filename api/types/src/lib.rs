//! What agents say and the API stores: shapes only, no logic.
//!
//! Read in this order: an [`Item`] is one result; a [`Proof`] shows when a batch of items existed;
//! a [`Receipt`] says that somebody keeps an item now; a [`Report`] says what an agent is doing;
//! a [`Presence`] says who is there; a [`Member`] is somebody whom the registry vouches for.

mod content;
mod enrolment;
mod item;
mod letter;
mod member;
mod policy;
mod presence;
mod proof;
mod report;
mod traffic;

pub use content::Content;
pub use enrolment::{
    EnrolmentAnswer, EnrolmentNews, EnrolmentOrder, EnrolmentOrders, EnrolmentRequest,
    EnrolmentToken, Fate, Handover, HandoverAnswer, ListReport, PASSWORD_WORDS, PROOF_WORDS,
    Registrar, TOKEN_PREFIX, Wish,
};
pub use item::{Item, Items, KnownCheckpoint, Meta, Payload, Receipt};
pub use letter::Delivered;
pub use member::{Device, ListHead, ListQuestion, ListUpdate, Member, NO_EVIDENCE_KEY, OPERATOR};
pub use policy::Policy;
pub use presence::{Announcement, Presence, Presences, Roll, RollCall, Show};
pub use proof::{Leaf, LogPart, Proof, Stamp};
pub use report::{BehaviourReport, Depth, Diagram, Exit, Node, Phase, Report, Violation};
pub use traffic::Traffic;
