//! What a text looks like: exactly so, like a glob, or like a regular expression.

mod glob;

use std::{fmt, sync::Arc};

use regex::{Regex, RegexBuilder};

use glob::Glob;

/// How long a pattern may be, in bytes.
const LONGEST: usize = 1_000;
/// How much memory a compiled regular expression may take, in bytes.
const LARGEST: usize = 256 * 1024;
/// How deep the groups of a regular expression may be nested.
const DEEPEST: u32 = 50;

/// A pattern that cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPattern {
    /// It is not a glob.
    #[error("`{pattern}` is no glob: {why}")]
    Glob {
        /// The pattern as it was given.
        pattern: String,
        /// What is wrong with it, and what would be right.
        why: &'static str,
    },
    /// It is not a regular expression, or one that takes too much memory.
    #[error("`{pattern}` is no regular expression to be used here")]
    Regex {
        /// The pattern as it was given.
        pattern: String,
        /// What is wrong with it.
        #[source]
        why: regex::Error,
    },
    /// It is too long.
    #[error("`{start}…` has {length} bytes; a pattern may have {LONGEST}")]
    TooLong {
        /// How it begins.
        start: String,
        /// How long it is.
        length: usize,
    },
}

/// What a text looks like. Two patterns are equal when they are written the same way.
#[derive(Clone)]
pub struct Pattern {
    source: Arc<str>,
    shape: Shape,
}

#[derive(Clone)]
enum Shape {
    Exact,
    Glob(Glob),
    Regex(Regex),
}

/// How a [`Pattern`] is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// The text itself.
    Exact,
    /// `*` is any text, `?` any character, `[a-z]` one of these, `[!a-z]` none of these, and `\`
    /// takes the meaning from what follows.
    Glob,
    /// A regular expression, found anywhere in the text unless it says `^` or `$`.
    Regex,
}

impl Pattern {
    /// This text and no other.
    pub fn exact(text: impl Into<Arc<str>>) -> Self {
        Self { source: text.into(), shape: Shape::Exact }
    }

    /// A whole text that looks like this glob.
    pub fn glob(source: &str) -> Result<Self, BadPattern> {
        check_length(source)?;
        let glob = Glob::parse(source)
            .map_err(|why| BadPattern::Glob { pattern: source.to_owned(), why })?;
        Ok(Self { source: source.into(), shape: Shape::Glob(glob) })
    }

    /// A text in which this regular expression is found. It takes time that is linear in the
    /// length of the text, whatever it says.
    pub fn regex(source: &str) -> Result<Self, BadPattern> {
        check_length(source)?;
        let source = plain_slashes(source);
        let built = RegexBuilder::new(&source).size_limit(LARGEST).nest_limit(DEEPEST).build();
        match built {
            Ok(regex) => Ok(Self { source: source.into(), shape: Shape::Regex(regex) }),
            Err(why) => Err(BadPattern::Regex { pattern: source, why }),
        }
    }

    /// The pattern as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How it is written.
    pub fn spelling(&self) -> Spelling {
        match self.shape {
            Shape::Exact => Spelling::Exact,
            Shape::Glob(_) => Spelling::Glob,
            Shape::Regex(_) => Spelling::Regex,
        }
    }

    /// Whether `text` looks like it.
    pub fn matches(&self, text: &str) -> bool {
        match &self.shape {
            Shape::Exact => *self.source == *text,
            Shape::Glob(glob) => glob.matches(text),
            Shape::Regex(regex) => regex.is_match(text),
        }
    }

    /// Whether every text looks like it, as far as its spelling shows.
    pub fn is_anything(&self) -> bool {
        match &self.shape {
            Shape::Exact => false,
            Shape::Glob(glob) => glob.is_anything(),
            Shape::Regex(_) => self.source.is_empty(),
        }
    }

    /// Whether some text could look like both. `false` is certain; `true` is certain but where a
    /// regular expression meets another pattern than an exact one.
    pub fn overlaps(&self, other: &Self) -> bool {
        if let Some(text) = self.only() {
            return other.matches(&text);
        }
        if let Some(text) = other.only() {
            return self.matches(&text);
        }
        match (&self.shape, &other.shape) {
            (Shape::Glob(glob), Shape::Glob(other)) => glob.overlaps(other),
            (Shape::Exact | Shape::Glob(_) | Shape::Regex(_), _) => true,
        }
    }

