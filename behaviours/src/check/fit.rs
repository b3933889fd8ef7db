//! Leaves out of a result what no message carries, or what no record keeps.

use evidence::Record;
use runtime::Chain;
use serde_json::{Map, Value};

/// The largest item, in bytes once it is escaped. The road carries messages of 192 KiB; this leaves
/// room for what is around the item.
const LARGEST: usize = 183 * 1024;

/// The same item without the parts for which it would be refused later; `left_out` says which, and
/// why. The output itself always stays.
pub(super) fn fit(mut item: Value) -> Value {
    let mut left_out = Map::new();
    for part in ["parsed", "stderr"] {
        let Some(why) = misfit(&item) else { break };
        let payload = item.get_mut("payload").and_then(Value::as_object_mut);
        if let Some(payload) = payload
            && payload.remove(part).is_some()
        {
            left_out.insert(part.to_owned(), why.into());
            payload.insert("left_out".to_owned(), left_out.clone().into());
        }
    }
    item
}

/// Why an item would be refused.
fn misfit(item: &Value) -> Option<String> {
    if let Err(error) = Record::of(item) {
        return Some(Chain(&error).to_string());
    }
    let size = escaped(&item.to_string());
    (size > LARGEST).then(|| format!("{size} bytes are more than a message carries: {LARGEST}"))
}

/// How many bytes a text takes within XML.
fn escaped(text: &str) -> usize {
    let more = |byte: u8| match byte {
        b'<' | b'>' => 3,
        b'&' => 4,
        _ => 0,
    };
    text.len() + text.bytes().map(more).sum::<usize>()
}
