//! What reads text and bytes of others, as targets for fuzzing, and a mutator for where there is no
//! fuzzer.
//!
//! A target takes any bytes and panics when something that must hold does not.

#![expect(clippy::expect_used, reason = "what must not happen is to be found")]

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    Address, AgentId, Message, Pattern, Performative, Slot, Template, Timetable, timestamp,
};

/// Something that reads what others wrote.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Reads it, and panics when something that must hold does not.
    pub read: fn(&[u8]),
    /// What it reads when all is well, to begin with.
    pub seeds: &'static [&'static str],
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    Target {
        name: "template",
        read: template,
        seeds: &[
            "performative=request & (ontology=door | !body~\"open*\") ^ from~/^a@.*$/",
            "any",
            "none",
            "to=\"b@test/x\" & mood & !(protocol~\"fipa-[!a-z]?\")",
        ],
    },
    Target {
        name: "pattern",
        read: pattern,
        seeds: &["a*b?[a-z]\n*b[!x]\naabq", "^(a|b)+$\nx\\*y\nab", "[\\]]\n[]-a]\n]", "**\n*?*\n"],
    },
    Target {
        name: "timestamp",
        read: time,
        seeds: &["2026-11-24T11:15:00.25+01:00", "20261124T101500250Z", "0000-01-01T00:00:00Z"],
    },
    Target {
        name: "timetable",
        read: timetable,
        seeds: &[
            "*/5 * * * *\n30",
            "0 12 29 2 * Europe/Luxembourg\n86400",
            "H 3-5 L * mon#2 Asia/Tokyo\n1",
            "0 0 15W * 5L\n0",
        ],
    },
    Target {
        name: "address",
        read: address,
        seeds: &["duty:aggregate[site=lux1,net=dmz]", "a@test/b/c", "duty:a[b]]", "duty:"],
    },
    Target {
        name: "message",
        read: message,
        seeds: &[
            r#"{"id":"m1","from":"a@test/x","to":{"duty":{"name":"open","labels":[["site","lux1"]]}},"performative":"request","slots":[["conversation-id","c1"],["letter","1"],["reply-by","20261124T101500250Z"]],"body":"the door"}"#,
            r#"{"to":{"agent":"b@test"},"body":""}"#,
        ],
    },
];

/// A template is written as it is read, and overlaps itself where it matches.
pub fn template(bytes: &[u8]) {
    let Some(template) = text(bytes).and_then(|it| Template::parse(it).ok()) else { return };
    let written = template.to_string();
    if written.len() <= 10_000 {
        assert_eq!(Template::parse(&written), Ok(template.clone()), "{written}");
    }
    let mut message = Message::text(Performative::Request, "b@test/x", "open the door")
        .with(Slot::Ontology, "door")
        .with(Slot::Protocol, "fipa-request");
    message.from = Some("a@test/1".into());
    if template.matches(&message) {
        assert!(template.may_overlap(&template), "{written}");
        assert!(template.may_overlap(&Template::Any), "{written}");
    }
}

/// Two patterns and a text: what matches both is where they overlap.
pub fn pattern(bytes: &[u8]) {
    let Some(all) = text(bytes) else { return };
    let mut lines = all.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (one, other, text) = (line(), line(), line());
    let both = [one, other].map(|it| [Pattern::glob(it).ok(), Pattern::regex(it).ok()]);
    let patterns: Vec<Pattern> = both.into_iter().flatten().flatten().collect();
    for pattern in &patterns {
        let exact = Pattern::exact(text);
        assert_eq!(pattern.overlaps(&exact), pattern.matches(text), "{pattern:?} {text:?}");
        assert!(!pattern.is_anything() || pattern.matches(text), "{pattern:?} {text:?}");
        for other in &patterns {
            let overlap = pattern.overlaps(other);
            assert_eq!(overlap, other.overlaps(pattern), "{pattern:?} {other:?}");
            let meet = pattern.matches(text) && other.matches(text);
            assert!(overlap || !meet, "{pattern:?} {other:?} {text:?}");
        }
    }
}

/// What is read as a time is written as the same time.
pub fn time(bytes: &[u8]) {
    let Some(time) = text(bytes).and_then(timestamp::read) else { return };
    if let Some(written) = timestamp::write(time) {
        assert_eq!(timestamp::read(&written), Some(time), "{written}");
    }
}

/// What is due is due later than now, whatever the jitter, and never twice.
pub fn timetable(bytes: &[u8]) {
    let Some(all) = text(bytes) else { return };
    let (expression, jitter) = all.split_once('\n').unwrap_or((all, "0"));
    let jitter = Duration::from_secs(jitter.trim().parse().unwrap_or_default());
    let Ok(table) = Timetable::new(expression, jitter, "a@test/check") else { return };
    let mut now: SystemTime = UNIX_EPOCH + Duration::from_mins(29_925_255);
    for _ in 0..3 {
        let Some(next) = table.next(now) else { return };
        assert!(next > now, "{expression}");
        now = next;
    }
}

