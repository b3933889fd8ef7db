//! behaviours/runtime
