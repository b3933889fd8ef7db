//! What a behaviour is, and how it runs.
//!
//! A behaviour is a state machine: [`Behaviour::step`] does the work of one state and says which
//! state is next. The runtime drives it, shows where it is, stops, kills and restarts it.
//! Nothing in this crate does I/O: messages come and go through a [`Road`], and what must survive
//! a restart goes into a [`Store`].

mod behaviour;
mod state;

mod kinds;
mod timetable;

mod compose;

mod address;
mod message;
mod performative;
mod slot;
mod timestamp;

mod pattern;
mod template;

mod protocol;

mod mailbox;

mod context;

mod talk;

mod agent;
mod crew;
mod handle;
mod machine;
mod run;
mod shown;
mod supervise;

mod directory;
mod door;
mod road;
mod talks;

mod desk;
mod mood;

mod trust;

mod memory;

mod store;

mod handed;
mod letter;
mod recent;

mod clock;

mod catalogue;
mod fields;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use address::{Address, AgentId, Duty};
pub use agent::{Agent, AgentHandle, Spec};
pub use behaviour::{Behaviour, Chain, Failure, Interrupted, Task};
pub use catalogue::{Catalogue, Entry};
pub use clock::Clock;
pub use compose::{Parallel, Part, Sequence, Together, Until};
pub use context::Context;
pub use crew::TooMany;
pub use desk::{Call, Command, Desk, FormField, Page};
pub use directory::Directory;
pub use door::{Delivery, Door};
pub use fields::{Fields, Problem, Setting};
pub use handed::Round;
pub use handle::Handle;
pub use kinds::{
    Cron, Cycle, Cyclic, Delay, Occasion, Once, OneShot, Pace, Period, Periodic, Timeout,
};
pub use letter::{INBOX, LETTER, POST};
pub use machine::Machine;
pub use mailbox::Full;
pub use memory::Hub;
pub use message::Message;
pub use mood::Mood;
pub use pattern::{BadPattern, Pattern, Spelling};
pub use performative::{Performative, UnknownPerformative};
pub use protocol::{Breach, Conversations, Dialogue, Protocol, Role, Stage, UnknownProtocol};
pub use road::{Errand, Hidden, PUBLISHED, Road, SendError, Sending};
pub use slot::Slot;
pub use state::{State, diagram, dot, mermaid};
pub use store::{Change, Kept, MemoryStore, Store, StoreError, StoreFuture};
pub use supervise::{Restart, Supervision};
pub use talk::{
    Answer, Bid, Call as CallForProposals, News, NoOpening, Outcome, Participant, Proposal, Serve,
    Serving, Subscription, Word,
};
pub use template::{BadTemplate, Template, TemplateFault};
pub use timetable::{Timetable, TimetableError};
pub use trust::{Disbelief, EvidenceKey, Heard, Notary, Trust};
