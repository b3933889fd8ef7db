//! WHERE results go: the HTTP API of Vedette.
//!
//! Agents send items, proofs, reports and presences; people, dashboards and other tools read them,
//! and hear of them while they come. Read in this order: [`Config`] says what the operator decides;
//! [`Api`] is the whole, started and stopped; `routes` lists every path with what it needs; `v1` has
//! one file a resource; `scandale` the same for SCANDALE's clients; `store` keeps everything.
//!
//! An item that was answered with `stored` is on disk. The same item twice is stored once. A proof is
//! recomputed from the stored bytes before it is believed.

mod config;
mod server;

mod routes;

mod scandale;
mod v1;

mod assets;
mod health;
mod tsa;

mod auth;
mod body;
mod check;
mod intake;
mod integrity;
mod problem;
mod query;

mod events;
mod metrics;
mod renewal;
mod stamper;
mod state;
mod store;

mod clock;

pub use auth::{Need, Role, TokenFileError};
pub use config::{Anonymous, Auth, Config, ConfigErrors, Limits, Token, Tsa};
pub use routes::{Rule, rules};
pub use server::{Api, StartError};
