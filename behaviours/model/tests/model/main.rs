//! Models and features, through the public door.

#![cfg(test)]

mod card;
mod features;
mod score;
