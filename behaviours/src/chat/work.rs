//! Does what somebody may ask for, and says what came of it.

use std::time::Duration;

use runtime::{Context, Errand, FormField, Handle, Page};
use types::{BehaviourReport, Exit, Phase};

use super::{order::Order, refused, said};
use crate::queue::{OUTBOX, REFUSED};

/// Behaviours that are told of at once.
const SHOWN: usize = 100;
/// How long the road may take to let somebody in.
const ERRAND: Duration = Duration::from_secs(10);

pub(super) async fn perform(ctx: &Context, order: &Order) -> Page {
    if order.lacks_something() {
        return form(ctx, order);
    }
    match order {
        Order::Help => said(Order::help()),
        Order::Status => status(ctx),
        Order::Behaviours => behaviours(ctx),
        Order::Run(name) => with(ctx, name, run),
        Order::Pause(name) => with(ctx, name, pause),
        Order::Resume(name) => with(ctx, name, resume),
        Order::Why(uuid) => why(ctx, uuid),
        Order::Requests => requests(ctx),
        Order::Approve(jid) => errand(ctx, Errand::Approve(jid.as_str().into()), jid).await,
        Order::Deny(jid) => errand(ctx, Errand::Deny(jid.as_str().into()), jid).await,
        Order::Unknown(text) => refused(format!(
            "`{text}` is nothing that can be asked for; there are:\n{}",
            Order::help()
        )),
    }
}

/// What is still to be said.
fn form(ctx: &Context, order: &Order) -> Page {
    let (name, label, options) = match order {
        Order::Why(_) => ("uuid", "which result, by its UUID", Vec::new()),
        Order::Approve(_) | Order::Deny(_) => ("jid", "whom, by JID", asking(ctx)),
        _ => ("name", "which behaviour", names(ctx)),
    };
    let text = match &*options {
        [] => format!("{order}: {label}?"),
        options => format!("{order}: {label}? There are: {}", options.join(", ")),
    };
    let field =
        FormField { name: name.to_owned(), label: label.to_owned(), value: String::new(), options };
    Page { title: order.to_string(), text, fields: vec![field], refused: false }
}

fn names(ctx: &Context) -> Vec<String> {
    ctx.siblings().into_iter().take(SHOWN).map(|it| it.name.into_owned()).collect()
}

fn asking(ctx: &Context) -> Vec<String> {
    ctx.requests().into_iter().take(SHOWN).map(|it| it.to_string()).collect()
}

fn status(ctx: &Context) -> Page {
    let about = ctx.announcement();
    let mood = ctx.mood().borrow().clone();
    let labels: Vec<_> = about.labels.iter().map(|(name, it)| format!("{name}={it}")).collect();
    said(format!(
        "{}, {} {}{}\n{}{}, load {} %\n{}\n{}",
        ctx.me(),
        about.role,
        about.version,
        if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) },
        format!("{:?}", mood.show).to_lowercase(),
        mood.status.map(|it| format!(": {it}")).unwrap_or_default(),
        mood.load,
        phases(&ctx.siblings()),
        deliveries(ctx),
    ))
}

/// How many behaviours there are, and how they are.
fn phases(all: &[BehaviourReport]) -> String {
    let count = |is: fn(&Phase) -> bool| all.iter().filter(|it| is(&it.phase)).count();
    let parts = [
        (count(|it| *it == Phase::Running), "running"),
        (count(|it| *it == Phase::Paused), "paused"),
        (count(|it| *it == Phase::Restarting), "starting again"),
        (count(|it| matches!(it, Phase::Ended(_))), "over"),
    ];
    let there: Vec<_> = parts.iter().filter(|(count, _)| *count > 0).collect();
    let behaviours = counted(all.len(), "behaviour", "behaviours");
    match there.as_slice() {
        [(count, how)] if *count > 1 => format!("{behaviours}, all {how}"),
        there => {
            let told: Vec<_> = there.iter().map(|(count, how)| format!("{count} {how}")).collect();
            format!("{behaviours}: {}", told.join(", "))
        }
    }
}

