//! Reads a template from text.

use std::{iter::Peekable, str::CharIndices, str::FromStr};

use serde::{Deserialize, Deserializer, de};

use super::Template;
use crate::{BadPattern, Pattern, Performative, Slot, UnknownPerformative};

/// How long a template may be, in bytes.
const LONGEST: usize = 10_000;
/// How deep its parentheses and its `!` may be nested, and how many `^` it may have.
const DEEPEST: usize = 50;

/// A text that is no template.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("at character {at}")]
pub struct BadTemplate {
    /// Where: the number of the character, from 1.
    pub at: usize,
    /// What is wrong there, and what would be right.
    #[source]
    pub why: TemplateFault,
}

/// What is wrong with the text of a template, and what would be right.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateFault {
    /// Something else is expected.
    #[error("{found} where {wanted} should be")]
    Unexpected {
        /// What is there.
        found: String,
        /// What would be right.
        wanted: &'static str,
    },
    /// Something that was opened is not closed.
    #[error("`{0}` is missing")]
    Unclosed(char),
    /// The key takes no such comparison.
    #[error("`{key}` is compared with `=` and one value only, as in `{example}`")]
    ExactOnly {
        /// The key.
        key: &'static str,
        /// What would be right.
        example: &'static str,
    },
    /// The performative is none of FIPA's.
    #[error(transparent)]
    Performative(#[from] UnknownPerformative),
    /// The pattern cannot be used.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
    /// Too many parentheses within parentheses, `!` before `!`, or `^` after `^`.
    #[error("nested too deep; parentheses, `!` and `^` may be {DEEPEST} deep")]
    TooDeep,
    /// The text is too long.
    #[error("{0} bytes; a template may have {LONGEST}")]
    TooLong(usize),
}

const CONDITION: &str = "a condition such as `performative=request`, `!` or `(`";
const JOIN: &str = "`&`, `^`, `|` or the end";
const VALUE: &str = "a value, as in `ontology=door` or `body~\"open*\"`";

pub(super) fn read(text: &str) -> Result<Template, BadTemplate> {
    if text.len() > LONGEST {
        return Err(BadTemplate { at: 1, why: TemplateFault::TooLong(text.len()) });
    }
    let mut reader =
        Reader { text, letters: text.char_indices().peekable(), depth: 0, differences: 0 };
    let read = reader.either().and_then(|template| match reader.peek() {
        None => Ok(template),
        Some(_) => Err(reader.unexpected(JOIN)),
    });
    // A fault is where reading stopped.
    read.map_err(|why| {
        let read = text.get(..reader.offset()).unwrap_or(text);
        BadTemplate { at: read.chars().count() + 1, why }
    })
}

/// Whether a letter may stand in a name or a value without quotes.
pub(super) fn is_plain(letter: char) -> bool {
    !letter.is_whitespace()
        && !matches!(letter, '&' | '|' | '^' | '!' | '(' | ')' | '"' | '=' | '~')
}

/// Whether a slot must be written with `slot:` since its name means something else.
pub(super) fn is_taken(name: &str) -> bool {
    ["any", "none", "performative", "from", "to", "body", "thread"].contains(&name)
        || name.starts_with("slot:")
}

struct Reader<'a> {
    text: &'a str,
    letters: Peekable<CharIndices<'a>>,
    depth: usize,
    /// How often there was a `^`.
    differences: usize,
}

