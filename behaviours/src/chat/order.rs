//! What people can ask for.

use std::fmt;

use runtime::{Call, Command};

use super::{Right, command};

/// Characters of what somebody wrote that are looked at; nobody has to write more.
const LONGEST: usize = 1000;

/// By which way somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Chat,
    Command,
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Command => "command",
        }
    }
}

/// Something that people can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Help,
    Status,
    Behaviours,
    Run(String),
    Pause(String),
    Resume(String),
    Why(String),
    Requests,
    Approve(String),
    Deny(String),
    Unknown(String),
}

/// Every order: its word, what stands behind it, and what it does.
const ORDERS: [(&str, &str, &str); 10] = [
    ("help", "", "tells what can be asked for"),
    ("status", "", "how this agent is"),
    ("behaviours", "", "what it runs, and where each is"),
    ("run", "NAME", "has a behaviour do now what it would do at its time"),
    ("pause", "NAME", "has a behaviour do nothing until it may go on"),
    ("resume", "NAME", "lets it go on"),
    ("why", "UUID", "why a result of this agent is as it is"),
    ("requests", "", "who asks to see this agent's presence"),
    ("approve", "JID", "lets somebody see it"),
    ("deny", "JID", "does not"),
];

impl Order {
    /// Reads what somebody wrote.
    pub(super) fn read(text: &str) -> Self {
        let text = brief(text);
        let text = text.trim_end().trim_start_matches(|it: char| it == '/' || it.is_whitespace());
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        Self::named(&word.to_lowercase(), rest.trim()).unwrap_or_else(|| Self::Unknown(text.into()))
    }

    /// Reads what somebody filled in.
    pub(super) fn of(call: &Call) -> Self {
        let filled = |name: &str| call.fields.get(name).map(|it| brief(it)).unwrap_or_default();
        let rest = match call.node.as_str() {
            "why" => filled("uuid"),
            "approve" | "deny" => filled("jid"),
            _ => filled("name"),
        };
        Self::named(&call.node, rest.trim()).unwrap_or_else(|| Self::Unknown(brief(&call.node)))
    }

    fn named(word: &str, rest: &str) -> Option<Self> {
        let rest = rest.to_owned();
        Some(match word {
            "help" | "?" => Self::Help,
            "status" => Self::Status,
            "behaviours" | "behaviors" => Self::Behaviours,
            "run" => Self::Run(rest),
            "pause" => Self::Pause(rest),
            "resume" => Self::Resume(rest),
            "why" => Self::Why(rest),
            "requests" => Self::Requests,
            "approve" => Self::Approve(rest),
            "deny" => Self::Deny(rest),
            _ => return None,
        })
    }

    /// What one must be allowed to.
    pub(super) fn right(&self) -> Right {
        match self {
            Self::Help
            | Self::Status
            | Self::Behaviours
            | Self::Why(_)
            | Self::Requests
            | Self::Unknown(_) => Right::Ask,
            Self::Run(_) | Self::Pause(_) | Self::Resume(_) | Self::Approve(_) | Self::Deny(_) => {
                Right::Control
            }
        }
    }

    /// Whether it is more than the opening of a form.
    pub(super) fn is_heard(&self, way: Way) -> bool {
        way == Way::Chat || !self.lacks_something()
    }

    /// Whether it does not say of what, or of whom.
    pub(super) fn lacks_something(&self) -> bool {
        match self {
            Self::Run(it)
            | Self::Pause(it)
            | Self::Resume(it)
            | Self::Why(it)
            | Self::Approve(it)
            | Self::Deny(it) => it.is_empty(),
            Self::Help | Self::Status | Self::Behaviours | Self::Requests | Self::Unknown(_) => {
                false
            }
        }
    }

    /// What can be asked for, for people.
    pub(super) fn help() -> String {
        let lines = ORDERS.iter().map(|(word, what, does)| match *what {
            "" => format!("{word}: {does}"),
            what => format!("{word} {what}: {does}"),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn brief(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// The orders as commands.
pub(super) fn commands() -> Vec<Command> {
    let named = ORDERS.iter().filter(|(word, ..)| *word != "help");
    named.map(|(word, _, does)| command(word, does)).collect()
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, rest) = match self {
            Self::Help => ("help", ""),
            Self::Status => ("status", ""),
            Self::Behaviours => ("behaviours", ""),
            Self::Run(name) => ("run", &**name),
            Self::Pause(name) => ("pause", &**name),
            Self::Resume(name) => ("resume", &**name),
            Self::Why(uuid) => ("why", &**uuid),
            Self::Requests => ("requests", ""),
            Self::Approve(jid) => ("approve", &**jid),
            Self::Deny(jid) => ("deny", &**jid),
            Self::Unknown(text) => (&**text, ""),
        };
        if rest.is_empty() { f.write_str(word) } else { write!(f, "{word} {rest}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_people_write_them() {
        assert_eq!(Order::read(" /HELP \n"), Order::Help);
        assert_eq!(Order::read("Pause  root disk "), Order::Pause("root disk".to_owned()));
        assert_eq!(Order::read("dance"), Order::Unknown("dance".to_owned()));
        assert_eq!(Order::read(""), Order::Unknown(String::new()));
        assert_eq!(Order::read("/ \r\n/ status"), Order::Status);
        assert_eq!(Order::read("run ").to_string(), "run");
        assert_eq!(Order::read(&"x".repeat(5000)).to_string().len(), LONGEST);
    }

    #[test]
    fn every_order_that_help_tells_of_is_known() {
        for (word, ..) in ORDERS {
            let order = Order::read(&format!("{word} x"));
            assert!(!matches!(order, Order::Unknown(_)), "{word}");
        }
    }
}
