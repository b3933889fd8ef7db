//! Agents: what they announced, where they are, and what their behaviours did by their last report.

use std::collections::HashMap;

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr,
    EntityTrait, QueryFilter, QueryOrder, sea_query::OnConflict,
};
use serde::Serialize;
use serde_json::{Value, json};
use types::{Announcement, BehaviourReport, Diagram, Report};

use super::{
    Store, StoreError,
    tables::{agents, behaviours},
    writer::{self, Deed, Ledger},
};
use crate::events::{Scandale, Topic};

/// An agent without its behaviours.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AgentRow {
    pub(crate) jid: String,
    pub(crate) role: String,
    pub(crate) presence: String,
    pub(crate) status: Option<String>,
    pub(crate) since: i64,
    pub(crate) labels: Value,
    pub(crate) duties: Value,
    pub(crate) version: String,
    pub(crate) last_report_ms: Option<i64>,
    pub(crate) backlog: i64,
    /// What made its presence so, as far as it is known.
    pub(crate) why: Option<String>,
    /// Whether it comes and goes too often.
    pub(crate) flapping: bool,
    /// How busy it is, in percent.
    pub(crate) load: i32,
    /// What it announces to run.
    pub(crate) runs: Value,
    /// Messages that none of its behaviours wanted.
    pub(crate) unwanted: i64,
    /// What went against a protocol lately.
    pub(crate) violations: Value,
    /// How the registrar speaks with it: sealed, prefer or plain.
    pub(crate) policy: Option<String>,
}

/// Which agents.
#[derive(Clone, Debug, Default)]
pub(crate) struct AgentsQuery {
    pub(crate) role: Option<String>,
    /// A label, or a label and its value.
    pub(crate) label: Option<(String, Option<String>)>,
    /// What it can be asked to do.
    pub(crate) duty: Option<String>,
}

/// Takes in what an agent says of itself. What is older than what is known is left out.
#[derive(Debug)]
pub(crate) struct StoreReport {
    pub(crate) report: Report,
}

impl Deed for StoreReport {
    type Done = ();

    fn rows(&self) -> usize {
        1 + self.report.behaviours.len()
    }

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<(), DbErr> {
        let report = &self.report;
        let known = agents::Entity::find_by_id(&report.jid).one(ledger.tx()).await?;
        let newest = known.as_ref().and_then(|agent| agent.last_report_ms);
        if newest.is_some_and(|newest| report.sent_ms < newest) {
            return Ok(());
        }
        let mut agent =
            known.clone().unwrap_or_else(|| stranger(&report.jid, "unavailable", report.sent_ms));
        announce(&mut agent, &report.announcement)?;
        agent.last_report_ms = Some(report.sent_ms);
        agent.backlog = i64::try_from(report.backlog).unwrap_or(i64::MAX);
        agent.unwanted = i64::try_from(report.unwanted).unwrap_or(i64::MAX);
        agent.violations = writer::json(&report.violations)?;
        save(&agent, known.as_ref(), ledger).await?;
        self.replace_behaviours(ledger).await?;
        let without = report
            .behaviours
            .iter()
            .map(|behaviour| BehaviourReport { diagram: None, ..behaviour.clone() });
        let data = json!({
            "jid": report.jid, "behaviours": without.collect::<Vec<_>>(),
            "unwanted": report.unwanted, "violations": report.violations,
        });
        ledger.mention(Topic::Behaviour, &data)
    }
}

impl StoreReport {
    /// A behaviour that comes without a diagram keeps the one that is known.
    async fn replace_behaviours(&self, ledger: &Ledger<'_>) -> Result<(), DbErr> {
        let jid = &self.report.jid;
        let kept = behaviours::Entity::find()
            .filter(behaviours::Column::Jid.eq(jid))
            .all(ledger.tx())
            .await?;
        let mut diagrams: HashMap<_, _> =
            kept.into_iter().map(|row| (row.name, row.diagram)).collect();
        behaviours::Entity::delete_many()
            .filter(behaviours::Column::Jid.eq(jid))
            .exec(ledger.tx())
            .await?;
        for (position, behaviour) in (0..).zip(&self.report.behaviours) {
            let diagram = match &behaviour.diagram {
                Some(diagram) => Some(writer::json(diagram)?),
                None => diagrams.remove(behaviour.name.as_ref()).flatten(),
            };
            let report = BehaviourReport { diagram: None, ..behaviour.clone() };
            behaviours::Entity::insert(behaviours::ActiveModel {
                jid: Set(jid.clone()),
                name: Set(behaviour.name.to_string()),
                position: Set(position),
                report: Set(writer::json(&report)?),
                diagram: Set(diagram),
            })
            .exec_without_returning(ledger.tx())
            .await?;
        }
        Ok(())
    }
}

/// An agent of whom nothing is known but the name.
pub(super) fn stranger(jid: &str, show: &str, since_ms: i64) -> agents::Model {
    agents::Model {
        jid: jid.to_owned(),
        role: String::new(),
        duties: "[]".to_owned(),
        labels: "{}".to_owned(),
        version: String::new(),
        show: show.to_owned(),
        status: None,
        priority: 0,
        since_ms,
        last_report_ms: None,
        backlog: 0,
        why: None,
        flapping: false,
        load: 0,
        runs: "[]".to_owned(),
        unwanted: 0,
        violations: "[]".to_owned(),
        policy: None,
    }
}