/// An address is written as it is read.
pub fn address(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let address = Address::from(text);
    let written = address.to_string();
    assert_eq!(Address::from(written.as_str()).to_string(), written);
    let kept = serde_json::to_vec(&address).expect("text and lists of text");
    assert_eq!(serde_json::from_slice::<Address>(&kept).expect("it was written"), address);
    let agent = AgentId::from(text);
    assert!(agent.covers(&agent) && agent.to_bare().is_bare());
    assert!(agent.bare().ends_with(agent.domain()));
}

/// What is read from disk is written as it was, and every answer to it can be.
pub fn message(bytes: &[u8]) {
    let Ok(message) = serde_json::from_slice::<Message>(bytes) else { return };
    let kept = serde_json::to_vec(&message).expect("text and lists of text");
    assert_eq!(serde_json::from_slice::<Message>(&kept).expect("it was written"), message);
    if let Some(until) = message.reply_by() {
        let again = message.clone().with_reply_by(until);
        assert!(again.reply_by().is_some());
    }
    let Some(answer) = message.reply(Performative::NotUnderstood, "") else { return };
    assert!(!answer.wants_answer_if_not_understood());
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Changes texts at random, the same way each time for one seed.
#[derive(Clone, Debug)]
pub struct Mutator(u64);

impl Mutator {
    /// A mutator that begins with `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// A number below `bound`, or 0 (splitmix64).
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from((it ^ (it >> 31)) % bound).unwrap_or_default()
    }

    /// A text as it was, with a few changes, among them pieces of other texts.
    pub fn change(&mut self, texts: &[Vec<u8>]) -> Vec<u8> {
        const ODD: &[&str] = &[
            "\0",
            "\u{fffe}",
            "\r\n",
            "\u{1f6aa}",
            "-1",
            "0",
            "99999999999999999999",
            "1e999",
            "\"",
            "'",
            "<",
            ">",
            "&amp;",
            "]]>",
            "<![CDATA[",
            "{",
            "}",
            "[",
            "]",
            "(",
            "!",
            "=",
            "\\",
            "~",
            "*",
            "^",
            "/",
            "#",
            "[[",
            "''",
            "nan",
            "  ",
        ];
        let mut text = self.one_of(texts).clone();
        for _ in 0..=self.below(6) {
            let (from, to) = (self.below(text.len() + 1), self.below(text.len() + 1));
            let part = from.min(to)..from.max(to);
            match self.below(7) {
                0 => drop(text.drain(part)),
                1 => {
                    let copy = text.get(part).unwrap_or_default().to_vec();
                    drop(text.splice(to..to, copy));
                }
                2 => {
                    let odd = ODD.get(self.below(ODD.len())).copied().unwrap_or_default();
                    drop(text.splice(from..from, odd.bytes()));
                }
                3 => {
                    let other = self.one_of(texts);
                    let start = self.below(other.len() + 1);
                    let piece = other.get(start..).unwrap_or_default();
                    let piece = piece.get(..self.below(piece.len() + 1)).unwrap_or_default();
                    drop(text.splice(part, piece.to_vec()));
                }
                4 => {
                    let byte = u8::try_from(self.below(256)).unwrap_or_default();
                    text.iter_mut().skip(from).take(1).for_each(|it| *it = byte);
                }
                5 => text.truncate(from),
                _ => {
                    let letter = b" .,:;-_+*/0123456789abcxyzABC[]{}()<>=!?&|^~'\"#@\n";
                    let byte = letter.get(self.below(letter.len())).copied().unwrap_or_default();
                    text.insert(from, byte);
                }
            }
            text.truncate(16 * 1024);
        }
        text
    }

    fn one_of<'a>(&mut self, texts: &'a [Vec<u8>]) -> &'a Vec<u8> {
        const EMPTY: &Vec<u8> = &Vec::new();
        texts.get(self.below(texts.len())).unwrap_or(EMPTY)
    }
}

impl Target {
    /// Has it read its seeds, and `rounds` changes of them.
    pub fn drive(&self, seed: u64, rounds: usize) {
        let texts = self.seeds.iter().map(|it| it.as_bytes().to_vec()).collect();
        drive(self.read, texts, seed, rounds);
    }
}

/// Has something read its seeds, and `rounds` changes of them.
pub fn drive(read: fn(&[u8]), mut texts: Vec<Vec<u8>>, seed: u64, rounds: usize) {
    for text in &texts {
        read(text);
    }
    let (mut mutator, seeds) = (Mutator::new(seed), texts.len());
    for _ in 0..rounds {
        let text = mutator.change(&texts);
        read(&text);
        // A change of a change goes further.
        if mutator.below(8) == 0 {
            if texts.len() < seeds + 64 {
                texts.push(text);
            } else {
                let place = seeds + mutator.below(64);
                texts.iter_mut().skip(place).take(1).for_each(|it| it.clone_from(&text));
            }
        }
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

    #[test]
    fn one_seed_makes_the_same_changes() {
        let texts = [b"a@test".to_vec()];
        let changed = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..10).map(|_| mutator.change(&texts)).collect::<Vec<_>>()
        };
        assert_eq!(changed(7), changed(7));
        assert_ne!(changed(7), changed(8));
    }
}
