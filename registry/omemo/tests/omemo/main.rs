//! XEP-0384 from outside, without a network.

mod support;
mod vectors;
mod walk;
