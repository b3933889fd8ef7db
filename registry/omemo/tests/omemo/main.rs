//! The library through its public door.

#![cfg(test)]

mod bundles;
mod keys;
mod machines;
mod network;
mod payloads;
mod sessions;
mod siege;
mod stores;
mod support;
mod vectors;
mod walk;
