//! Lists as an enemy would write them: whatever is read, nothing panics, and what is kept is bounded.

use capture::Moment;

use super::{Defaults, Format, Intelligence, Loaded, What};

const FORMATS: [Format; 5] =
    [Format::Plain, Format::Csv, Format::Misp, Format::Stix, Format::Warninglist];

/// Pieces of which lists are made, and what does not belong in them.
const PIECES: [&str; 40] = [
    "192.0.2.1",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/32",
    "bad.example",
    "*.x.example",
    "http://",
    "http://bad.example/a?b",
    "hxxp://a[.]b",
    "\"",
    "'",
    ",",
    ";",
    "\t",
    "\n",
    "\r\n",
    " ",
    "#",
    "=",
    "[",
    "]",
    "(",
    ")",
    " AND ",
    " OR ",
    " NOT ",
    " IN ",
    "ipv4-addr:value",
    "file:hashes.",
    "domain-name:value",
    "d41d8cd98f00b204e9800998ecf8427e",
    "t13d1516h2_8daaf6152771_b186095e22b6",
    "type,value,confidence,valid_until",
    "2026-01-01T00:00:00Z",
    "1e309",
    "-1",
    "\u{0}",
    "ä",
    "\u{feff}",
];

struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn text(&mut self) -> String {
        (0..self.below(30)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }
}

fn counted(loaded: &Loaded) -> usize {
    loaded.taken + loaded.known + loaded.no_room
}

#[test]
fn lists_made_by_dice_do_no_harm() {
    let mut dice = Dice(7);
    let mut known = Intelligence::new(50);
    for _ in 0..1_000 {
        let text = dice.text();
        for format in FORMATS {
            let json = serde_json::json!({
                "Event": {"Attribute": [{"type": "ip-dst", "value": text, "to_ids": true}]},
                "objects": [{"type": "indicator", "pattern": text, "valid_until": text}],
                "type": "string", "list": [text],
            });
            for text in [text.clone(), json.to_string()] {
                let loaded = known.load(format, &text, &Defaults::default(), Moment(0));
                assert!(loaded.told.len() <= Loaded::TOLD);
                assert!(loaded.told.iter().all(|wrong| wrong.why.len() < 2_000 && wrong.line > 0));
                known.warn(format, &text);
            }
        }
    }
    assert!(known.len() <= 50);
}

#[test]
fn what_was_read_reads_the_same_again() {
    let mut dice = Dice(11);
    let mut read = 0;
    for _ in 0..50_000 {
        let text = dice.text();
        let Ok(what) = What::read(&text) else { continue };
        read += 1;
        // A URL is kept without its scheme.
        let again = match &what {
            What::Url(url) => What::url(&format!("http://{url}")),
            what => What::read(&what.value()),
        };
        assert_eq!(again, Ok(what), "{text:?}");
    }
    assert!(read > 100, "{read}");
}

#[test]
fn a_file_of_nonsense_is_told_briefly() {
    let mut known = Intelligence::default();
    let nonsense = "x y z\n".repeat(100_000);
    let loaded = known.load(Format::Plain, &nonsense, &Defaults::default(), Moment(0));
    assert_eq!((loaded.wrong, loaded.told.len(), counted(&loaded)), (100_000, Loaded::TOLD, 0));
    let deep = "[".repeat(100_000);
    for format in FORMATS {
        known.load(format, &deep, &Defaults::default(), Moment(0));
    }
    assert!(known.is_empty());
}
