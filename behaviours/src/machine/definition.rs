//! A state machine as a file describes it.

use std::time::{Duration, SystemTime};

use runtime::{Fields, Problem, Setting, Template, Timetable};
use types::{Diagram, Node};

use super::{
    action::Action,
    condition::Condition,
    graph,
    scalar::Scalar,
    text::{RESERVED, Variables},
};

/// States of one machine, at most.
pub(super) const STATES: usize = 256;
/// Ways out of one state, at most.
pub(super) const WAYS: usize = 64;
/// Actions in one list, at most.
const ACTIONS: usize = 32;
/// Variables of one machine, at most.
const VARIABLES: usize = 64;
/// How long a name may be, in bytes.
const NAME: usize = 64;
/// The longest time that can be set.
const LONGEST: Duration = Duration::from_hours(24 * 366);

const fn setting(key: &'static str, about: &'static str, example: &'static str) -> Setting {
    Setting { key, about, example, required: false }
}

const MACHINE: &[Setting] = &[
    setting("name", "what it is called", "name = \"door\""),
    setting("about", "what it is for", "about = \"Opens on request.\""),
    setting(
        "start",
        "where it starts; in the first state unless said otherwise",
        "start = \"closed\"",
    ),
    setting("remember", "whether it goes on after a restart where it was", "remember = true"),
    setting(
        "variables",
        "what it counts and remembers, and what these are at first",
        "variables = { opened = 0 }",
    ),
    Setting { key: "state", about: "its states", example: "[state.closed]", required: true },
];

const STATE: &[Setting] = &[
    setting("about", "what happens in it", "about = \"Waits.\""),
    setting("enter", "what is done on the way in", "enter = [{ log = \"open\" }]"),
    setting("on", "what leads on", "on = [{ after = \"30s\", go = \"closed\" }]"),
    setting("leave", "what is done on the way out", "leave = [{ log = \"closing\" }]"),
    setting("final", "whether the machine ends here", "final = true"),
];

const WAY: &[Setting] = &[
    setting(
        "message",
        "when such a message comes",
        "message = 'performative=request & ontology=door'",
    ),
    setting("after", "when it was in the state for so long", "after = \"30s\""),
    setting("every", "again and again while it is in the state", "every = \"10s\""),
    setting("at", "at a time", "at = \"2026-12-01T00:00:00Z\""),
    setting("schedule", "by the calendar, as cron does", "schedule = \"*/5 * * * *\""),
    setting("when", "only when variables are so; alone: at once", "when = \"opened >= 3\""),
    setting("otherwise", "only when none of the others is taken", "otherwise = true"),
    setting("do", "what is done then", "do = [\"opened += 1\"]"),
    setting("go", "where it leads; without it the machine stays", "go = \"open\""),
    setting("about", "why", "about = \"Somebody knocked.\""),
];

/// A state machine.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) remember: bool,
    /// Names, and what they hold at first.
    pub(super) variables: Vec<(String, Scalar)>,
    /// The first is where it starts.
    pub(super) states: Vec<StateOf>,
}

#[derive(Clone, Debug)]
pub(super) struct StateOf {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) is_final: bool,
    pub(super) enter: Vec<Action>,
    pub(super) leave: Vec<Action>,
    pub(super) on: Vec<Way>,
}

/// A way on from a state.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) event: Event,
    pub(super) when: Condition,
    pub(super) is_otherwise: bool,
    pub(super) actions: Vec<Action>,
    /// Where it leads; none: it stays, and its time in the state runs on.
    pub(super) go: Option<usize>,
}

/// What sets a machine in motion.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// Such a message.
    Message(Template),
    /// A message that another state takes.
    Other,
    After(Duration),
    Every(Duration),
    At(SystemTime),
    Schedule(Box<Timetable>, String),
    /// Nothing: it moves on at once.
    Now,
}

impl Event {
    pub(super) fn is_message(&self) -> bool {
        matches!(self, Self::Message(_) | Self::Other)
    }
}

