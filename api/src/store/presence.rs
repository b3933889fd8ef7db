//! Presence: who is there now, and who was when.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::ExprTrait,
};
use serde::Serialize;
use types::Presence;

use super::{
    Store, StoreError, agents,
    tables::{agents as agents_table, presence},
    writer::{self, Deed, Ledger},
};
use crate::events::{Scandale, Topic};

/// One moment of a history.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Moment {
    #[serde(skip)]
    pub(crate) id: i64,
    pub(crate) jid: String,
    pub(crate) show: String,
    pub(crate) status: Option<String>,
    pub(crate) priority: i32,
    pub(crate) since_ms: i64,
    pub(crate) received_ms: i64,
    /// What made it so, as far as it is known.
    pub(crate) why: Option<String>,
    /// Whether the agent came and went too often by then.
    pub(crate) flapping: bool,
    /// How it was before; none: nothing is known of before.
    pub(crate) from: Option<String>,
}

/// Takes in presences, each once; the newest of each agent is the one that counts.
#[derive(Debug)]
pub(crate) struct StorePresence {
    pub(crate) presences: Vec<Presence>,
}

impl Deed for StorePresence {
    type Done = usize;

    fn rows(&self) -> usize {
        self.presences.len()
    }

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<usize, DbErr> {
        let mut stored = 0;
        for presence in &self.presences {
            if store(presence, ledger).await? {
                stored += 1;
            }
        }
        Ok(stored)
    }
}

async fn store(said: &Presence, ledger: &mut Ledger<'_>) -> Result<bool, DbErr> {
    use presence::Column as C;
    let show = show(said)?;
    let status = match &said.status {
        Some(status) => C::Status.eq(status),
        None => C::Status.is_null(),
    };
    let same = Condition::all()
        .add(C::Jid.eq(&said.jid))
        .add(C::SinceMs.eq(said.since_ms))
        .add(C::Show.eq(&show))
        .add(C::Priority.eq(i32::from(said.priority)))
        .add(C::Flapping.eq(said.flapping))
        .add(status);
    let known = agents_table::Entity::find_by_id(&said.jid).one(ledger.tx()).await?;
    let policy = said.policy.map(|it| it.name().to_owned());
    if presence::Entity::find().filter(same).one(ledger.tx()).await?.is_some() {
        let otherwise = |it: &agents_table::Model| {
            policy.is_some() && it.policy != policy && it.since_ms == said.since_ms
        };
        // It was there all along; only how it is spoken to has changed.
        if let Some(known) = known.filter(otherwise) {
            let agent = agents_table::Model { policy, ..known.clone() };
            agents::save(&agent, Some(&known), ledger).await?;
        }
        return Ok(false);
    }

    let newest = presence::Entity::find()
        .filter(C::Jid.eq(&said.jid))
        .order_by_desc(C::SinceMs)
        .one(ledger.tx())
        .await?;
    let mut agent =
        known.clone().unwrap_or_else(|| agents::stranger(&said.jid, &show, said.since_ms));
    if newest.is_none_or(|newest| said.since_ms >= newest.since_ms) {
        agent.show.clone_from(&show);
        agent.status.clone_from(&said.status);
        agent.priority = i32::from(said.priority);
        agent.since_ms = said.since_ms;
        agent.why.clone_from(&said.why);
        agent.flapping = said.flapping;
        agent.load = i32::from(said.load);
        agent.policy = policy.or(agent.policy);
        agents::announce(&mut agent, &said.announcement)?;
    }
    agents::save(&agent, known.as_ref(), ledger).await?;
    presence::Entity::insert(presence::ActiveModel {
        id: Set(ledger.ids.presence()),
        jid: Set(said.jid.clone()),
        show: Set(show),
        status: Set(said.status.clone()),
        priority: Set(i32::from(said.priority)),
        since_ms: Set(said.since_ms),
        received_ms: Set(ledger.now_ms),
        why: Set(said.why.clone()),
        flapping: Set(said.flapping),
    })
    .exec_without_returning(ledger.tx())
    .await?;
    ledger.tell(Topic::Presence, said, Scandale::Same)?;
    Ok(true)
}

/// The word for an availability, as it is in JSON.
fn show(presence: &Presence) -> Result<String, DbErr> {
    Ok(writer::json(&presence.show)?.trim_matches('"').to_owned())
}

impl Store {
    /// An agent's presence, newest first, after the moment with this time and number; and how many
    /// moments there are in all.
    pub(crate) async fn presence(
        &self,
        jid: &str,
        after: Option<(i64, i64)>,
        limit: u64,
    ) -> Result<(Vec<Moment>, u64), StoreError> {
        use presence::Column as C;
        let of_one = || presence::Entity::find().filter(C::Jid.eq(jid));
        let after = after.map(|(since_ms, id)| {
            C::SinceMs.lt(since_ms).or(C::SinceMs.eq(since_ms).and(C::Id.lt(id)))
        });
        let rows = of_one()
            .filter(Condition::all().add_option(after))
            .order_by_desc(C::SinceMs)
            .order_by_desc(C::Id)
            .limit(limit)
            .all(&self.reader)
            .await?;
        // The one before is the next in the list.
        let before: Vec<_> = rows.iter().skip(1).map(|row| Some(row.show.clone())).collect();
        let before = before.into_iter().chain([None]);
        let moments = rows.into_iter().zip(before).map(|(row, from)| Moment {
            id: row.id,
            jid: row.jid,
            show: row.show,
            status: row.status,
            priority: row.priority,
            since_ms: row.since_ms,
            received_ms: row.received_ms,
            why: row.why,
            flapping: row.flapping,
            from,
        });
        Ok((moments.collect(), of_one().count(&self.reader).await?))
    }
}
