//! Reads a JSON value in one pass and refuses what its canonical form could not keep.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// Most objects and arrays inside each other.
pub(super) const MAX_DEPTH: usize = 64;
/// The largest integer below which every integer is a double (RFC 7493 section 2.2).
const MAX_EXACT: u64 = (1 << 53) - 1;
/// The same as a double.
const MAX_EXACT_DOUBLE: f64 = 9_007_199_254_740_991.0;

/// What a value is refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    DuplicateKey,
    TooDeep,
    Number,
}

/// The reason and the keys that lead to it, innermost first; filled only when something is wrong.
#[derive(Debug, Default)]
pub(super) struct Refusal(RefCell<Option<(Why, Vec<String>)>>);

impl Refusal {
    /// The reason and where it is, as a JSON pointer (RFC 6901).
    pub(super) fn into_reason(self) -> Option<(Why, String)> {
        let (why, keys) = self.0.into_inner()?;
        let path = keys.iter().rev().fold(String::new(), |path, key| {
            path + "/" + &key.replace('~', "~0").replace('/', "~1")
        });
        Some((why, path))
    }

    fn set<E: Error>(&self, why: Why) -> E {
        self.0.replace(Some((why, Vec::new())));
        E::custom("refused")
    }

    fn inside(&self, key: impl FnOnce() -> String) {
        if let Some((_, keys)) = self.0.borrow_mut().as_mut() {
            keys.push(key());
        }
    }
}

/// Reads one value at some depth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strict<'a> {
    refusal: &'a Refusal,
    depth: usize,
}

impl<'a> Strict<'a> {
    pub(super) fn new(refusal: &'a Refusal) -> Self {
        Self { refusal, depth: 0 }
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refusal.set(Why::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_EXACT {
            return Err(self.refusal.set(Why::Number));
        }
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_EXACT {
            return Err(self.refusal.set(Why::Number));
        }
        Ok(Value::Number(value.into()))
    }

    // Every double this large is an integer, and so is what a long literal has been rounded to.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) if value.abs() <= MAX_EXACT_DOUBLE => Ok(Value::Number(number)),
            _ => Err(self.refusal.set(Why::Number)),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let child = self.deeper()?;
        let mut values = Vec::new();
        loop {
            match source.next_element_seed(child) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Ok(Value::Array(values)),
                Err(error) => {
                    self.refusal.inside(|| values.len().to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let child = self.deeper()?;
        let mut values = Map::new();
        while let Some(key) = source.next_key::<String>()? {
            let entry = match values.entry(key) {
                Entry::Vacant(entry) => entry,
                Entry::Occupied(entry) => {
                    let error = self.refusal.set(Why::DuplicateKey);
                    self.refusal.inside(|| entry.key().clone());
                    return Err(error);
                }
            };
            match source.next_value_seed(child) {
                Ok(value) => {
                    entry.insert(value);
                }
                Err(error) => {
                    self.refusal.inside(|| entry.key().clone());
                    return Err(error);
                }
            }
        }
        Ok(Value::Object(values))
    }
}