impl Definition {
    /// Reads a machine and looks at it as a whole; every problem is told.
    pub(super) fn read(table: toml::Table, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let mut fields = Fields::new("", table, MACHINE, problems);
        let name = fields
            .parse("name", "a name of up to 64 bytes", |it| is_name(it).then(|| it.to_owned()));
        drop(fields.take::<String>("about", "text"));
        let start: Option<String> = fields.take("start", "the name of a state");
        let remember = fields.take("remember", "true or false").unwrap_or_default();
        let variables = variables(&mut fields);
        let states = fields.table("state").unwrap_or_default();
        if states.len() > STATES {
            fields.complain("state", format!("{} states; there may be {STATES}", states.len()));
            return None;
        }
        if states.is_empty() {
            if problems.len() == before {
                let what = "there is none; for example `[state.closed]`".to_owned();
                problems.push(Problem { key: "state".to_owned(), what });
            }
            return None;
        }
        let mut names: Vec<String> = states.keys().cloned().collect();
        if let Some(start) = start {
            match names.iter().position(|it| *it == start) {
                Some(place) => {
                    let start = names.remove(place);
                    names.insert(0, start);
                }
                None => problems
                    .push(Problem { key: "start".to_owned(), what: no_state(&start, &names) }),
            }
        }
        let who = name.clone().unwrap_or_default();
        let reading = Reading { names: &names, variables: &variables, who: &who };
        let read: Vec<(usize, StateOf)> = states
            .into_iter()
            .filter_map(|(name, value)| {
                let place = names.iter().position(|it| *it == name)?;
                Some((place, reading.state(name, value, problems)?))
            })
            .collect();
        let is_whole = read.len() == names.len();
        let mut read = read;
        read.sort_by_key(|(place, _)| *place);
        let states = read.into_iter().map(|(_, state)| state).collect();
        let definition = Self {
            name: name.unwrap_or_else(|| "machine".to_owned()),
            remember,
            variables,
            states,
        };
        if is_whole && problems.len() == before {
            graph::check(&definition, problems);
        }
        (problems.len() == before).then_some(definition)
    }

    /// Its states and moves.
    pub(super) fn diagram(&self) -> Diagram {
        let node = |state: &StateOf| {
            let mut moves = Vec::new();
            for name in state.on.iter().filter_map(|it| self.name_of(it.go?)) {
                if !moves.iter().any(|it| it == name) {
                    moves.push(name.to_owned().into());
                }
            }
            Node { name: state.name.clone().into(), about: state.about.clone().into(), moves }
        };
        Diagram { states: self.states.iter().map(node).collect() }
    }

    /// Which messages it wants in any of its states.
    pub(super) fn template(&self) -> Template {
        let mut all: Vec<Template> = Vec::new();
        for way in self.states.iter().flat_map(|it| &it.on) {
            if let Event::Message(template) = &way.event
                && !all.contains(template)
            {
                all.push(template.clone());
            }
        }
        Template::Either(all)
    }

    pub(super) fn place_of(&self, name: &str) -> Option<usize> {
        self.states.iter().position(|it| it.name == name)
    }

    fn name_of(&self, place: usize) -> Option<&str> {
        self.states.get(place).map(|it| it.name.as_str())
    }
}

/// Whether something may be called so.
fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= NAME && !text.chars().any(char::is_control)
}

fn no_state(name: &str, names: &[String]) -> String {
    format!("no state `{name}`; there are: {}", names.join(", "))
}

fn variables(fields: &mut Fields<'_>) -> Vec<(String, Scalar)> {
    let table = fields.table("variables").unwrap_or_default();
    if table.len() > VARIABLES {
        fields.complain("variables", format!("{} of them; there may be {VARIABLES}", table.len()));
        return Vec::new();
    }
    let mut variables = Vec::new();
    for (name, value) in table {
        let key = format!("variables.{name}");
        let is_word = name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
            && name.len() <= NAME
            && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
        if !is_word {
            fields
                .complain(&key, "a variable is called by letters, digits and `_`, as in `opened`");
        } else if RESERVED.contains(&name.as_str()) {
            fields.complain(&key, format!("`{name}` means something else; call it otherwise"));
        } else if let Some(value) = Scalar::of(&value) {
            variables.push((name, value));
        } else {
            let found = value.to_string();
            let found = found.lines().next().unwrap_or_default();
            fields
                .complain(&key, format!("`{found}` is neither a number, a text nor true or false"));
        }
    }
    variables
}

/// What is known while states are read.
struct Reading<'a> {
    names: &'a [String],
    variables: &'a Variables,
    who: &'a str,
}