/// Takes over what an agent announced. Who says nothing takes nothing back.
pub(super) fn announce(agent: &mut agents::Model, said: &Announcement) -> Result<(), DbErr> {
    if *said == Announcement::default() {
        return Ok(());
    }
    agent.role.clone_from(&said.role);
    agent.duties = writer::json(&said.duties)?;
    agent.labels = writer::json(&said.labels)?;
    agent.version.clone_from(&said.version);
    agent.runs = writer::json(&said.runs)?;
    Ok(())
}

/// Writes an agent; when it is new, or announced something new, everybody is told.
pub(super) async fn save(
    agent: &agents::Model,
    known: Option<&agents::Model>,
    ledger: &mut Ledger<'_>,
) -> Result<(), DbErr> {
    use agents::Column as C;
    let row: agents::ActiveModel = agent.clone().into();
    agents::Entity::insert(row.reset_all())
        .on_conflict(
            OnConflict::column(C::Jid)
                .update_columns([C::Role, C::Duties, C::Labels, C::Version, C::Show, C::Status])
                .update_columns([C::Priority, C::SinceMs, C::LastReportMs, C::Backlog])
                .update_columns([C::Why, C::Flapping, C::Load, C::Runs, C::Unwanted, C::Violations])
                .update_column(C::Policy)
                .to_owned(),
        )
        .exec_without_returning(ledger.tx())
        .await?;
    let announced = |agent: &agents::Model| {
        let words = [&agent.role, &agent.duties, &agent.labels, &agent.version];
        (words.map(String::clone), agent.policy.clone())
    };
    if known.map(announced) == Some(announced(agent)) {
        return Ok(());
    }
    ledger.tell(Topic::Agent, &AgentRow::from(agent.clone()), Scandale::Same)
}

impl From<agents::Model> for AgentRow {
    fn from(agent: agents::Model) -> Self {
        Self {
            jid: agent.jid,
            role: agent.role,
            presence: agent.show,
            status: agent.status,
            since: agent.since_ms,
            labels: serde_json::from_str(&agent.labels).unwrap_or_else(|_| json!({})),
            duties: serde_json::from_str(&agent.duties).unwrap_or_else(|_| json!([])),
            version: agent.version,
            last_report_ms: agent.last_report_ms,
            backlog: agent.backlog,
            why: agent.why,
            flapping: agent.flapping,
            load: agent.load,
            runs: serde_json::from_str(&agent.runs).unwrap_or_else(|_| json!([])),
            unwanted: agent.unwanted,
            violations: serde_json::from_str(&agent.violations).unwrap_or_else(|_| json!([])),
            policy: agent.policy,
        }
    }
}

impl Store {
    /// Agents of a query, by name, with their behaviours.
    pub(crate) async fn agents(
        &self,
        query: &AgentsQuery,
    ) -> Result<Vec<(AgentRow, Vec<BehaviourReport>)>, StoreError> {
        let role = query.role.as_ref().map(|role| agents::Column::Role.eq(role));
        let rows = agents::Entity::find()
            .filter(Condition::all().add_option(role))
            .order_by_asc(agents::Column::Jid)
            .all(&self.reader)
            .await?;
        let mut of_all: HashMap<String, Vec<BehaviourReport>> = HashMap::new();
        for (jid, behaviour) in behaviours(&self.reader, Condition::all()).await? {
            of_all.entry(jid).or_default().push(behaviour);
        }
        let chosen = rows
            .into_iter()
            .map(AgentRow::from)
            .filter(|agent| query.labels(agent) && query.duty(agent));
        Ok(chosen
            .map(|agent| {
                let behaviours = of_all.remove(&agent.jid).unwrap_or_default();
                (agent, behaviours)
            })
            .collect())
    }

    /// One agent with its behaviours.
    pub(crate) async fn agent(
        &self,
        jid: &str,
    ) -> Result<Option<(AgentRow, Vec<BehaviourReport>)>, StoreError> {
        let Some(agent) = agents::Entity::find_by_id(jid).one(&self.reader).await? else {
            return Ok(None);
        };
        let of_one = Condition::all().add(behaviours::Column::Jid.eq(jid));
        let behaviours = behaviours(&self.reader, of_one).await?;
        Ok(Some((agent.into(), behaviours.into_iter().map(|(_, behaviour)| behaviour).collect())))
    }
}

impl AgentsQuery {
    fn duty(&self, agent: &AgentRow) -> bool {
        let Some(duty) = &self.duty else { return true };
        agent.duties.as_array().is_some_and(|it| it.iter().any(|it| it == duty.as_str()))
    }

    fn labels(&self, agent: &AgentRow) -> bool {
        let Some((name, value)) = &self.label else { return true };
        match (agent.labels.get(name).and_then(Value::as_str), value) {
            (Some(found), Some(wanted)) => found == wanted,
            (found, None) => found.is_some(),
            (None, Some(_)) => false,
        }
    }
}

async fn behaviours(
    db: &impl ConnectionTrait,
    whose: Condition,
) -> Result<Vec<(String, BehaviourReport)>, DbErr> {
    let rows = behaviours::Entity::find()
        .filter(whose)
        .order_by_asc(behaviours::Column::Jid)
        .order_by_asc(behaviours::Column::Position)
        .all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            let broken = |cause: serde_json::Error| DbErr::Json(cause.to_string());
            let mut behaviour: BehaviourReport =
                serde_json::from_str(&row.report).map_err(broken)?;
            let diagram = row.diagram.as_deref().map(serde_json::from_str::<Diagram>);
            behaviour.diagram = diagram.transpose().map_err(broken)?;
            Ok((row.jid, behaviour))
        })
        .collect()
}
