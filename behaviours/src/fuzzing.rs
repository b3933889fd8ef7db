//! What behaviours read that others wrote, as targets for fuzzing.

use runtime::{Message, fuzzing::Target};
use types::{Delivered, Presences, Receipt, RollCall};

use crate::{chat, collect, machine, postbox};

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    Target {
        name: "machine",
        read: machine,
        seeds: &[
            "name = \"door\"\nvariables = { opened = 0, who = \"\" }\nremember = true\n[state.closed]\non = [{ message = 'performative=request & body~\"open*\"', when = \"opened < 3\", do = [\"opened += 1\", { log = \"{from}\" }, { reply = \"agree\", body = \"{opened}\" }], go = \"open\" }, { otherwise = true, do = [{ reply = \"refuse\" }] }]\n[state.open]\nenter = [{ keep = \"door\", text = \"{who}\" }]\non = [{ after = \"30s\", go = \"closed\" }, { every = \"10s\", do = [\"who = x\"] }, { schedule = \"*/5 * * * *\", go = \"end\" }]\n[state.end]\nfinal = true\n",
            "[state.a]\non = [{ when = \"n > 1\", go = \"b\" }, { at = \"2026-12-01T00:00:00Z\", go = \"a\" }]\n[state.b]\nfinal = true\n",
        ],
    },
    Target {
        name: "order",
        read: order,
        seeds: &["/Pause  root disk ", "why 00000000-0000-4000-8000-000000000000", "help", "?", ""],
    },
    Target {
        name: "letter",
        read: letter,
        seeds: &[
            r#"{"id":"m1","from":"a@test/x","to":{"agent":"b@test"},"performative":"confirm","slots":[["ontology","vedette:delivered"],["letter","1"]],"body":"[\"1\",\"2\"]"}"#,
            r#"{"from":"a@test","to":{"agent":"b@test"},"performative":"inform","slots":[],"body":"{\"stored\":[\"1\"],\"refused\":[[\"2\",\"no\"]]}"}"#,
        ],
    },
    Target {
        name: "items",
        read: items,
        seeds: &[
            r#"[{"version":"1","format":"raw","meta":{"uuid":"00000000-0000-4000-8000-000000000000","ts":1,"type":"check","source":"a@test"},"payload":{"raw":"b2s="}}]"#,
            r#"{"version":"1","format":"raw","meta":{"uuid":"x","ts":1e999,"type":"check"},"payload":{"raw":"b2s=","n":[1.5,-0,1e21]}}"#,
        ],
    },
];

/// A machine's file: what is in order can be shown.
pub fn machine(bytes: &[u8]) {
    machine::fuzz(bytes);
}

/// What a person writes: an order reads as itself.
pub fn order(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        chat::fuzz(text);
    }
}

/// A letter, or its confirmation, as it comes or lies on disk.
pub fn letter(bytes: &[u8]) {
    let Ok(message) = serde_json::from_slice::<Message>(bytes) else { return };
    if let Some((from, id, key)) = postbox::identity(&message) {
        assert!(key.starts_with(from.bare()) && key.ends_with(&id));
    }
    drop(message.read::<Delivered>());
    drop(message.read::<Receipt>());
    drop(message.read::<Presences>());
    drop(message.read::<RollCall>());
}

/// The results that somebody tells a collector.
pub fn items(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        collect::fuzz(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_others_write_is_read_or_refused() {
        for target in TARGETS {
            target.drive(1, 2_000);
        }
    }
}
