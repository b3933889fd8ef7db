//! Patterns of STIX 2.1, as far as they compare one thing with one value (section 9 of the standard).
//!
//! `[a = 'x' OR b = 'y'] OR [c = 'z']` is understood, and so is an AND with what only says of which
//! type a reference is. Everything else (LIKE, MATCHES, NOT, qualifiers, two conditions at once) is
//! counted as not understood, never guessed at.

use super::What;

/// What a pattern comes to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Meaning {
    /// Any of them.
    pub(super) any: Vec<What>,
    /// Parts of alternatives that are not understood.
    pub(super) not_understood: usize,
}

/// The longest pattern that is looked at, in bytes, and how deep its brackets may go.
const LONGEST: usize = 64 * 1024;
const DEEPEST: usize = 32;

/// Reads a pattern.
pub(super) fn read(text: &str) -> Meaning {
    let unknown = || Meaning { any: Vec::new(), not_understood: 1 };
    if text.len() > LONGEST {
        return unknown();
    }
    let Some(tokens) = tokens(text) else { return unknown() };
    let mut reader = Reader { tokens: &tokens, depth: 0 };
    let part = reader.observations();
    match part {
        Some(part) if reader.tokens.is_empty() => part.meaning(),
        _ => unknown(),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A bracket or a sign.
    Sign(char),
    /// A path or a word.
    Word(String),
    /// What stands in quotes.
    Text(String),
}

/// What a part of a pattern says.
#[derive(Debug)]
enum Part {
    /// One of these, and so many alternatives that are not understood.
    Any(Vec<What>, usize),
    /// Only of which type something is.
    Type,
    /// Something else.
    Unknown,
}

impl Part {
    fn or(self, other: Self) -> Self {
        let (mut left, mut right) = (self.meaning(), other.meaning());
        left.any.append(&mut right.any);
        Self::Any(left.any, left.not_understood + right.not_understood)
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Type, other) | (other, Self::Type) => other,
            _ => Self::Unknown,
        }
    }

    fn meaning(self) -> Meaning {
        match self {
            Self::Any(any, not_understood) => Meaning { any, not_understood },
            Self::Type | Self::Unknown => Meaning { any: Vec::new(), not_understood: 1 },
        }
    }
}

struct Reader<'a> {
    tokens: &'a [Token],
    depth: usize,
}

