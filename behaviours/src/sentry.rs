//! Writes down what the road refused: who was not believed, what could not be opened, what came in
//! plain. Each is an item of type `audit`, which is stored and stamped like any other.

use std::{collections::HashSet, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine};
use runtime::{Behaviour, Change, Context, Failure, StoreError, states};
use serde_json::{Map, json};
use tokio::{sync::watch, time::Instant};
use types::Violation;
use uuid::Uuid;

use crate::{
    chain,
    patience::until,
    queue::{self, OUTBOX, Parcel},
};

/// How long the same is not written down again.
const ONCE: Duration = Duration::from_mins(1);
/// What is written down within that time, at most; a server could make up any number.
const MOST: usize = 64;
/// The protocol under whose name roads tell refusals.
const OMEMO: &str = "omemo";

states! {
    /// Where it is.
    pub enum State {
        /// Waits for the road to refuse something.
        Watching => [Writing],
        /// Writes it down.
        Writing => [Watching, NoRoom],
        /// Waits for room in the outbox.
        NoRoom => [Writing],
    }
}

/// What writes refusals down.
#[derive(Debug, Default)]
pub struct Sentry {
    complaints: Option<watch::Receiver<u64>>,
    /// Violations before this one are written down.
    seen: u64,
    waiting: Vec<Violation>,
    since: Option<Instant>,
    told: HashSet<(String, String)>,
    passed_over: u64,
    retry: Option<Instant>,
}

impl Behaviour for Sentry {
    type State = State;
    const NAME: &'static str = "sentry";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        match state {
            State::Watching => {
                let complaints = self.complaints.get_or_insert_with(|| ctx.watch_complaints());
                // What was refused before this began to look counts as well.
                if *complaints.borrow_and_update() == 0 || ctx.violations().0 <= self.seen {
                    let changed = ctx.until_stopped(complaints.changed()).await?;
                    changed.map_err(|_| Failure::Interrupted)?;
                }
                self.gather(ctx);
                Ok(State::Writing)
            }
            State::Writing => self.write(ctx).await,
            State::NoRoom => {
                ctx.until_stopped(until(self.retry)).await?;
                Ok(State::Writing)
            }
        }
    }
}

impl Sentry {
    fn gather(&mut self, ctx: &Context) {
        let (count, last) = ctx.violations();
        let new = usize::try_from(count.saturating_sub(self.seen)).unwrap_or(usize::MAX);
        let unseen = new.saturating_sub(last.len());
        self.passed_over += u64::try_from(unseen).unwrap_or(u64::MAX);
        let skip = last.len().saturating_sub(new);
        self.seen = count;
        self.waiting.extend(last.into_iter().skip(skip).filter(|it| it.protocol == OMEMO));
    }

    async fn write(&mut self, ctx: &Context) -> Result<State, Failure> {
        self.begin_anew(Instant::now());
        while let Some(refused) = self.waiting.first() {
            let name = (refused.with.clone(), refused.what.clone());
            if self.told.contains(&name) {
                self.waiting.remove(0);
                continue;
            }
            if self.told.len() >= MOST {
                self.passed_over += u64::try_from(self.waiting.len()).unwrap_or(0);
                self.waiting.clear();
                break;
            }
            let links = chain::link(ctx, &[change(ctx, refused)?]).await?;
            match ctx.store().commit(links.changes).await {
                Err(StoreError::Full { .. }) => {
                    self.retry = Some(Instant::now() + ONCE);
                    return Ok(State::NoRoom);
                }
                kept => kept?,
            }
            self.told.insert(name);
            self.waiting.remove(0);
        }
        Ok(State::Watching)
    }

    fn begin_anew(&mut self, now: Instant) {
        if self.since.is_some_and(|since| now.duration_since(since) < ONCE) {
            return;
        }
        if self.passed_over > 0 {
            tracing::warn!(
                audit.passed_over = self.passed_over,
                "more was refused than is written down"
            );
        }
        self.since = Some(now);
        self.told.clear();
        self.passed_over = 0;
    }
}

/// The item that says what was refused.
fn change(ctx: &Context, refused: &Violation) -> Result<Change, serde_json::Error> {
    let Violation { at_ms, with, what, .. } = refused;
    let id = Uuid::new_v4();
    let fact = json!({ "who": with, "what": what, "by": OMEMO, "allowed": false, "at_ms": at_ms });
    let mut more = Map::new();
    more.insert("summary".to_owned(), format!("{with}: {what}").into());
    more.insert("audit".to_owned(), fact.clone());
    let item = types::Item {
        version: "1".to_owned(),
        format: "json".to_owned(),
        meta: types::Meta {
            uuid: id,
            ts: at_ms.div_euclid(1000),
            kind: "audit".to_owned(),
            source: Some(ctx.me().bare().to_owned()),
            more: Map::new(),
        },
        payload: types::Payload { raw: BASE64_STANDARD.encode(fact.to_string()), more },
        more: Map::new(),
    };
    queue::push(OUTBOX, id.to_string(), &Parcel::Item(serde_json::to_value(item)?))
}
