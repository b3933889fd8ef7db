//! What agents can run, told in one form or another.

use std::fmt::Write;

use agents::{Diagram, Listed, dot, listing, mermaid, protocols, stock_kinds};
use serde_json::json;

use crate::{arguments::Form, exit};

pub(super) fn tell(form: Form) {
    exit::result(&match form {
        Form::Text => text(),
        Form::Json => as_json(),
        Form::Markdown => markdown(),
        Form::Mermaid => {
            each(|listed| format!("%% {}\n{}\n", listed.run, mermaid(&listed.diagram)))
        }
        Form::Dot => each(|listed| dot(&listed.run, &listed.diagram)),
    });
}

/// Something of each behaviour whose states are known.
fn each(draw: impl Fn(&Listed) -> String) -> String {
    let drawn = listing();
    let drawn = drawn.iter().filter(|it| !it.diagram.states.is_empty()).map(draw);
    drawn.collect::<Vec<_>>().join("\n")
}

fn text() -> String {
    let tell = |listed: Listed| {
        let mut lines =
            vec![format!("{} ({}): {}", listed.run, listed.roles.join(", "), listed.about)];
        if !listed.is_named {
            lines.push("    agents run it by themselves".to_owned());
        }
        for setting in listed.settings {
            let needed = if setting.required { ", needed" } else { "" };
            lines.push(format!("    {}{needed}: {}", setting.key, setting.about));
            lines.push(format!("        {}", setting.example));
        }
        let states: Vec<_> = listed.diagram.states.iter().map(|it| &*it.name).collect();
        lines.push(match &*states {
            [] => "    states: those of the file".to_owned(),
            states => format!("    states: {}", states.join(", ")),
        });
        lines.join("\n")
    };
    listing().into_iter().map(tell).collect::<Vec<_>>().join("\n\n")
}

fn as_json() -> String {
    let item = |listed: Listed| {
        let settings: Vec<_> = listed
            .settings
            .iter()
            .map(|it| {
                json!({
                    "key": it.key, "about": it.about,
                    "example": it.example, "required": it.required,
                })
            })
            .collect();
        json!({
            "run": listed.run, "role": listed.roles.first(), "roles": listed.roles,
            "about": listed.about,
            "by_itself": !listed.is_named, "settings": settings,
            "states": listed.diagram.states, "mermaid": mermaid(&listed.diagram),
            "dot": dot(&listed.run, &listed.diagram),
        })
    };
    let items: Vec<_> = listing().into_iter().map(item).collect();
    json!({ "items": items, "next": null, "total": items.len() }).to_string()
}

/// `docs/behaviours.md`.
fn markdown() -> String {
    let mut page = "# Behaviours\n\nWritten by `vedette agent behaviours --as markdown`; a test \
                    says when it is stale.\n\n## What a file names\n"
        .to_owned();
    let all = listing();
    for listed in all.iter().filter(|it| it.is_named) {
        chapter(&mut page, listed);
    }
    page.push_str("\n## What agents run by themselves\n");
    for listed in all.iter().filter(|it| !it.is_named) {
        chapter(&mut page, listed);
    }
    page.push_str(
        "\n## Kinds\n\nWhoever writes a behaviour in Rust that has no states of its own writes a \
         task and takes one of these. `Sequence` runs behaviours one after the other, `Parallel` at \
         the same time, until all are done or the first is; each part stays a behaviour that can \
         be seen, paused and stopped.\n",
    );
    for (name, about, diagram) in stock_kinds() {
        section(&mut page, name, about, &diagram);
    }
    page.push_str(
        "\n## Protocols\n\nFIPA's interaction protocols, as an agent watches them in all its \
         conversations, and speaks them by itself. What goes against one is a violation: it is \
         counted, logged, and shown.\n",
    );
    for (name, diagram) in protocols() {
        section(&mut page, name, "", &diagram);
    }
    page
}

fn chapter(page: &mut String, listed: &Listed) {
    let about = format!("Role {}: {}.", listed.roles.join(", "), listed.about);
    section(page, &listed.run, &about, &listed.diagram);
    if listed.settings.is_empty() {
        return;
    }
    page.push_str("\n| setting | | for example |\n|---|---|---|\n");
    for setting in listed.settings {
        let needed = if setting.required { "**needed**; " } else { "" };
        let about = setting.about.replace('|', "\\|");
        // Writing to a string does not fail.
        let _ = writeln!(page, "| `{}` | {needed}{about} | `{}` |", setting.key, setting.example);
    }
}

fn section(page: &mut String, name: &str, about: &str, diagram: &Diagram) {
    let _ = write!(page, "\n### {name}\n");
    if !about.is_empty() {
        let _ = write!(page, "\n{about}\n");
    }
    if diagram.states.is_empty() {
        page.push_str("\nIts states are those of its file: see [machines](machines.md).\n");
        return;
    }
    let _ = write!(page, "\n```mermaid\n{}\n```\n", mermaid(diagram));
    page.push_str("\n| state | |\n|---|---|\n");
    for state in &diagram.states {
        let _ = writeln!(page, "| {} | {} |", state.name, state.about.replace('|', "\\|"));
    }
}
