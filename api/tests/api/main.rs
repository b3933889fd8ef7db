//! The API through its public door: a real server on a free port of this host, a real database file.

#[cfg(test)]
mod world;

#[cfg(test)]
mod access;
#[cfg(test)]
mod agents;
#[cfg(test)]
mod alerts;
#[cfg(test)]
mod chains;
#[cfg(test)]
mod config;
#[cfg(test)]
mod enrolments;
#[cfg(test)]
mod events;
#[cfg(test)]
mod flaws;
#[cfg(test)]
mod items;
#[cfg(test)]
mod junk;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod pubsub;
#[cfg(test)]
mod scandale;
#[cfg(test)]
mod server;
#[cfg(test)]
mod stamping;
