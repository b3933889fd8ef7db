//! What agents can do, over a road in memory. The clock jumps, unless a socket or a program is
//! looked at.

#![cfg(test)]

mod anchor;
mod chat;
mod check;
mod collect;
mod diagrams;
mod enrol;
mod forward;
mod heartbeat;
mod letters;
mod machine;
mod register;
mod report;
mod sentry;
mod server;
mod settings;
mod support;
