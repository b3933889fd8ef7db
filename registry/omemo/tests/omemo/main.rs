//! XEP-0384 from outside, without a network.

#![cfg(test)]

mod support;
mod vectors;
mod walk;
