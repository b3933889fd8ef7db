//! Names of the domain name system: which part somebody registered, and whether it reads like a word.

/// The part that somebody registered (the public suffix and one label more), by the public suffix
/// list; `None` of what is no such name, of addresses turned around (`arpa`) and of names of the
/// link (`local`, RFC 6762).
pub(crate) fn registered(name: &str) -> Option<&str> {
    if name.len() > 253 {
        return None;
    }
    let domain = psl::domain_str(name)?;
    let top = domain.rsplit('.').next()?;
    (!matches!(top, "arpa" | "local" | "lan" | "home" | "internal" | "localhost")).then_some(domain)
}

/// How often a letter follows another, from 0 (hardly ever) to 9, a row for each first letter.
///
/// Counted over the words of this project's own documents and comments by `examples/letters.rs`,
/// which says how.
const FOLLOWS: [&str; 26] = [
    "26772580706878170889766472",
    "64327100440630721554610061",
    "72648418516721832757432140",
    "64368253721543731673620060",
    "86887766644878576998577772",
    "71435540700553720735600050",
    "60008155604425520664511040",
    "85218100710040700445420050",
    "65777660324778864678471406",
    "41104000600100502150410010",
    "21228010610206340163101011",
    "75378832714744830377633151",
    "86028312601562771265711012",
    "74788681615536830578656055",
    "66676660607789771867867520",
    "72147214603711760767721040",
    "00000013200300130201703210",
    "83679662804576840777764170",
    "73629117707633764479726061",
    "85659429810524852877725670",
    "57657560500768450778500303",
    "60038121701101410000000100",
    "70027008700317610651022000",
    "52224233500151250107000320",
    "34314401422536460266003002",
    "50016000400000200011111123",
];

/// How much a label reads like words, from 0 (never seen such pairs) to 1. What is no letter counts
/// as a pair that was never seen, but for a hyphen.
pub(crate) fn readable(label: &str) -> f64 {
    let letters: Vec<u8> = label.bytes().filter(|byte| *byte != b'-').collect();
    let pairs = letters.windows(2);
    let count = super::figures::number(pairs.len());
    let sum: f64 = pairs.map(|pair| if let [a, b] = pair { level(*a, *b) } else { 0.0 }).sum();
    super::figures::share(sum, count * 9.0)
}

fn level(first: u8, second: u8) -> f64 {
    let place = |letter: u8| letter.to_ascii_lowercase().checked_sub(b'a').map(usize::from);
    let digit = place(first)
        .and_then(|row| FOLLOWS.get(row))
        .zip(place(second))
        .and_then(|(row, column)| row.as_bytes().get(column));
    digit.map_or(0.0, |digit| f64::from(digit.saturating_sub(b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registered_part_ends_one_label_before_the_public_suffix() {
        assert_eq!(registered("a.b.example.com"), Some("example.com"));
        assert_eq!(registered("a.b.example.co.uk"), Some("example.co.uk"));
        assert_eq!(registered("loja.example.com.br"), Some("example.com.br"));
        for none in ["com", "co.uk", "", "4.3.2.1.in-addr.arpa", "printer.local", "..", "."] {
            assert_eq!(registered(none), None, "{none}");
        }
        assert_eq!(registered(&"a.".repeat(500)), None);
    }

    #[test]
    fn words_read_better_than_dice() {
        for word in ["wikipedia", "weather", "mailserver", "university", "stackoverflow"] {
            for dice in ["xkqzjvwq", "qxjkzvbnm", "jh4k2x9q", "wvxqkjzh"] {
                assert!(readable(word) > readable(dice) + 0.2, "{word} {dice}");
            }
        }
        assert!(readable("").abs() < 1e-9);
    }
}
