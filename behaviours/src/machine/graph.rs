//! Looks at a machine as a whole: whether it can go everywhere, and always knows where.

use runtime::Problem;

use super::{
    action::Action,
    definition::{Definition, Event, StateOf, Way},
};

pub(super) fn check(machine: &Definition, problems: &mut Vec<Problem>) {
    let mut tell = |key: String, what: String| problems.push(Problem { key, what });
    let reached = reached(machine);
    let heard = heard(machine);
    for (place, state) in machine.states.iter().enumerate() {
        let path = format!("state.{}", state.name);
        if !reached.get(place).copied().unwrap_or_default() {
            tell(path.clone(), "nothing leads here from the start".to_owned());
        }
        for what in ends(state) {
            tell(path.clone(), what);
        }
        for (key, what) in clashes(state) {
            tell(format!("{path}.{key}"), what);
        }
        let heard = heard.get(place).copied().unwrap_or_default();
        for key in unheard(state, heard) {
            let what = "no message came before this; `reply`, `{body}` and `{from}` are about the \
                        message that was heard last";
            tell(format!("{path}.{key}"), what.to_owned());
        }
    }
}

/// Which states can be reached.
fn reached(machine: &Definition) -> Vec<bool> {
    let mut reached = vec![false; machine.states.len()];
    let mut open = vec![0];
    while let Some(place) = open.pop() {
        let Some(is_reached) = reached.get_mut(place) else { continue };
        if !std::mem::replace(is_reached, true) {
            let ways = machine.states.get(place).map(|it| it.on.as_slice()).unwrap_or_default();
            open.extend(ways.iter().filter_map(|it| it.go));
        }
    }
    reached
}

/// In which states a message may have been heard before.
fn heard(machine: &Definition) -> Vec<bool> {
    let mut heard = vec![false; machine.states.len()];
    loop {
        let before = heard.clone();
        for (place, state) in machine.states.iter().enumerate() {
            let here = heard.get(place).copied().unwrap_or_default();
            for way in &state.on {
                // A message by which it stays is remembered too.
                let target = way.go.unwrap_or(place);
                if (here || way.event.is_message())
                    && let Some(there) = heard.get_mut(target)
                {
                    *there = true;
                }
            }
        }
        if heard == before {
            return heard;
        }
    }
}

/// What is wrong with how a state ends, or does not.
fn ends(state: &StateOf) -> Vec<String> {
    let mut told = Vec::new();
    match (state.is_final, state.on.is_empty()) {
        (true, true) | (false, false) => {}
        (true, false) => {
            told.push("it is final, so nothing leads on from it; leave out `on`".to_owned());
        }
        (false, true) => {
            told.push(
                "nothing leads on from it; where it ends here, say `final = true`".to_owned(),
            );
        }
    }
    if state.is_final && !state.leave.is_empty() {
        told.push("it is final, so nobody leaves it; leave out `leave`".to_owned());
    }
    if state.on.is_empty() {
        return told;
    }
    let is_now = |it: &Way| matches!(it.event, Event::Now);
    let otherwise = state.on.iter().any(|it| is_now(it) && it.is_otherwise);
    if otherwise && !state.on.iter().all(is_now) {
        told.push("with `otherwise` after `when` alone it never waits, and its other ways are never taken".to_owned());
    }
    if state.on.iter().all(is_now) && !otherwise {
        told.push(
            "where no `when` holds nothing leads on from it; add `{ otherwise = true, go = … }`"
                .to_owned(),
        );
    }
    if state.on.iter().any(|it| is_now(it) && it.go.is_none()) {
        told.push("what is done at once must lead somewhere; `go` is missing".to_owned());
    }
    let once = |it: &Way| matches!(it.event, Event::After(_) | Event::At(_)) && it.go.is_none();
    if state.on.iter().all(once) {
        told.push(
            "nothing leads on from it once its times have passed; `go` is missing".to_owned(),
        );
    }
    told
}

/// Ways of one state between which it could not decide, by the later of the two.
fn clashes(state: &StateOf) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for (nth, way) in state.on.iter().enumerate() {
        for (other_nth, other) in state.on.iter().enumerate().take(nth) {
            if way.is_otherwise != other.is_otherwise || way.when.is_apart_from(&other.when) {
                continue;
            }
            if let Some(why) = clash(&way.event, &other.event) {
                let what = format!(
                    "{why} as `on[{}]`; tell them apart by `when`, or make one `otherwise`",
                    other_nth + 1
                );
                told.push((format!("on[{}]", nth + 1), what));
            }
        }
    }
    told
}

fn clash(one: &Event, other: &Event) -> Option<&'static str> {
    let (is_so, why) = match (one, other) {
        (Event::Message(one), Event::Message(other)) => {
            (one.may_overlap(other), "may be taken by the same message")
        }
        (Event::Other, Event::Other) => (true, "is taken by the same messages"),
        (Event::After(one), Event::After(other)) => (one == other, "comes after the same time"),
        (Event::Every(one), Event::Every(other)) => (one == other, "comes as often"),
        (Event::At(one), Event::At(other)) => (one == other, "comes at the same time"),
        (Event::Schedule(_, one), Event::Schedule(_, other)) => {
            (one == other, "comes by the same calendar")
        }
        (Event::Now, Event::Now) => (true, "may hold at the same time"),
        _ => (false, ""),
    };
    is_so.then_some(why)
}

/// Actions about a message where there can be none.
fn unheard(state: &StateOf, heard: bool) -> Vec<String> {
    let mut told = Vec::new();
    let mut look = |key: &str, actions: &[Action]| {
        for (nth, _) in (1..).zip(actions).filter(|(_, it)| it.needs_message()) {
            told.push(format!("{key}[{nth}]"));
        }
    };
    if !heard {
        look("enter", &state.enter);
        if !state.on.iter().any(|it| it.event.is_message()) {
            look("leave", &state.leave);
        }
    }
    for (nth, way) in (1..).zip(&state.on) {
        if !heard && !way.event.is_message() {
            look(&format!("on[{nth}].do"), &way.actions);
        }
    }
    told
}
