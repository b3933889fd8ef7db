//! What agents can do: one behaviour a file.
//!
//! A [`check`] looks at something and keeps what it saw; a [`watch`] looks at packets, and [`score`]
//! at what others saw of them; [`report`] hands it over to whoever
//! aggregates; there [`collect`] takes it in, [`anchor`] has it time-stamped, and [`forward`]
//! brings it to the API. A [`heartbeat`] tells what the agent is doing, and [`register`] tells
//! everybody who is there. [`enrol`] takes new agents in, [`trust`] keeps everybody's list of
//! whom to believe, and [`sentry`] writes down what was refused.

pub mod check;

pub mod watch;

pub mod score;

pub mod chat;

pub mod courier;

pub mod postbox;

pub mod report;

pub mod collect;

pub mod anchor;

pub mod forward;

pub mod heartbeat;

pub mod machine;

pub mod register;

pub mod enrol;

pub mod trust;

pub mod sentry;

mod chain;
mod finding;
mod http;
mod patience;
mod queue;
mod secret;
mod sight;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
