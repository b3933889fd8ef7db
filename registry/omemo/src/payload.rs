//! The payload of a message: sealed once, for all devices that get its key.