impl Reader<'_> {
    fn either(&mut self) -> Result<Template, TemplateFault> {
        let first = self.one_of()?;
        let mut all = vec![first];
        while self.eat('|') {
            all.push(self.one_of()?);
        }
        Ok(several(all, Template::Either))
    }

    fn one_of(&mut self) -> Result<Template, TemplateFault> {
        let mut template = self.all()?;
        while self.eat('^') {
            // Each is nested in the next.
            self.differences += 1;
            if self.differences > DEEPEST {
                return Err(TemplateFault::TooDeep);
            }
            template = template ^ self.all()?;
        }
        Ok(template)
    }

    fn all(&mut self) -> Result<Template, TemplateFault> {
        let first = self.single()?;
        let mut all = vec![first];
        while self.eat('&') {
            all.push(self.single()?);
        }
        Ok(several(all, Template::All))
    }

    fn single(&mut self) -> Result<Template, TemplateFault> {
        if self.depth > DEEPEST {
            return Err(TemplateFault::TooDeep);
        }
        self.depth += 1;
        let template = if self.eat('!') {
            !self.single()?
        } else if self.eat('(') {
            let template = self.either()?;
            match self.peek() {
                Some(')') => drop(self.letters.next()),
                None => return Err(TemplateFault::Unclosed(')')),
                Some(_) => return Err(self.unexpected("`&`, `^`, `|` or `)`")),
            }
            template
        } else {
            self.condition()?
        };
        self.depth -= 1;
        Ok(template)
    }

    fn condition(&mut self) -> Result<Template, TemplateFault> {
        let (key, quoted) = self.key()?;
        let slot = match &*key {
            _ if quoted => Slot::from(&*key),
            "any" => return Ok(Template::Any),
            "none" => return Ok(Template::None),
            "thread" => Slot::ConversationId,
            "performative" => {
                let act = self.exact("performative", "performative=request")?;
                return Ok(act.parse::<Performative>()?.into());
            }
            "to" => return self.exact("to", "to=a@example.org").map(|to| Template::to(&*to)),
            "from" => {
                return self.pattern()?.map(Template::from_like).ok_or_else(|| self.compare());
            }
            "body" => return self.pattern()?.map(Template::Body).ok_or_else(|| self.compare()),
            name => Slot::from(name),
        };
        let like = self.pattern()?;
        Ok(like.map_or_else(|| Template::Has(slot.clone()), |it| Template::slot(slot.clone(), it)))
    }

    /// The name before a comparison, and whether it was said to be a slot's.
    fn key(&mut self) -> Result<(String, bool), TemplateFault> {
        self.skip_space();
        let word = self.word();
        if word == "slot:" && self.letters.peek().is_some_and(|(_, it)| *it == '"') {
            return Ok((self.quoted()?, true));
        }
        if let Some(name) = word.strip_prefix("slot:").filter(|it| !it.is_empty()) {
            return Ok((name.to_owned(), true));
        }
        if word.is_empty() || word == "slot:" {
            return Err(self.unexpected(CONDITION));
        }
        Ok((word, false))
    }

    /// What follows a key: nothing, `=exact`, `=/regex/` or `~glob`.
    fn pattern(&mut self) -> Result<Option<Pattern>, TemplateFault> {
        if self.eat('~') {
            let glob = self.value()?;
            return Ok(Some(Pattern::glob(&glob)?));
        }
        if !self.eat('=') {
            return Ok(None);
        }
        if self.peek() == Some('/') {
            return Ok(Some(Pattern::regex(&self.regex()?)?));
        }
        Ok(Some(Pattern::exact(self.value()?)))
    }

    fn exact(&mut self, key: &'static str, example: &'static str) -> Result<String, TemplateFault> {
        if !self.eat('=') || self.peek() == Some('/') {
            return Err(TemplateFault::ExactOnly { key, example });
        }
        self.value()
    }

    fn value(&mut self) -> Result<String, TemplateFault> {
        self.skip_space();
        if self.peek() == Some('"') {
            return self.quoted();
        }
        let word = self.word();
        if word.is_empty() { Err(self.unexpected(VALUE)) } else { Ok(word) }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some((_, letter)) = self.letters.next_if(|(_, it)| is_plain(*it)) {
            word.push(letter);
        }
        word
    }

    /// What is between quotes. `\"` and `\\` stand for a quote and a backslash; another
    /// backslash stands for itself.
    fn quoted(&mut self) -> Result<String, TemplateFault> {
        let mut text = String::new();
        self.letters.next();
        while let Some((_, letter)) = self.letters.next() {
            match letter {
                '"' => return Ok(text),
                '\\' => {
                    let escaped = self.letters.next_if(|(_, it)| matches!(it, '"' | '\\'));
                    text.push(escaped.map_or('\\', |(_, it)| it));
                }
                letter => text.push(letter),
            }
        }
        Err(TemplateFault::Unclosed('"'))
    }

    /// What is between slashes; within, a slash is `\/`.
    fn regex(&mut self) -> Result<String, TemplateFault> {
        let mut text = String::new();
        self.letters.next();
        while let Some((_, letter)) = self.letters.next() {
            if letter == '/' {
                return Ok(text);
            }
            text.push(letter);
            if letter == '\\' {
                text.extend(self.letters.next().map(|(_, it)| it));
            }
        }
        Err(TemplateFault::Unclosed('/'))
    }

    fn eat(&mut self, letter: char) -> bool {
        let there = self.peek() == Some(letter);
        if there {
            self.letters.next();
        }
        there
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.letters.peek().map(|(_, letter)| *letter)
    }

    fn skip_space(&mut self) {
        while self.letters.next_if(|(_, it)| it.is_whitespace()).is_some() {}
    }

    fn offset(&mut self) -> usize {
        self.letters.peek().map_or(self.text.len(), |(offset, _)| *offset)
    }

    fn compare(&mut self) -> TemplateFault {
        self.unexpected("`=` or `~`")
    }

    fn unexpected(&mut self, wanted: &'static str) -> TemplateFault {
        let found = self.peek().map_or_else(|| "the end".to_owned(), |it| format!("`{it}`"));
        TemplateFault::Unexpected { found, wanted }
    }
}

fn several(mut all: Vec<Template>, join: fn(Vec<Template>) -> Template) -> Template {
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            all.extend(last);
            join(all)
        }
    }
}

impl FromStr for Template {
    type Err = BadTemplate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| de::Error::custom(crate::Chain(&error)))
    }
}