impl Reader<'_> {
    /// `[…] OR […]`.
    fn observations(&mut self) -> Option<Part> {
        let mut part = self.observation()?;
        loop {
            if self.word("OR") {
                part = part.or(self.observation()?);
            } else if self.word("AND") || self.word("FOLLOWEDBY") {
                self.observation()?;
                part = Part::Unknown;
            } else {
                return Some(part);
            }
        }
    }

    fn observation(&mut self) -> Option<Part> {
        let round = self.sign('(');
        if !round && !self.sign('[') {
            return None;
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let part = if round { self.observations()? } else { self.alternatives()? };
        self.depth -= 1;
        self.sign(if round { ')' } else { ']' }).then_some(part)
    }

    /// Comparisons with OR between them; AND binds closer.
    fn alternatives(&mut self) -> Option<Part> {
        let mut part = self.together()?;
        while self.word("OR") {
            part = part.or(self.together()?);
        }
        Some(part)
    }

    fn together(&mut self) -> Option<Part> {
        let mut part = self.comparison()?;
        while self.word("AND") {
            part = part.and(self.comparison()?);
        }
        Some(part)
    }

    fn comparison(&mut self) -> Option<Part> {
        if self.sign('(') {
            self.depth += 1;
            if self.depth > DEEPEST {
                return None;
            }
            let part = self.alternatives()?;
            self.depth -= 1;
            return self.sign(')').then_some(part);
        }
        let not = self.word("NOT");
        let path = self.path()?;
        if self.sign('=') {
            let value = self.value()?;
            return Some(if not { Part::Unknown } else { compare(&path, &value) });
        }
        if self.word("IN") {
            let mut part: Option<Part> = None;
            self.sign('(').then_some(())?;
            loop {
                let one = compare(&path, &self.value()?);
                part = Some(match part {
                    Some(part) => part.or(one),
                    None => one,
                });
                if self.sign(')') {
                    return if not { Some(Part::Unknown) } else { part };
                }
                self.sign(',').then_some(())?;
            }
        }
        self.skip_operator()?;
        self.value()?;
        Some(Part::Unknown)
    }

    /// An operator that is known but not understood.
    fn skip_operator(&mut self) -> Option<()> {
        self.word("NOT");
        let words = ["LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"];
        if words.iter().any(|word| self.word(word)) {
            return Some(());
        }
        let first = ['!', '<', '>'].iter().any(|sign| self.sign(*sign));
        self.sign('=');
        first.then_some(())
    }

    fn path(&mut self) -> Option<String> {
        let mut path = match self.tokens.split_first()? {
            (Token::Word(word), rest) => {
                self.tokens = rest;
                word.clone()
            }
            _ => return None,
        };
        // `file:hashes.'SHA-256'` has a part in quotes.
        while path.ends_with('.') {
            let (Token::Text(part), rest) = self.tokens.split_first()? else { return None };
            path.push_str(part);
            self.tokens = rest;
            if let Some((Token::Word(more), rest)) = self.tokens.split_first()
                && more.starts_with('.')
            {
                path.push_str(more);
                self.tokens = rest;
            }
        }
        Some(path)
    }

    fn value(&mut self) -> Option<String> {
        let (Token::Text(value) | Token::Word(value), rest) = self.tokens.split_first()? else {
            return None;
        };
        self.tokens = rest;
        Some(value.clone())
    }

    fn sign(&mut self, sign: char) -> bool {
        match self.tokens.split_first() {
            Some((Token::Sign(found), rest)) if *found == sign => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    fn word(&mut self, word: &str) -> bool {
        match self.tokens.split_first() {
            Some((Token::Word(found), rest)) if found == word => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }
}

/// What one comparison says.
fn compare(path: &str, value: &str) -> Part {
    let what = match path {
        "ipv4-addr:value" | "ipv6-addr:value" | "network-traffic:dst_ref.value" => {
            let domain = path.starts_with("network-traffic") && What::address(value).is_err();
            if domain { What::domain(value) } else { What::address(value) }
        }
        "network-traffic:dst_ref.type" => return Part::Type,
        "domain-name:value" => What::domain(value),
        "url:value" => What::url(value),
        path if path.starts_with("file:hashes.") => What::hash(value),
        _ => return Part::Unknown,
    };
    what.map_or(Part::Unknown, |what| Part::Any(vec![what], 0))
}

/// The tokens of a pattern; `None` of what has a quote without end or too much of it.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            letter if letter.is_whitespace() => {}
            '[' | ']' | '(' | ')' | '=' | ',' | '<' | '>' | '!' => tokens.push(Token::Sign(letter)),
            '\'' => {
                let mut value = String::new();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        '\\' => value.push(letters.next()?),
                        letter => value.push(letter),
                    }
                }
                tokens.push(Token::Text(value));
            }
            letter => {
                let mut word = String::from(letter);
                let more = |letter: &char| {
                    letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | ':' | '*' | '+')
                };
                while let Some(letter) = letters.next_if(more) {
                    word.push(letter);
                }
                // `x[*]` is an index: not understood, but to be read past.
                tokens.push(Token::Word(word));
            }
        }
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> (Vec<String>, usize) {
        let meaning = read(text);
        (meaning.any.iter().map(What::value).collect(), meaning.not_understood)
    }

    fn one(text: &str, value: &str) {
        assert_eq!(values(text), (vec![value.to_owned()], 0), "{text}");
    }

    fn unknown(text: &str) {
        assert_eq!(values(text), (Vec::new(), 1), "{text}");
    }

    #[test]
    fn one_comparison_is_understood() {
        one("[ipv4-addr:value = '192.0.2.1']", "192.0.2.1");
        one("[ipv6-addr:value='2001:db8::1']", "2001:db8::1");
        one("[ipv4-addr:value = '192.0.2.0/24']", "192.0.2.0/24");
        one("[domain-name:value = 'Bad.example']", "bad.example");
        one("[url:value = 'http://bad.example/x']", "bad.example/x");
        let hash = "a".repeat(64);
        one(&format!("[file:hashes.'SHA-256' = '{hash}']"), &hash);
        one(&format!("[file:hashes.MD5 = '{}']", "b".repeat(32)), &"b".repeat(32));
        one(
            "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1']",
            "192.0.2.1",
        );
    }

    #[test]
    fn alternatives_are_each_taken() {
        let text = "[domain-name:value = 'a.example' OR (domain-name:value = 'b.example')] OR \
                    ([ipv4-addr:value IN ('192.0.2.1', '192.0.2.2')])";
        assert_eq!(values(text).0, ["a.example", "b.example", "192.0.2.1", "192.0.2.2"]);
        let some = "[domain-name:value = 'a.example' OR process:name = 'x']";
        assert_eq!(values(some), (vec!["a.example".to_owned()], 1));
    }

    #[test]
    fn what_would_have_to_be_guessed_is_not_understood() {
        unknown("[ipv4-addr:value = '192.0.2.1' AND domain-name:value = 'a.example']");
        unknown("[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443]");
        unknown("[ipv4-addr:value != '192.0.2.1']");
        unknown("[NOT ipv4-addr:value = '192.0.2.1']");
        unknown("[domain-name:value LIKE '%.example']");
        unknown("[url:value MATCHES '^http']");
        unknown("[ipv4-addr:value = '192.0.2.1'] AND [domain-name:value = 'a.example']");
        unknown("[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [domain-name:value = 'a.example']");
        unknown("[ipv4-addr:value = '192.0.2.1'] REPEATS 5 TIMES");
        unknown("[ipv4-addr:value = 'nonsense']");
        unknown("[network-traffic:dst_ref.type = 'ipv4-addr']");
    }

    #[test]
    fn hostile_patterns_are_refused() {
        for text in [
            "",
            "[",
            "]",
            "[]",
            "['",
            "[a",
            "[a=",
            "[a='b'",
            "[ipv4-addr:value='1.2.3.4'",
            "[a='\\",
            "a='b'",
            "[a IN ()]",
            "[a IN ('b'",
            "[file:hashes. = 'x']",
        ] {
            unknown(text);
        }
        unknown(&"[".repeat(10_000));
        unknown(&"(".repeat(10_000));
        unknown(&format!("[{}", "(".repeat(10_000)));
        unknown(&"x".repeat(100_000));
    }
}
