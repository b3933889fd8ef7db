//! Texts with places to be filled in: `opened {opened} times`.

use std::time::{Duration, SystemTime};

use runtime::Message;

use super::scalar::Scalar;

/// How long a text may get once it is filled in, in bytes; what is longer is cut.
const LONGEST: usize = 32 * 1024;

/// The end of the year 9999, since 1970: a year has four figures.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Names that mean something of their own.
pub(super) const RESERVED: [&str; 6] = ["body", "from", "state", "now", "true", "false"];

/// A text with places to be filled in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Literal(String),
    Body,
    From,
    State,
    Now,
    Variable(usize),
}

/// The variables of a machine: their names, and what they hold at first.
pub(super) type Variables = [(String, Scalar)];

/// What a text is filled in from.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) variables: &'a [Scalar],
    /// The message that was heard last.
    pub(super) heard: Option<&'a Message>,
    pub(super) state: &'a str,
    pub(super) now: SystemTime,
}

impl Text {
    /// Reads a text; a brace itself is written twice. What is wrong is told.
    pub(super) fn read(text: &str, variables: &Variables) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut literal = String::new();
        while let Some(place) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(place);
            literal.push_str(before);
            let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) else {
                let inside = brace.strip_prefix('{').and_then(|it| it.split_once('}'));
                let Some((name, after)) = inside else {
                    return Err("a brace stands alone; a brace itself is `{{` or `}}`".to_owned());
                };
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(place_called(name, variables)?);
                rest = after;
                continue;
            };
            literal.push_str(brace.get(..1).unwrap_or_default());
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self(pieces))
    }

    /// The text itself where nothing is to be filled in.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it says something of a message.
    pub(super) fn needs_message(&self) -> bool {
        self.0.iter().any(|it| matches!(it, Piece::Body | Piece::From))
    }

    /// The text with everything filled in.
    pub(super) fn fill(&self, scene: Scene<'_>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(it) => text.push_str(it),
                Piece::Body => text.push_str(scene.heard.map_or("", |it| &it.body)),
                Piece::From => {
                    let from = scene.heard.and_then(|it| it.from.as_ref());
                    text.push_str(from.map_or("", |it| it.as_str()));
                }
                Piece::State => text.push_str(scene.state),
                Piece::Now => text.push_str(&time(scene.now)),
                Piece::Variable(number) => {
                    let value = scene.variables.get(*number);
                    text.push_str(&value.map(ToString::to_string).unwrap_or_default());
                }
            }
            if text.len() > LONGEST {
                return clip(&text, LONGEST).to_owned();
            }
        }
        text
    }
}

fn place_called(name: &str, variables: &Variables) -> Result<Piece, String> {
    match name {
        "body" => return Ok(Piece::Body),
        "from" => return Ok(Piece::From),
        "state" => return Ok(Piece::State),
        "now" => return Ok(Piece::Now),
        _ => {}
    }
    variables.iter().position(|(it, _)| it == name).map(Piece::Variable).ok_or_else(|| {
        let own = variables.iter().map(|(it, _)| it.as_str());
        let known: Vec<&str> = ["body", "from", "state", "now"].into_iter().chain(own).collect();
        format!("nothing is called `{{{name}}}`; there are: {}", known.join(", "))
    })
}

/// A time as RFC 3339 writes it.
fn time(time: SystemTime) -> String {
    let last = SystemTime::UNIX_EPOCH + LAST;
    humantime::format_rfc3339_millis(time.clamp(SystemTime::UNIX_EPOCH, last)).to_string()
}

/// The beginning of a text, so many bytes at most.
pub(super) fn clip(text: &str, longest: usize) -> &str {
    let mut end = text.len().min(longest);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_and_braces_written_twice() {
        let variables = [("n".to_owned(), Scalar::Number(2.0))];
        let text =
            Text::read("{{n}} is {n} in {state}, {body}{from} at {now}", &variables).unwrap();
        let values = [Scalar::Number(2.5)];
        let now = SystemTime::UNIX_EPOCH;
        let scene = Scene { variables: &values, heard: None, state: "open", now };
        insta::assert_snapshot!(text.fill(scene), @"{n} is 2.5 in open,  at 1970-01-01T00:00:00.000Z");
        insta::assert_snapshot!(Text::read("{m}", &variables).unwrap_err(), @"nothing is called `{m}`; there are: body, from, state, now, n");
        assert!(Text::read("a { b", &variables).is_err());
        assert!(Text::read("a } b", &variables).is_err());
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(clip("aäöü", 2), "a");
        assert_eq!(clip("aäöü", 3), "aä");
    }
}
