//! What a machine can do when it moves: a catalogue, which has room for more.

use runtime::{Fields, Performative, Setting, Slot};
use types::Show;

use super::{
    assign::{self, Assign, Operand},
    scalar::Scalar,
    text::{Text, Variables},
};

/// Fields of one item, at most.
const FIELDS: usize = 16;

/// Something to be done.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Changes a variable.
    Assign { variable: usize, how: Assign, value: Operand },
    /// Writes to the log.
    Log { level: Level, text: Text },
    /// Says something.
    Say(Say),
    /// Makes an item, as a check does.
    Keep { kind: String, text: Text, fields: Vec<(String, Content)> },
    /// Has another behaviour of the agent act now, or pauses, resumes or stops it.
    Steer { verb: Verb, name: String },
    /// Changes how the agent is seen.
    Presence { show: Show, status: Option<Text> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Debug,
    Info,
    Warn,
}

#[derive(Clone, Debug)]
pub(super) struct Say {
    pub(super) how: Road,
    pub(super) act: Performative,
    /// To whom; none: to whoever was heard last.
    pub(super) to: Option<Text>,
    pub(super) body: Text,
    pub(super) slots: Vec<(Slot, Text)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Road {
    Send,
    Post,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Value(Scalar),
    Text(Text),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verb {
    Start,
    Pause,
    Resume,
    Stop,
}

type Read = fn(&mut Fields<'_>, &Variables) -> Option<Action>;

/// A kind of action: the key that names it, what else can be set, and how it is read.
struct Kind {
    key: &'static str,
    settings: &'static [Setting],
    read: Read,
}

const fn setting(key: &'static str, about: &'static str, example: &'static str) -> Setting {
    Setting { key, about, example, required: false }
}

const BODY: Setting = setting("body", "what is said", "body = \"opened {opened} times\"");
const ONTOLOGY: Setting = setting("ontology", "in which vocabulary", "ontology = \"door\"");
const PROTOCOL: Setting = setting("protocol", "by which protocol", "protocol = \"fipa-request\"");
const CONVERSATION: Setting =
    setting("conversation", "in which conversation", "conversation = \"door-1\"");
const TO: Setting = Setting {
    key: "to",
    about: "to whom: a JID or a duty",
    example: "to = \"duty:aggregate\"",
    required: true,
};

/// Everything that can be done, by the key that names it.
const CATALOGUE: &[Kind] = &[
    Kind {
        key: "log",
        settings: &[
            setting("log", "what is written to the log", "log = \"opened by {from}\""),
            setting("level", "debug, info or warn; info unless said otherwise", "level = \"warn\""),
        ],
        read: log,
    },
    Kind {
        key: "send",
        settings: &[
            setting("send", "sends a message: its performative", "send = \"inform\""),
            TO,
            BODY,
            ONTOLOGY,
            PROTOCOL,
            CONVERSATION,
        ],
        read: send,
    },
    Kind {
        key: "post",
        settings: &[
            setting(
                "post",
                "sends a letter, which is not lost: its performative",
                "post = \"inform\"",
            ),
            TO,
            BODY,
            ONTOLOGY,
            PROTOCOL,
            CONVERSATION,
        ],
        read: post,
    },
    Kind {
        key: "reply",
        settings: &[
            setting(
                "reply",
                "answers the message that was heard last: a performative",
                "reply = \"agree\"",
            ),
            BODY,
            ONTOLOGY,
        ],
        read: reply,
    },
    Kind {
        key: "keep",
        settings: &[
            setting(
                "keep",
                "makes an item that is kept and stamped: its type",
                "keep = \"door-opened\"",
            ),
            setting("text", "what it says", "text = \"opened by {from}\""),
            setting(
                "fields",
                "what else it says, by name",
                "fields = { count = \"{opened}\", by = \"{from}\" }",
            ),
        ],
        read: keep,
    },
    Kind {
        key: "start",
        settings: &[setting(
            "start",
            "another behaviour, which does at once what it waits to do at its time",
            "start = \"ports\"",
        )],
        read: start,
    },
    Kind {
        key: "pause",
        settings: &[setting("pause", "another behaviour", "pause = \"ports\"")],
        read: pause,
    },
    Kind {
        key: "resume",
        settings: &[setting("resume", "another behaviour", "resume = \"ports\"")],
        read: resume,
    },
    Kind {
        key: "stop",
        settings: &[setting("stop", "another behaviour", "stop = \"ports\"")],
        read: stop,
    },
    Kind {
        key: "presence",
        settings: &[
            setting(
                "presence",
                "how available: chat, available, away, dnd or xa",
                "presence = \"away\"",
            ),
            setting("status", "in its own words", "status = \"the door is open\""),
        ],
        read: presence,
    },
];

/// The names of all actions, for people.
pub(super) fn names() -> String {
    CATALOGUE.iter().map(|it| it.key).collect::<Vec<_>>().join(", ")
}

impl Action {
    /// Reads one action that stands at `path`.
    pub(super) fn read(
        path: &str,
        value: toml::Value,
        variables: &Variables,
        problems: &mut Vec<runtime::Problem>,
    ) -> Option<Self> {
        let mut complain = |what: String| {
            problems.push(runtime::Problem { key: path.to_owned(), what });
            None
        };
        match value {
            toml::Value::String(text) => assign::read(&text, variables).map_or_else(complain, Some),
            toml::Value::Table(table) => {
                let named: Vec<&Kind> =
                    CATALOGUE.iter().filter(|it| table.contains_key(it.key)).collect();
                match named.as_slice() {
                    [kind] => {
                        let mut fields = Fields::new(path, table, kind.settings, problems);
                        (kind.read)(&mut fields, variables)
                    }
                    [] => complain(format!("no known action; there are: {}", names())),
                    [one, other, ..] => complain(format!(
                        "both `{}` and `{}`; write two actions",
                        one.key, other.key
                    )),
                }
            }
            other => complain(format!(
                "`{other}` is no action; write `\"opened += 1\"` or `{{ log = \"opened\" }}`"
            )),
        }
    }

    /// Whether it says something of a message, or answers one.
    pub(super) fn needs_message(&self) -> bool {
        let needs = Text::needs_message;
        match self {
            Self::Assign { value: Operand::Text(text), .. } | Self::Log { text, .. } => needs(text),
            Self::Assign { .. } | Self::Steer { .. } => false,
            Self::Say(say) => {
                say.to.as_ref().is_none_or(needs)
                    || needs(&say.body)
                    || say.slots.iter().any(|(_, it)| needs(it))
            }
            Self::Keep { text, fields, .. } => {
                let field =
                    |it: &(String, Content)| matches!(&it.1, Content::Text(it) if needs(it));
                needs(text) || fields.iter().any(field)
            }
            Self::Presence { status, .. } => status.as_ref().is_some_and(needs),
        }
    }
}

fn text(fields: &mut Fields<'_>, key: &str, variables: &Variables) -> Option<Text> {
    let text: String = fields.take(key, "text")?;
    Text::read(&text, variables).map_err(|why| fields.complain(key, why)).ok()
}

fn log(fields: &mut Fields<'_>, variables: &Variables) -> Option<Action> {
    let level = fields.parse("level", "one of debug, info, warn", |text| match text {
        "debug" => Some(Level::Debug),
        "info" => Some(Level::Info),
        "warn" => Some(Level::Warn),
        _ => None,
    });
    let text = text(fields, "log", variables)?;
    Some(Action::Log { level: level.unwrap_or(Level::Info), text })
}

fn act(fields: &mut Fields<'_>, key: &str) -> Option<Performative> {
    let name: String = fields.take(key, "a performative such as \"inform\"")?;
    name.parse().map_err(|error| fields.complain(key, format!("{error}"))).ok()
}

fn say(fields: &mut Fields<'_>, key: &str, how: Road, variables: &Variables) -> Option<Say> {
    let act = act(fields, key);
    let to = if key == "reply" { None } else { text(fields, "to", variables) };
    let body = if fields.has("body") {
        text(fields, "body", variables)
    } else {
        Text::read("", variables).ok()
    };
    let mut slots = Vec::new();
    for (key, slot) in [
        ("ontology", Slot::Ontology),
        ("protocol", Slot::Protocol),
        ("conversation", Slot::ConversationId),
    ] {
        slots.extend(text(fields, key, variables).map(|it| (slot, it)));
    }
    if key != "reply" && to.is_none() {
        return None;
    }
    Some(Say { how, act: act?, to, body: body?, slots })
}

fn send(fields: &mut Fields<'_>, variables: &Variables) -> Option<Action> {
    say(fields, "send", Road::Send, variables).map(Action::Say)
}

fn post(fields: &mut Fields<'_>, variables: &Variables) -> Option<Action> {
    say(fields, "post", Road::Post, variables).map(Action::Say)
}

fn reply(fields: &mut Fields<'_>, variables: &Variables) -> Option<Action> {
    say(fields, "reply", Road::Send, variables).map(Action::Say)
}

fn keep(fields: &mut Fields<'_>, variables: &Variables) -> Option<Action> {
    let kind = fields.parse("keep", "the type of an item, such as \"door-opened\"", |text| {
        (!text.is_empty() && text.len() <= 100).then(|| text.to_owned())
    });
    let words = if fields.has("text") {
        text(fields, "text", variables)
    } else {
        Text::read("", variables).ok()
    };
    let table = fields.table("fields").unwrap_or_default();
    if table.len() > FIELDS {
        fields.complain("fields", format!("{} of them; there may be {FIELDS}", table.len()));
    }
    let mut contents = Vec::new();
    for (name, value) in table {
        let key = format!("fields.{name}");
        match Scalar::of(&value) {
            Some(Scalar::Text(text)) => match Text::read(&text, variables) {
                Ok(text) => contents.push((name, Content::Text(text))),
                Err(why) => fields.complain(&key, why),
            },
            Some(value) => contents.push((name, Content::Value(value))),
            None => fields
                .complain(&key, format!("`{value}` is neither a number, a text nor true or false")),
        }
    }
    Some(Action::Keep { kind: kind?, text: words?, fields: contents })
}

fn steer(fields: &mut Fields<'_>, key: &str, verb: Verb) -> Option<Action> {
    let name = fields.take(key, "the name of a behaviour")?;
    Some(Action::Steer { verb, name })
}

fn start(fields: &mut Fields<'_>, _: &Variables) -> Option<Action> {
    steer(fields, "start", Verb::Start)
}

fn pause(fields: &mut Fields<'_>, _: &Variables) -> Option<Action> {
    steer(fields, "pause", Verb::Pause)
}

fn resume(fields: &mut Fields<'_>, _: &Variables) -> Option<Action> {
    steer(fields, "resume", Verb::Resume)
}

fn stop(fields: &mut Fields<'_>, _: &Variables) -> Option<Action> {
    steer(fields, "stop", Verb::Stop)
}

fn presence(fields: &mut Fields<'_>, variables: &Variables) -> Option<Action> {
    let show =
        fields.parse("presence", "one of chat, available, away, dnd, xa", |text| match text {
            "chat" => Some(Show::Chat),
            "available" => Some(Show::Available),
            "away" => Some(Show::Away),
            "dnd" => Some(Show::Dnd),
            "xa" => Some(Show::Xa),
            _ => None,
        });
    let status = text(fields, "status", variables);
    Some(Action::Presence { show: show?, status })
}
