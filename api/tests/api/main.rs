//! The API through its public door: a real server on a free port of this host, a real database file.

#[cfg(test)]
mod world;

#[cfg(test)]
mod items;