    /// The only text that looks like it, if there is only one by its spelling.
    pub(crate) fn only(&self) -> Option<Arc<str>> {
        match &self.shape {
            Shape::Exact => Some(Arc::clone(&self.source)),
            Shape::Glob(glob) => glob.only().map(Arc::from),
            Shape::Regex(_) => None,
        }
    }
}

fn check_length(source: &str) -> Result<(), BadPattern> {
    if source.len() <= LONGEST {
        return Ok(());
    }
    let start = source.chars().take(20).collect();
    Err(BadPattern::TooLong { start, length: source.len() })
}

/// `\/` is `/`: where slashes are the ends of an expression, the one is written for the other.
fn plain_slashes(source: &str) -> String {
    let mut plain = String::with_capacity(source.len());
    let mut letters = source.chars();
    while let Some(letter) = letters.next() {
        let next = if letter == '\\' { letters.next() } else { None };
        if next != Some('/') {
            plain.push(letter);
        }
        plain.extend(next);
    }
    plain
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.spelling() == other.spelling() && self.source == other.source
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({:?})", self.spelling(), self.source)
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self::exact(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(source: &str) -> Pattern {
        Pattern::glob(source).unwrap()
    }

    fn regex(source: &str) -> Pattern {
        Pattern::regex(source).unwrap()
    }

    #[test]
    fn each_spelling_matches_what_it_says() {
        let check = |pattern: Pattern, text, expected| {
            assert_eq!(pattern.matches(text), expected, "{pattern:?} on {text:?}");
        };
        check("open*".into(), "open*", true);
        check("open*".into(), "open door", false);
        check(glob("open*"), "open door", true);
        check(glob("open*"), "reopen door", false);
        check(regex("^shut|open"), "shut the door", true);
        check(regex("^shut"), "please shut", false);
        check(regex("a/b"), "xa/bx", true);
    }

    #[test]
    fn overlap_is_exact_but_for_two_unbounded_spellings() {
        let check = |a: &Pattern, b: &Pattern, expected| {
            assert_eq!(a.overlaps(b), expected, "{a:?} {b:?}");
            assert_eq!(b.overlaps(a), expected, "{b:?} {a:?}");
        };
        check(&"a".into(), &"a".into(), true);
        check(&"a".into(), &"b".into(), false);
        check(&"ab".into(), &glob("a*"), true);
        check(&"ab".into(), &glob("b*"), false);
        check(&"ab".into(), &regex("^b"), false);
        check(&glob("a\\*"), &regex("^b"), false);
        check(&glob("a*"), &glob("b*"), false);
        check(&glob("a*"), &glob("*b"), true);
        check(&glob("a*"), &regex("^b"), true);
        check(&regex("^a"), &regex("^b"), true);
    }

    #[test]
    fn equal_is_what_is_written_the_same_way() {
        assert_eq!(glob("a*"), glob("a*"));
        assert_ne!(glob("a"), Pattern::from("a"));
        assert_ne!(glob("a"), regex("a"));
        assert_eq!(regex(r"a\/b\\/c"), regex(r"a/b\\/c"));
    }

    #[test]
    fn a_bad_pattern_is_named_with_what_would_be_right() {
        let glob = |source| Pattern::glob(source).unwrap_err().to_string();
        insta::assert_snapshot!(glob("a[b"), @r#"`a[b` is no glob: `[` without `]`; a bracket itself is `\[`"#);
        insta::assert_snapshot!(glob("a\\"), @r#"`a\` is no glob: `\` at the end; a backslash itself is `\\`"#);
        insta::assert_snapshot!(glob("[z-a]"), @"`[z-a]` is no glob: a range that ends before it starts; from a to z is `[a-z]`");
        insta::assert_snapshot!(glob("[]"), @"`[]` is no glob: `[]` is no character; one of two is `[ab]`");
        insta::assert_snapshot!(glob(&"x".repeat(2_000)), @"`xxxxxxxxxxxxxxxxxxxx…` has 2000 bytes; a pattern may have 1000");
        insta::assert_snapshot!(Pattern::regex("a(b").unwrap_err(), @"`a(b` is no regular expression to be used here");
        let large = Pattern::regex(r"(\w{100}){100}").unwrap_err();
        assert!(matches!(large, BadPattern::Regex { .. }), "{large:?}");
    }
}
