//! Changes of a machine's variables: `opened += 1`.

use super::{
    action::Action,
    condition,
    scalar::{Scalar, number},
    text::{Text, Variables},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assign {
    Put,
    Add,
    Subtract,
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Value(Scalar),
    Variable(usize),
    Text(Text),
}

/// Reads `opened += 1`; what is wrong is told.
pub(super) fn read(text: &str, variables: &Variables) -> Result<Action, String> {
    let wrong = || {
        format!("`{text}` changes no variable; write `opened = 0`, `opened += 1` or `opened -= 1`")
    };
    let (left, right) = text.split_once('=').ok_or_else(wrong)?;
    let (name, how) = if let Some(name) = left.strip_suffix('+') {
        (name, Assign::Add)
    } else if let Some(name) = left.strip_suffix('-') {
        (name, Assign::Subtract)
    } else {
        (left, Assign::Put)
    };
    let (name, right) = (name.trim(), right.trim());
    if right.is_empty() || right.starts_with('=') {
        return Err(wrong());
    }
    let variable = condition::variable(name, variables)?;
    let Some((_, own)) = variables.get(variable) else { return Err(wrong()) };
    if how != Assign::Put && !matches!(own, Scalar::Number(_)) {
        return Err(format!("`{name}` is {}; only numbers are added up", own.kind()));
    }
    let value = operand(right, variables)?;
    let its = match &value {
        Operand::Value(it) => Some(it),
        Operand::Variable(number) => variables.get(*number).map(|(_, it)| it),
        // What is filled in is read when it is there.
        Operand::Text(text) if text.literal().is_none() => None,
        Operand::Text(_) => Some(&Scalar::Text(String::new())),
    };
    match its {
        Some(its) if !own.is_like(its) => {
            Err(format!("`{name}` is {}, and `{right}` is {}", own.kind(), its.kind()))
        }
        _ => Ok(Action::Assign { variable, how, value }),
    }
}

fn operand(text: &str, variables: &Variables) -> Result<Operand, String> {
    if let Some(inner) = text.strip_prefix('"') {
        let inner = inner.strip_suffix('"').ok_or("a `\"` is missing")?;
        return Ok(Operand::Text(Text::read(inner, variables)?));
    }
    if text.starts_with('{') {
        return Ok(Operand::Text(Text::read(text, variables)?));
    }
    match text {
        "true" => return Ok(Operand::Value(Scalar::Bool(true))),
        "false" => return Ok(Operand::Value(Scalar::Bool(false))),
        _ => {}
    }
    if let Some(value) = number(text) {
        return Ok(Operand::Value(value));
    }
    condition::variable(text, variables).map(Operand::Variable)
}
