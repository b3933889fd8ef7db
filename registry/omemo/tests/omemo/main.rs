//! The library through its public door.

#![cfg(test)]

mod machines;
mod network;
mod stores;
mod support;
mod vectors;
mod walk;