impl Reading<'_> {
    fn state(
        &self,
        name: String,
        value: toml::Value,
        problems: &mut Vec<Problem>,
    ) -> Option<StateOf> {
        let path = format!("state.{name}");
        if !is_name(&name) {
            let what = format!("a state has a name of up to {NAME} bytes in one line");
            problems.push(Problem { key: path.clone(), what });
        }
        let toml::Value::Table(table) = value else {
            let what = "this is no state; for example `[state.closed]`".to_owned();
            problems.push(Problem { key: path, what });
            return None;
        };
        let mut fields = Fields::new(&path, table, STATE, problems);
        let about: Option<String> = fields.take("about", "text");
        let is_final = fields.take("final", "true or false").unwrap_or_default();
        let enter = self.actions(&mut fields, "enter");
        let leave = self.actions(&mut fields, "leave");
        let tables: Vec<toml::Table> = fields
            .take("on", "a list such as [{ after = \"30s\", go = \"closed\" }]")
            .unwrap_or_default();
        if tables.len() > WAYS {
            fields.complain("on", format!("{} of them; there may be {WAYS}", tables.len()));
            return None;
        }
        let mut on = Vec::new();
        for (nth, table) in (1..).zip(tables) {
            let path = format!("{path}.on[{nth}]");
            let mut fields = Fields::new(&path, table, WAY, fields.problems());
            on.extend(self.way(&mut fields));
        }
        let never_waits = |way: &Way| matches!(way.event, Event::Now);
        // Where a state only ever asks for variables, `otherwise` is the last of these questions.
        if on.iter().any(never_waits) {
            for way in on.iter_mut().filter(|it| matches!(it.event, Event::Other)) {
                way.event = Event::Now;
            }
        }
        Some(StateOf { name, about: about.unwrap_or_default(), is_final, enter, leave, on })
    }

    fn way(&self, fields: &mut Fields<'_>) -> Option<Way> {
        let event = self.event(fields);
        let is_otherwise = fields.take("otherwise", "true or false").unwrap_or_default();
        let has_when = fields.has("when");
        let when = fields.take::<String>("when", "a comparison such as \"opened >= 3\"");
        let when = when.and_then(|text| {
            let read = Condition::read(&text, self.variables);
            read.map_err(|why| fields.complain("when", why)).ok()
        });
        let actions = self.actions(fields, "do");
        let go = fields.take::<String>("go", "the name of a state").and_then(|name| {
            let place = self.names.iter().position(|it| *it == name);
            if place.is_none() {
                fields.complain("go", no_state(&name, self.names));
            }
            place
        });
        drop(fields.take::<String>("about", "text"));
        let event = match event {
            Some(Event::Now) if is_otherwise && !has_when => Event::Other,
            Some(Event::Now) if !has_when => {
                let what = "says not when; one of `message`, `after`, `every`, `at`, `schedule`, \
                            `when` and `otherwise` must be there";
                fields.complain("message", what);
                return None;
            }
            event => event?,
        };
        if is_otherwise && !matches!(event, Event::Message(_) | Event::Other | Event::Now) {
            fields.complain(
                "otherwise",
                "a time is waited for by itself; `otherwise` goes with messages and `when`",
            );
        }
        if is_otherwise && has_when {
            fields.complain("otherwise", "there is a `when` already; keep one of the two");
        }
        Some(Way { event, when: when.unwrap_or_default(), is_otherwise, actions, go })
    }

    fn event(&self, fields: &mut Fields<'_>) -> Option<Event> {
        const KEYS: [&str; 5] = ["message", "after", "every", "at", "schedule"];
        let there: Vec<&str> = KEYS.into_iter().filter(|it| fields.has(it)).collect();
        if let [one, other, ..] = there.as_slice() {
            fields.complain(other, format!("there is `{one}` already; keep one of the two"));
        }
        // A machine that waits for no time at all would keep its agent from everything else.
        let right = "a time of a millisecond to a year, such as \"30s\"";
        let time = |text: &str| {
            let time = humantime::parse_duration(text).ok()?;
            (time.as_millis() > 0 && time <= LONGEST).then_some(time)
        };
        let message =
            fields.take::<String>("message", "a condition such as 'performative=request'");
        let message = message.map(|text| {
            let read = Template::parse(&text);
            read.map_err(|error| fields.complain("message", runtime::Chain(&error).to_string()))
                .ok()
        });
        let after = fields.has("after").then(|| fields.parse("after", right, time));
        let every = fields.has("every").then(|| fields.parse("every", right, time));
        let at = fields.has("at").then(|| {
            fields.parse("at", "a time such as \"2026-12-01T00:00:00Z\"", |text| {
                humantime::parse_rfc3339(text).ok()
            })
        });
        let schedule = fields.take::<String>("schedule", "a cron expression").map(|text| {
            let read = Timetable::new(&text, Duration::ZERO, self.who);
            let read = read.map_err(|error| fields.complain("schedule", error.to_string()));
            read.ok().map(|it| Event::Schedule(Box::new(it), text))
        });
        let event = message.map(|it| it.map(Event::Message));
        let event = event.or_else(|| after.map(|it| it.map(Event::After)));
        let event = event.or_else(|| every.map(|it| it.map(Event::Every)));
        let event = event.or_else(|| at.map(|it| it.map(Event::At)));
        event.or(schedule).unwrap_or_else(|| there.is_empty().then_some(Event::Now))
    }

    fn actions(&self, fields: &mut Fields<'_>, key: &str) -> Vec<Action> {
        let right = "a list such as [\"opened += 1\", { log = \"opened\" }]";
        let list: Vec<toml::Value> = fields.take(key, right).unwrap_or_default();
        if list.len() > ACTIONS {
            fields.complain(key, format!("{} of them; there may be {ACTIONS}", list.len()));
            return Vec::new();
        }
        let path = fields.path(key);
        let read = (1..).zip(list).filter_map(|(nth, value)| {
            Action::read(&format!("{path}[{nth}]"), value, self.variables, fields.problems())
        });
        read.collect()
    }
}
