//! What reads what others wrote, as targets for fuzzing.
//!
//! A target takes any bytes and panics when something that must hold does not.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "what must not happen is to be found"
)]

use std::{fmt, path::Path};

use capture::Moment;

use crate::{
    COUNT,
    card::Card,
    explain::explain,
    intel::{Defaults, Format, Intelligence, Loaded, What},
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
    Target { name: "intel", read: intel, seeds: lists },
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

/// A list, read as each of the formats: all entries are counted, no bound is passed, and an indicator
/// is written as it is read.
pub fn intel(bytes: &[u8]) {
    const MOST: usize = 16;
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let all = [Format::Plain, Format::Csv, Format::Misp, Format::Stix, Format::Warninglist];
    assert!(all.contains(&Format::of(Path::new("list.csv"), text)));
    for format in all {
        let mut known = Intelligence::new(MOST);
        let loads = [
            known.load(format, text, &Defaults::default(), Moment(0)),
            known.good(format, text),
            known.warn(format, text),
        ];
        for loaded in &loads {
            let Loaded { told, wrong, not_understood, .. } = loaded;
            assert!(told.len() <= Loaded::TOLD.min(wrong + not_understood), "{loaded:?}");
        }
        let [first, ..] = &loads;
        assert_eq!(first.taken, known.len(), "{first:?}");
        assert!(known.len() <= MOST, "{first:?}");
        for found in known.known() {
            let what = &found.indicator.what;
            let again = match what {
                What::Ja3(print) => What::ja3(print),
                // A path may end in what is taken off around a whole entry.
                What::Url(url) => What::url(&format!("http://{url}")).map(|_| what.clone()),
                what => What::read(&what.value()),
            };
            assert_eq!(again.as_ref(), Ok(what));
            assert!((0.0..=1.0).contains(&found.indicator.confidence), "{found:?}");
        }
    }
}

fn lists() -> Vec<Vec<u8>> {
    let texts: [&str; 5] = [
        "# bad\n192.0.2.1\n198.51.100.0/24 ; a net\nbad[.]example\nhxxp://x.example/a?b\n0.0.0.0 ads.example\n\
         t13d1516h2_8daaf6152771_b186095e22b6\nd41d8cd98f00b204e9800998ecf8427e\n",
        "ioc;type;confidence;valid_until;source\n\"192.0.2.1\";ip;90;2026-01-01;\"a;b\"\n\
         e7d705a3286e19ea42f587b344ee6865;ja3;0.5;1767225600;x\n2001:db8::/32,,,\n",
        r#"{"response":[{"Event":{"info":"x","Attribute":[{"type":"ip-dst|port","value":"192.0.2.1|80","to_ids":true},{"type":"domain","value":"bad.example","to_ids":true},{"type":"ja3-fingerprint-md5","value":"e7d705a3286e19ea42f587b344ee6865","to_ids":true}],"Object":[{"Attribute":[{"type":"url","value":"http://b.example/x","to_ids":true}]}]}}]}"#,
        r#"{"type":"bundle","objects":[{"type":"indicator","pattern_type":"stix","pattern":"[ipv4-addr:value = '192.0.2.1' OR domain-name:value IN ('bad.example', 'c.example')] AND [url:value = 'http://b.example/x']","valid_from":"2026-01-01T00:00:00Z","valid_until":"2027-01-01T00:00:00Z","confidence":80}]}"#,
        r#"{"name":"x","type":"cidr","matching_attributes":["ip-dst"],"list":["192.0.2.0/24","a.example"]}"#,
    ];
    texts.map(|it| it.as_bytes().to_vec()).into()
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
