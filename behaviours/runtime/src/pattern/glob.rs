//! Globs, and whether two of them have a text in common.

use std::{ops::RangeInclusive, str::Chars, sync::Arc};

/// A glob, read.
#[derive(Clone, Debug)]
pub(super) struct Glob(Arc<[Token]>);

#[derive(Clone, Debug)]
enum Token {
    /// Any text.
    Star,
    /// Any character.
    Any,
    /// This character.
    Char(char),
    /// A character out of these; apart from each other and in order.
    Class(Box<[RangeInclusive<char>]>),
}

const EVERY: RangeInclusive<char> = '\0'..=char::MAX;

impl Glob {
    pub(super) fn parse(source: &str) -> Result<Self, &'static str> {
        let mut letters = source.chars();
        let mut tokens = Vec::new();
        while let Some(letter) = letters.next() {
            match letter {
                // Two stars say no more than one.
                '*' if matches!(tokens.last(), Some(Token::Star)) => {}
                '*' => tokens.push(Token::Star),
                '?' => tokens.push(Token::Any),
                '[' => tokens.push(class(&mut letters)?),
                '\\' => tokens.push(Token::Char(escaped(&mut letters)?)),
                letter => tokens.push(Token::Char(letter)),
            }
        }
        Ok(Self(tokens.into()))
    }

    /// Whether the whole of `text` looks like it, in at most (length of the text) x (length of
    /// the glob) steps.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut tokens = self.0.iter();
        let mut letters = text.chars();
        // Where to go on when what follows a star did not fit: the star takes one more.
        let mut star = None;
        loop {
            let from = letters.clone();
            match (tokens.next(), letters.next()) {
                (None, None) => return true,
                (Some(Token::Star), _) => {
                    letters = from.clone();
                    star = Some((tokens.clone(), from));
                    continue;
                }
                (Some(token), Some(letter)) if token.takes(letter) => continue,
                (None | Some(_), None | Some(_)) => {}
            }
            let Some((after, from)) = &mut star else { return false };
            if from.next().is_none() {
                return false;
            }
            tokens = after.clone();
            letters = from.clone();
        }
    }

    pub(super) fn is_anything(&self) -> bool {
        matches!(&*self.0, [Token::Star])
    }

    /// The only text that looks like it, if nothing in it is open.
    pub(super) fn only(&self) -> Option<String> {
        let letter = |token: &Token| match token {
            Token::Char(letter) => Some(*letter),
            Token::Star | Token::Any | Token::Class(_) => None,
        };
        self.0.iter().map(letter).collect()
    }

    /// Whether some text looks like both: walks both at once, over every pair of places that one
    /// text can lead to.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let (ours, theirs) = (&*self.0, &*other.0);
        // The places in `theirs` that go with one place in `ours`, and with the next.
        let mut here = vec![false; theirs.len() + 1];
        if let Some(start) = here.first_mut() {
            *start = true;
        }
        for place in 0..=ours.len() {
            let mut next = vec![false; theirs.len() + 1];
            let our = ours.get(place);
            for at in 0..=theirs.len() {
                if !here.get(at).is_some_and(|it| *it) {
                    continue;
                }
                let their = theirs.get(at);
                let (stay, step) = moves(our, their);
                if stay && let Some(it) = here.get_mut(at + 1) {
                    *it = true;
                }
                if step.0
                    && let Some(it) = next.get_mut(at)
                {
                    *it = true;
                }
                if step.1
                    && let Some(it) = next.get_mut(at + 1)
                {
                    *it = true;
                }
            }
            if place == ours.len() {
                return here.last().is_some_and(|it| *it);
            }
            here = next;
        }
        false
    }
}

/// From a pair of places: whether the second alone may move on, and whether the first may alone,
/// or both.
fn moves(our: Option<&Token>, their: Option<&Token>) -> (bool, (bool, bool)) {
    match (our, their) {
        (Some(Token::Star), None | Some(Token::Star)) => (true, (true, false)),
        // A star is nothing, or takes what the other takes.
        (Some(Token::Star), Some(their)) => (their.takes_something(), (true, false)),
        (None, Some(Token::Star)) => (true, (false, false)),
        (Some(our), Some(Token::Star)) => (true, (our.takes_something(), false)),
        (Some(our), Some(their)) => (false, (false, our.meets(their))),
        (None | Some(_), None) | (None, Some(_)) => (false, (false, false)),
    }
}

impl Token {
    fn takes(&self, letter: char) -> bool {
        match self {
            Self::Star | Self::Any => true,
            Self::Char(it) => *it == letter,
            Self::Class(ranges) => ranges.iter().any(|it| it.contains(&letter)),
        }
    }

    fn takes_something(&self) -> bool {
        self.meets(&Self::Any)
    }

    /// Whether some character is taken by both.
    fn meets(&self, other: &Self) -> bool {
        let (mut one, mut two) = (EVERY, EVERY);
        let ours = self.ranges(&mut one);
        let theirs = other.ranges(&mut two);
        ours.iter().any(|our| {
            theirs.iter().any(|their| our.start() <= their.end() && their.start() <= our.end())
        })
    }

    fn ranges<'a>(&'a self, room: &'a mut RangeInclusive<char>) -> &'a [RangeInclusive<char>] {
        match self {
            Self::Star | Self::Any => std::slice::from_ref(room),
            Self::Char(letter) => {
                *room = *letter..=*letter;
                std::slice::from_ref(room)
            }
            Self::Class(ranges) => ranges,
        }
    }
}