/// What is still to be delivered, and what nobody took.
fn deliveries(ctx: &Context) -> String {
    let kept = |queue| ctx.store().count(queue).map(|it| usize::try_from(it).unwrap_or(usize::MAX));
    let (waiting, refused) = match (kept(OUTBOX), kept(REFUSED)) {
        (Ok(waiting), Ok(refused)) => (waiting, refused),
        (Err(error), _) | (_, Err(error)) => return format!("its results cannot be read: {error}"),
    };
    let mut told = vec![match waiting {
        0 => "no result waits to be delivered".to_owned(),
        1 => "1 result waits to be delivered".to_owned(),
        more => format!("{more} results wait to be delivered"),
    }];
    if refused > 0 {
        told.push(format!("{} refused", counted(refused, "was", "were")));
    }
    let unwanted = usize::try_from(ctx.unwanted()).unwrap_or(usize::MAX);
    if unwanted > 0 {
        told.push(format!("nobody wanted {}", counted(unwanted, "message", "messages")));
    }
    told.join("; ")
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn behaviours(ctx: &Context) -> Page {
    let now = ctx.clock().now_ms();
    let siblings = ctx.siblings();
    let mut lines: Vec<String> = siblings.iter().take(SHOWN).map(|it| line(it, now)).collect();
    if siblings.len() > SHOWN {
        lines.push(format!("and {} more", siblings.len() - SHOWN));
    }
    said(lines.join("\n"))
}

fn line(it: &BehaviourReport, now_ms: i64) -> String {
    let phase = match &it.phase {
        Phase::Running => String::new(),
        Phase::Paused => ", paused".to_owned(),
        Phase::Restarting => ", starting again".to_owned(),
        Phase::Ended(exit) => format!(", {}", told(exit)),
    };
    let seconds = now_ms.saturating_sub(it.since_ms).max(0) / 1000;
    let error = it.last_error.as_ref().map(|it| format!("; last error: {it}")).unwrap_or_default();
    format!("{} ({}): {} for {seconds} s{phase}{error}", it.name, it.run, it.state)
}

fn told(exit: &Exit) -> String {
    match exit {
        Exit::Done => "done".to_owned(),
        Exit::Stopped => "stopped".to_owned(),
        Exit::Killed => "killed".to_owned(),
        Exit::Failed(why) => format!("failed: {why}"),
        Exit::Panicked(why) => format!("panicked: {why}"),
    }
}

/// Does something with the behaviour of that name.
fn with(ctx: &Context, name: &str, deed: fn(&Handle, &str) -> Page) -> Page {
    match ctx.handles().iter().find(|it| it.report().name == name) {
        None => refused(format!("no behaviour `{name}`; there are: {}", names(ctx).join(", "))),
        Some(handle) if handle.is_over() => {
            let phase = handle.report().phase;
            let how = if let Phase::Ended(exit) = &phase { told(exit) } else { String::new() };
            refused(format!("`{name}` is over ({how})"))
        }
        // Nobody could let it go on again.
        Some(handle) if handle.report().run == "chat" => {
            refused(format!("`{name}` is what answers you"))
        }
        Some(handle) => deed(handle, name),
    }
}

fn run(handle: &Handle, name: &str) -> Page {
    if handle.report().phase == Phase::Paused {
        return refused(format!("`{name}` is paused; `resume {name}` first"));
    }
    if !handle.nudge() {
        return refused(format!("`{name}` waits for no time; it does what it does when it must"));
    }
    said(format!("`{name}` runs now"))
}

fn pause(handle: &Handle, name: &str) -> Page {
    handle.pause();
    said(format!("`{name}` is paused; what comes for it waits"))
}

fn resume(handle: &Handle, name: &str) -> Page {
    handle.resume();
    said(format!("`{name}` goes on"))
}

fn why(ctx: &Context, uuid: &str) -> Page {
    let uuid = uuid.to_lowercase();
    if uuid.parse::<uuid::Uuid>().is_err() {
        return refused(format!("`{uuid}` is no UUID"));
    }
    let place = if ctx.store().has(OUTBOX, &uuid).unwrap_or(false) {
        "it waits here to be delivered"
    } else if ctx.store().has(REFUSED, &uuid).unwrap_or(false) {
        "it was refused by whoever should have kept it"
    } else {
        "it was delivered"
    };
    match ctx.explanation(&uuid) {
        Some(why) => said(format!("{why}\n{place}")),
        None => refused(format!(
            "`{uuid}` is none of the last results of this agent since it was started"
        )),
    }
}

fn requests(ctx: &Context) -> Page {
    let asking = asking(ctx);
    if asking.is_empty() { said("nobody asks") } else { said(asking.join("\n")) }
}

async fn errand(ctx: &Context, errand: Errand, jid: &str) -> Page {
    match tokio::time::timeout(ERRAND, ctx.run(errand)).await {
        Ok(Ok(())) => said(format!("done: `{jid}`")),
        Ok(Err(error)) => refused(error.to_string()),
        Err(_elapsed) => refused("the road is busy; try again later"),
    }
}
