//! Whether two templates could want the same message.
//!
//! Both are taken apart into cases, each of which asks for several things at once; the templates
//! are apart when no case of their conjunction can be.

use super::Template;
use crate::{AgentId, Pattern, Slot};

/// Cases beyond these are not looked at: then there may be an overlap.
const CASES: usize = 1_000;
/// Conditions of all cases beyond these are not looked at either.
const CONDITIONS: usize = 20_000;

/// A condition that must hold, or must not.
#[derive(Clone, Copy, Debug)]
struct Condition<'a> {
    holds: bool,
    what: &'a Template,
}

type Case<'a> = Vec<Condition<'a>>;

pub(super) fn may_overlap(one: &Template, other: &Template) -> bool {
    let (Some(ours), Some(theirs)) = (cases(one, true), cases(other, true)) else { return true };
    let Some(both) = product(&ours, &theirs) else { return true };
    both.iter().any(|case| is_possible(case))
}

/// The cases in which `template` holds, or does not; `None`: there are too many.
fn cases(template: &Template, holds: bool) -> Option<Vec<Case<'_>>> {
    match (template, holds) {
        (Template::Any, true) | (Template::None, false) => Some(vec![vec![]]),
        (Template::Any, false) | (Template::None, true) => Some(vec![]),
        (Template::Not(template), _) => cases(template, !holds),
        (Template::All(all), true) | (Template::Either(all), false) => {
            all.iter().try_fold(vec![vec![]], |sofar, it| product(&sofar, &cases(it, holds)?))
        }
        (Template::All(all), false) | (Template::Either(all), true) => {
            all.iter().try_fold(vec![], |sofar, it| sum(sofar, cases(it, holds)?))
        }
        (Template::OneOf(both), _) => {
            let [one, other] = &**both;
            let with = product(&cases(one, true)?, &cases(other, !holds)?)?;
            let without = product(&cases(one, false)?, &cases(other, holds)?)?;
            sum(with, without)
        }
        (
            Template::Performative(_)
            | Template::Slot(..)
            | Template::SlotLike(..)
            | Template::Has(_)
            | Template::Body(_)
            | Template::From(_)
            | Template::FromLike(_)
            | Template::To(_),
            _,
        ) => Some(vec![vec![Condition { holds, what: template }]]),
    }
}

fn sum<'a>(mut ours: Vec<Case<'a>>, theirs: Vec<Case<'a>>) -> Option<Vec<Case<'a>>> {
    ours.extend(theirs);
    (ours.len() <= CASES).then_some(ours)
}

fn product<'a>(ours: &[Case<'a>], theirs: &[Case<'a>]) -> Option<Vec<Case<'a>>> {
    let total = |cases: &[Case<'_>]| cases.iter().map(Vec::len).sum::<usize>();
    let conditions = total(ours) * theirs.len() + total(theirs) * ours.len();
    if ours.len() * theirs.len() > CASES || conditions > CONDITIONS {
        return None;
    }
    let both = |our: &Case<'a>| theirs.iter().map(|it| [&**our, it].concat()).collect::<Vec<_>>();
    Some(ours.iter().flat_map(both).collect())
}

fn is_possible(case: &[Condition<'_>]) -> bool {
    let alone = case.iter().all(|it| it.holds || !always(it.what));
    alone
        && case.iter().enumerate().all(|(place, one)| {
            case.iter().skip(place + 1).all(|other| match (one.holds, other.holds) {
                (true, true) => meet(one.what, other.what),
                (true, false) => !implies(one.what, other.what),
                (false, true) => !implies(other.what, one.what),
                (false, false) => true,
            })
        })
}

/// Whether every message matches, for certain.
fn always(what: &Template) -> bool {
    matches!(what, Template::Body(like) if like.is_anything())
}

/// Whether some message could match both.
fn meet(one: &Template, other: &Template) -> bool {
    match (one, other) {
        (Template::Performative(one), Template::Performative(other)) => one == other,
        (Template::From(one), Template::From(other)) | (Template::To(one), Template::To(other)) => {
            one.covers(other) || other.covers(one)
        }
        (Template::From(agent), Template::FromLike(like))
        | (Template::FromLike(like), Template::From(agent)) => like.matches(agent.bare()),
        (Template::FromLike(one), Template::FromLike(other))
        | (Template::Body(one), Template::Body(other)) => one.overlaps(other),
        _ => match (on_slot(one), on_slot(other)) {
            (Some((slot, one)), Some((its, other))) if slot == its => match (one, other) {
                (Some(one), Some(other)) => one.overlaps(&other),
                (None, _) | (_, None) => true,
            },
            (None | Some(_), _) => true,
        },
    }
}

/// Whether whatever matches `one` matches `other` too, for certain.
fn implies(one: &Template, other: &Template) -> bool {
    if one == other {
        return true;
    }
    match (one, other) {
        (Template::From(one), Template::From(other)) | (Template::To(one), Template::To(other)) => {
            includes(other, one)
        }
        (Template::From(agent), Template::FromLike(like)) => like.matches(agent.bare()),
        (Template::FromLike(one), Template::FromLike(other))
        | (Template::Body(one), Template::Body(other)) => within(one, other),
        (Template::FromLike(one), Template::From(other)) => {
            other.is_bare() && one.only().is_some_and(|it| *it == *other.as_str())
        }
        _ => match (on_slot(one), on_slot(other)) {
            (Some((slot, one)), Some((its, other))) if slot == its => match (one, other) {
                (_, None) => true,
                (Some(one), Some(other)) => within(&one, &other),
                (None, Some(other)) => other.is_anything(),
            },
            (None | Some(_), _) => false,
        },
    }
}

fn includes(whole: &AgentId, part: &AgentId) -> bool {
    if whole.is_bare() { whole.covers(part) } else { whole == part }
}

/// Whether every text that looks like `part` looks like `whole`, for certain.
fn within(part: &Pattern, whole: &Pattern) -> bool {
    part == whole || whole.is_anything() || part.only().is_some_and(|it| whole.matches(&it))
}

/// What is asked of a slot: something (`None`), or something like this.
fn on_slot(what: &Template) -> Option<(&Slot, Option<Pattern>)> {
    match what {
        Template::Slot(slot, value) => Some((slot, Some(Pattern::exact(value.clone())))),
        Template::SlotLike(slot, like) => Some((slot, Some(like.clone()))),
        Template::Has(slot) => Some((slot, None)),
        Template::Any
        | Template::None
        | Template::Performative(_)
        | Template::Body(_)
        | Template::From(_)
        | Template::FromLike(_)
        | Template::To(_)
        | Template::All(_)
        | Template::Either(_)
        | Template::OneOf(_)
        | Template::Not(_) => None,
    }
}