fn escaped(letters: &mut Chars<'_>) -> Result<char, &'static str> {
    letters.next().ok_or("`\\` at the end; a backslash itself is `\\\\`")
}

/// Reads a class after its `[`.
fn class(letters: &mut Chars<'_>) -> Result<Token, &'static str> {
    const OPEN: &str = "`[` without `]`; a bracket itself is `\\[`";
    let mut rest = letters.clone();
    let negated = matches!(rest.next(), Some('!' | '^'));
    if negated {
        *letters = rest;
    }
    let mut ranges = Vec::new();
    loop {
        let start = match letters.next().ok_or(OPEN)? {
            ']' if ranges.is_empty() => return Err("`[]` is no character; one of two is `[ab]`"),
            ']' => break,
            '\\' => escaped(letters)?,
            letter => letter,
        };
        let mut rest = letters.clone();
        let end = match (rest.next(), rest.next()) {
            (Some('-'), Some(end)) if end != ']' => {
                let end = if end == '\\' { escaped(&mut rest)? } else { end };
                *letters = rest;
                end
            }
            _ => start,
        };
        if end < start {
            return Err("a range that ends before it starts; from a to z is `[a-z]`");
        }
        ranges.push(start..=end);
    }
    Ok(Token::Class(if negated { others(ranges) } else { ranges.into() }))
}

/// Every character that is in none of `ranges`.
fn others(mut ranges: Vec<RangeInclusive<char>>) -> Box<[RangeInclusive<char>]> {
    ranges.sort_unstable_by_key(|it| *it.start());
    let mut gaps = Vec::new();
    let mut from = Some('\0');
    for range in ranges {
        let Some(start) = from else { break };
        if let Some(end) = before(*range.start()).filter(|end| start <= *end) {
            gaps.push(start..=end);
        }
        from = after(*range.end()).map(|it| it.max(start));
    }
    gaps.extend(from.map(|start| start..=char::MAX));
    gaps.into()
}

fn before(letter: char) -> Option<char> {
    ('\0'..letter).next_back()
}

fn after(letter: char) -> Option<char> {
    (letter..=char::MAX).nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(source: &str) -> Glob {
        Glob::parse(source).unwrap()
    }

    #[test]
    fn a_glob_takes_the_whole_text_or_nothing() {
        let check = |source, text, expected| {
            assert_eq!(glob(source).matches(text), expected, "{source} on {text:?}");
        };
        for (source, text) in [
            ("", ""),
            ("*", ""),
            ("*", "x"),
            ("**", "x"),
            ("a*c", "abc"),
            ("a*c", "acbc"),
            ("*a*b*", "xxaxxbxx"),
            ("?", "ü"),
            ("[a-c]x", "bx"),
            ("[!a-c]", "d"),
            ("[^a-c]", "d"),
            ("\\*", "*"),
            ("\\[a]", "[a]"),
            ("[\\]]", "]"),
            ("[a-]", "-"),
            ("[-a]", "-"),
            ("[!\\]]", "x"),
            ("*.example", "a.b.example"),
            ("[\\a-\\c]", "b"),
        ] {
            check(source, text, true);
        }
        for (source, text) in [
            ("", "x"),
            ("?", ""),
            ("?", "xy"),
            ("a*c", "abcd"),
            ("[a-c]x", "dx"),
            ("[!a-c]", "b"),
            ("\\*", "x"),
            ("*a*b", "xbxa"),
            ("a", ""),
            ("*a", ""),
        ] {
            check(source, text, false);
        }
    }

    #[test]
    fn a_glob_of_many_stars_on_a_long_text_is_soon_done() {
        let hostile = glob(&"*a".repeat(400));
        assert!(!hostile.matches(&"a".repeat(399)));
        assert!(!hostile.matches(&format!("{}b", "a".repeat(20_000))));
    }

    #[test]
    fn a_class_that_leaves_nothing_meets_nothing() {
        let nothing = glob("[!\\\0-\u{10ffff}]");
        assert!(!nothing.overlaps(&glob("*")));
        assert!(!glob("*").overlaps(&nothing));
    }

    /// Every text of up to four letters out of two, against globs of the same letters: the
    /// intersection is what trying says, since no glob here tells longer texts from these.
    #[test]
    fn two_globs_overlap_exactly_when_some_text_looks_like_both() {
        let mut texts = vec![String::new()];
        let mut last = texts.clone();
        for _ in 0..6 {
            last = last.iter().flat_map(|it| [format!("{it}a"), format!("{it}b")]).collect();
            texts.extend(last.iter().cloned());
        }
        let parts = ["a", "b", "*", "?", "[!a]"];
        let mut globs = vec![String::new()];
        let mut last = globs.clone();
        for _ in 0..3 {
            last = last.iter().flat_map(|it| parts.map(|part| format!("{it}{part}"))).collect();
            globs.extend(last.iter().cloned());
        }
        let globs: Vec<Glob> = globs.iter().map(|it| glob(it)).collect();
        let taken: Vec<Vec<bool>> =
            globs.iter().map(|it| texts.iter().map(|text| it.matches(text)).collect()).collect();
        for (one, ones) in globs.iter().zip(&taken) {
            for (two, twos) in globs.iter().zip(&taken) {
                let tried = ones.iter().zip(twos).any(|(a, b)| *a && *b);
                assert_eq!(one.overlaps(two), tried, "{one:?} {two:?}");
            }
        }
    }
}
