//! The library through its public door.

mod machines;
mod network;
mod stores;
