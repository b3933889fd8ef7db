//! What reads what others wrote, as targets for fuzzing.
//!
//! A target takes any bytes and panics when something that must hold does not.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "what must not happen is to be found"
)]

use std::fmt;

use crate::{
    COUNT,
    card::Card,
    explain::explain,
    onnx,
    score::{Native, Scorer},
};

/// Something that reads what others wrote.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Reads it, and panics when something that must hold does not.
    pub read: fn(&[u8]),
    /// What it reads when all is well, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    Target { name: "onnx", read: onnx, seeds: models },
    Target { name: "card", read: card, seeds: cards },
];

/// A model: what can be made ready answers for each row, the same each time, or says why not.
pub fn onnx(bytes: &[u8]) {
    let Ok(onnx) = onnx::read(bytes) else { return };
    drop(Card::within(&onnx));
    let Ok(mut native) = Native::new(&onnx) else { return };
    let rows = [[0.5; COUNT], [f32::NAN; COUNT], [-1e30; COUNT]];
    let (mut once, mut again) = (Vec::new(), Vec::new());
    let answers = native.score(&rows, &mut once).is_ok();
    assert_eq!(native.score(&rows, &mut again).is_ok(), answers);
    let bits = |scores: &[f32]| scores.iter().map(|it| it.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&once), bits(&again));
    if answers {
        assert_eq!(once.len(), rows.len());
        let [first, ..] = &rows;
        drop(explain(&mut native, first, &[]).expect("what scores can be explained"));
    }
}

/// A card: what is read is written and read again as the same.
pub fn card(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(card) = Card::read(text) else { return };
    let written = serde_json::to_string(&card).expect("a card can be written");
    assert_eq!(Card::read(&written).ok(), Some(card), "{written}");
}

fn models() -> Vec<Vec<u8>> {
    let models: [&[u8]; 4] = [
        include_bytes!("../tests/model/models/boosted.onnx"),
        include_bytes!("../tests/model/models/mean.onnx"),
        include_bytes!("../tests/model/models/network.onnx"),
        include_bytes!("../tests/model/models/normal.onnx"),
    ];
    models.map(<[u8]>::to_vec).into()
}

fn cards() -> Vec<Vec<u8>> {
    let card = Card { medians: vec![0.5; COUNT], ..Card::unknown("mine") };
    vec![serde_json::to_vec(&card).expect("a card can be written")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_one_byte_changed_is_read_or_refused() {
        for Target { read, seeds, .. } in TARGETS {
            for seed in seeds() {
                read(&seed);
                for (at, change) in
                    (0..seed.len()).step_by(5).zip([0x01, 0x80, 0xff].iter().cycle())
                {
                    let mut bytes = seed.clone();
                    bytes[at] ^= change;
                    read(&bytes);
                    read(&seed[..at]);
                }
            }
        }
    }
}
