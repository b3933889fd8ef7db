//! What people do with alerts: they move them on, and say what they were.

use sea_orm::{DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::{AlertRow, SOURCES, Told, named, put};
use crate::{
    events::{Scandale, Topic},
    intake::alert::AlertState,
    store::{
        audit,
        tables::alerts,
        writer::{Deed, Ledger},
    },
};

/// What a person holds an alert to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Attack,
    Benign,
}

impl Judgement {
    pub(crate) const NAMES: [&str; 2] = ["attack", "benign"];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Attack => "attack",
            Self::Benign => "benign",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Attack, Self::Benign].into_iter().find(|it| it.name() == name)
    }
}

/// Why an alert cannot be shown or handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is none.
    Unknown,
    /// Several sources tell of one of that name.
    Several(Vec<String>),
    /// It does not go there from where it is.
    Stays(AlertState),
}

/// Moves an alert on, or judges it, or both.
#[derive(Debug)]
pub(crate) struct HandleAlert {
    pub(crate) who: String,
    pub(crate) id: String,
    pub(crate) source: Option<String>,
    pub(crate) state: Option<AlertState>,
    pub(crate) verdict: Option<Judgement>,
    pub(crate) note: Option<String>,
}

impl Deed for HandleAlert {
    type Done = Result<AlertRow, Refusal>;

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Self::Done, DbErr> {
        let named = named(&self.id, self.source.as_deref());
        let found = alerts::Entity::find().filter(named).limit(SOURCES).all(ledger.tx()).await?;
        let mut row = match only(found) {
            Ok(row) => row,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(to) = self.state {
            let from = AlertState::named(&row.state).unwrap_or(AlertState::New);
            if to <= from {
                return Ok(Err(Refusal::Stays(from)));
            }
            self.go(&mut row, to, ledger.now_ms);
            self.note(ledger, verb(to), &row, &format!("{from} → {to}")).await?;
        }
        if let Some(verdict) = self.verdict {
            row.verdict = Some(verdict.name().to_owned());
            row.judged_by = Some(self.who.clone());
            row.judged_ms = Some(ledger.now_ms);
            row.judged_note.clone_from(&self.note);
            if verdict == Judgement::Benign && row.state != AlertState::Expired.name() {
                self.go(&mut row, AlertState::Expired, ledger.now_ms);
            }
            self.note(ledger, "judge", &row, verdict.name()).await?;
        }
        put(ledger, row.clone(), true).await?;
        let row = AlertRow::from(row);
        ledger.tell(Topic::Alert, &Told { what: "handled", row: row.clone() }, Scandale::Same)?;
        Ok(Ok(row))
    }
}

impl HandleAlert {
    fn go(&self, row: &mut alerts::Model, to: AlertState, now_ms: i64) {
        to.name().clone_into(&mut row.state);
        row.moved_by = Some(self.who.clone());
        row.moved_ms = Some(now_ms);
        row.note.clone_from(&self.note);
    }

    async fn note(
        &self,
        ledger: &mut Ledger<'_>,
        deed: &str,
        row: &alerts::Model,
        what: &str,
    ) -> Result<(), DbErr> {
        let note = self.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
        let detail = format!("{what}, alert of {}{note}", row.source);
        audit::note(ledger, &self.who, deed, &row.alert, Some(detail)).await
    }
}

/// How a move is called in the audit.
fn verb(to: AlertState) -> &'static str {
    match to {
        AlertState::New => "reopen",
        AlertState::Confirmed => "confirm",
        AlertState::Acknowledged => "acknowledge",
        AlertState::Mitigated => "mitigate",
        AlertState::Expired => "expire",
    }
}

/// The one alert that was found.
pub(super) fn only(mut found: Vec<alerts::Model>) -> Result<alerts::Model, Refusal> {
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(Refusal::Unknown),
        (Some(row), true) => Ok(row),
        (Some(row), false) => {
            let mut sources: Vec<_> = found.into_iter().map(|it| it.source).collect();
            sources.push(row.source);
            sources.sort_unstable();
            Err(Refusal::Several(sources))
        }
    }
}
