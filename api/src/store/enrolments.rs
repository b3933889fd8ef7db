//! Enrolments: who may join, what is wanted of the registrar, and what became of it.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use serde::Serialize;
use types::{
    EnrolmentNews, EnrolmentOrder, EnrolmentOrders, Fate, ListReport, Member, OPERATOR, Wish,
};

use super::{
    Store, StoreError, audit,
    tables::{enrolments, registry},
    writer::{self, Deed, Ledger},
};

/// Orders that are told at once.
const ORDERS: u64 = 100;

/// One enrolment, without its secrets.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EnrolmentRow {
    pub(crate) name: String,
    /// open, ready, joined, expired or revoked.
    pub(crate) state: String,
    /// Whether the registrar has done what this state means.
    pub(crate) done: bool,
    pub(crate) role: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) created_by: String,
    pub(crate) created_ms: i64,
    pub(crate) expires_ms: i64,
    pub(crate) changed_ms: i64,
    /// Its keys, once it has joined.
    pub(crate) member: Option<Member>,
    /// What went wrong last.
    pub(crate) why: Option<String>,
}

impl EnrolmentRow {
    fn at(row: enrolments::Model, now_ms: i64) -> Self {
        let is_over = is_waiting(&row.state) && row.expires_ms <= now_ms;
        Self {
            name: row.name,
            state: if is_over { "expired".to_owned() } else { row.state },
            done: !row.pending,
            role: row.role,
            labels: serde_json::from_str(&row.labels).unwrap_or_default(),
            created_by: row.created_by,
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
            changed_ms: row.changed_ms,
            member: row.member.and_then(|it| serde_json::from_str(&it).ok()),
            why: row.why,
        }
    }
}

fn is_waiting(state: &str) -> bool {
    matches!(state, "open" | "ready")
}

/// Lets somebody join, unless the name is taken.
pub(crate) struct OpenEnrolment {
    pub(crate) who: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) password: String,
    pub(crate) proof_key: String,
    pub(crate) expires_ms: i64,
}

impl Deed for OpenEnrolment {
    /// None: the name is taken.
    type Done = Option<EnrolmentRow>;

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Self::Done, DbErr> {
        expire(ledger).await?;
        let known = enrolments::Entity::find_by_id(&self.name).one(ledger.tx()).await?;
        let is_taken = known.as_ref().is_some_and(|it| match it.state.as_str() {
            "expired" => false,
            "revoked" => it.pending,
            _ => true,
        });
        if is_taken || is_member(ledger.tx(), &self.name).await? {
            return Ok(None);
        }
        let row = enrolments::Model {
            name: self.name.clone(),
            number: next(ledger.tx()).await?,
            state: "open".to_owned(),
            pending: true,
            role: self.role.clone(),
            labels: writer::json(&self.labels)?,
            password: Some(self.password.clone()),
            proof_key: Some(self.proof_key.clone()),
            created_by: self.who.clone(),
            created_ms: ledger.now_ms,
            expires_ms: self.expires_ms,
            changed_ms: ledger.now_ms,
            member: None,
            why: None,
        };
        put(ledger, row.clone(), known.is_some()).await?;
        let detail = format!("role `{}`", self.role);
        audit::note(ledger, &self.who, "enrol", &self.name, Some(detail)).await?;
        Ok(Some(EnrolmentRow::at(row, ledger.now_ms)))
    }
}

/// Takes somebody's place away.
pub(crate) struct RevokeEnrolment {
    pub(crate) who: String,
    pub(crate) name: String,
}

impl Deed for RevokeEnrolment {
    /// None: there is nobody of that name.
    type Done = Option<EnrolmentRow>;

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Self::Done, DbErr> {
        if is_person(&self.name) {
            return Ok(None);
        }
        let known = enrolments::Entity::find_by_id(&self.name).one(ledger.tx()).await?;
        let is_known = known.is_some();
        let mut row = match known {
            Some(row) if row.state == "revoked" => {
                return Ok(Some(EnrolmentRow::at(row, ledger.now_ms)));
            }
            Some(row) => row,
            None => match member(ledger.tx(), &self.name).await? {
                Some(member) => enrolments::Model {
                    name: self.name.clone(),
                    number: 0,
                    state: String::new(),
                    pending: true,
                    role: member.role.clone(),
                    labels: writer::json(&member.labels)?,
                    password: None,
                    proof_key: None,
                    created_by: self.who.clone(),
                    created_ms: ledger.now_ms,
                    expires_ms: ledger.now_ms,
                    changed_ms: ledger.now_ms,
                    member: Some(writer::json(&member)?),
                    why: None,
                },
                None => return Ok(None),
            },
        };
        row.number = next(ledger.tx()).await?;
        "revoked".clone_into(&mut row.state);
        row.pending = true;
        (row.password, row.proof_key, row.why) = (None, None, None);
        row.changed_ms = ledger.now_ms;
        put(ledger, row.clone(), is_known).await?;
        audit::note(ledger, &self.who, "revoke", &self.name, None).await?;
        Ok(Some(EnrolmentRow::at(row, ledger.now_ms)))
    }
}

/// Notes what the registrar did.
pub(crate) struct NoteNews {
    pub(crate) who: String,
    pub(crate) news: Vec<EnrolmentNews>,
}

impl Deed for NoteNews {
    type Done = ();

    fn rows(&self) -> usize {
        self.news.len()
    }

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<(), DbErr> {
        for news in &self.news {
            let known = enrolments::Entity::find_by_id(&news.name).one(ledger.tx()).await?;
            let (deed, detail) = match &news.fate {
                Fate::Ready => ("ready", None),
                Fate::Joined(member) => ("joined", Some(writer::json(member)?)),
                Fate::Expired => ("expired", None),
                Fate::Revoked => ("revoked", None),
                Fate::Trusted(member) => ("trusted", Some(writer::json(member)?)),
                Fate::Refused(why) => ("refused", Some(why.clone())),
                Fate::Failed(why) => ("failed", Some(why.clone())),
            };
            audit::note(ledger, &self.who, deed, &news.name, detail).await?;
            // What is about an earlier wish is history.
            if let Some(mut row) = known.filter(|it| it.number == news.number) {
                follow(&mut row, news)?;
                put(ledger, row, true).await?;
            }
        }
        Ok(())
    }
}

fn follow(row: &mut enrolments::Model, news: &EnrolmentNews) -> Result<(), DbErr> {
    let state = row.state.clone();
    match &news.fate {
        Fate::Ready if is_waiting(&state) => {
            "ready".clone_into(&mut row.state);
            (row.pending, row.why) = (false, None);
        }
        Fate::Joined(member) if state != "revoked" => {
            "joined".clone_into(&mut row.state);
            row.member = Some(writer::json(member)?);
            (row.pending, row.why) = (false, None);
            (row.password, row.proof_key) = (None, None);
        }
        Fate::Expired if is_waiting(&state) || state == "expired" => {
            "expired".clone_into(&mut row.state);
            row.pending = false;
            (row.password, row.proof_key) = (None, None);
        }
        Fate::Revoked if state == "revoked" => (row.pending, row.why) = (false, None),
        Fate::Trusted(member) if state == "trusted" => {
            row.member = Some(writer::json(member)?);
            (row.pending, row.why) = (false, None);
        }
        Fate::Refused(why) | Fate::Failed(why) => row.why = Some(why.clone()),
        Fate::Ready | Fate::Joined(_) | Fate::Expired | Fate::Revoked | Fate::Trusted(_) => {}
    }
    row.changed_ms = news.at_ms;
    Ok(())
}

/// Forgets the secrets of enrolments that are over.
pub(crate) struct ExpireEnrolments;

impl Deed for ExpireEnrolments {
    type Done = ();

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<(), DbErr> {
        expire(ledger).await
    }
}

async fn expire(ledger: &mut Ledger<'_>) -> Result<(), DbErr> {
    let over = enrolments::Entity::find()
        .filter(enrolments::Column::State.is_in(["open", "ready"]))
        .filter(enrolments::Column::ExpiresMs.lte(ledger.now_ms))
        .all(ledger.tx())
        .await?;
    for mut row in over {
        "expired".clone_into(&mut row.state);
        (row.password, row.proof_key) = (None, None);
        row.pending = true;
        row.changed_ms = ledger.now_ms;
        put(ledger, row, true).await?;
    }
    Ok(())
}

pub(super) async fn put(
    ledger: &mut Ledger<'_>,
    row: enrolments::Model,
    is_known: bool,
) -> Result<(), DbErr> {
    let active = row.into_active_model().reset_all();
    if is_known {
        active.update(ledger.tx()).await?;
    } else {
        enrolments::Entity::insert(active).exec_without_returning(ledger.tx()).await?;
    }
    Ok(())
}

pub(super) async fn next(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let highest =
        enrolments::Entity::find().order_by_desc(enrolments::Column::Number).one(db).await?;
    Ok(highest.map_or(0, |it| it.number) + 1)
}

async fn is_member(db: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    Ok(member(db, name).await?.is_some())
}

/// The agent whose account begins with a name.
async fn member(db: &impl ConnectionTrait, name: &str) -> Result<Option<Member>, DbErr> {
    let is_it = |it: &Member| {
        it.role != OPERATOR && it.jid.split_once('@').is_some_and(|(node, _)| node == name)
    };
    Ok(members(db).await?.into_iter().find(is_it))
}

/// Everybody whom the registry vouches for.
pub(super) async fn members(db: &impl ConnectionTrait) -> Result<Vec<Member>, DbErr> {
    let row = registry::Entity::find_by_id(1).one(db).await?;
    Ok(row.and_then(|it| serde_json::from_str(&it.members).ok()).unwrap_or_default())
}

/// Whether a row is about a person's devices, and not about an agent.
pub(super) fn is_person(name: &str) -> bool {
    name.contains('@')
}

/// Keeps what the registrar shows.
pub(crate) struct KeepList {
    pub(crate) report: ListReport,
}

impl Deed for KeepList {
    type Done = ();

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<(), DbErr> {
        let row = registry::ActiveModel {
            id: Set(1),
            registrar: Set(writer::json(&self.report.registrar)?),
            head: Set(writer::json(&self.report.head)?),
            members: Set(writer::json(&self.report.members)?),
            received_ms: Set(ledger.now_ms),
        };
        registry::Entity::delete_by_id(1).exec(ledger.tx()).await?;
        registry::Entity::insert(row).exec_without_returning(ledger.tx()).await?;
        Ok(())
    }
}

impl Store {
    /// Every enrolment, by name.
    pub(crate) async fn enrolments(&self, now_ms: i64) -> Result<Vec<EnrolmentRow>, StoreError> {
        let rows = enrolments::Entity::find()
            .order_by_asc(enrolments::Column::Name)
            .all(&self.reader)
            .await?;
        let agents = rows.into_iter().filter(|row| !is_person(&row.name));
        Ok(agents.map(|row| EnrolmentRow::at(row, now_ms)).collect())
    }

    /// One enrolment.
    pub(crate) async fn enrolment(
        &self,
        name: &str,
        now_ms: i64,
    ) -> Result<Option<EnrolmentRow>, StoreError> {
        let row = enrolments::Entity::find_by_id(name).one(&self.reader).await?;
        let row = row.filter(|it| !is_person(&it.name));
        Ok(row.map(|row| EnrolmentRow::at(row, now_ms)))
    }

    /// What is wanted of the registrar, from after a place on.
    pub(crate) async fn orders(&self, after: i64) -> Result<EnrolmentOrders, StoreError> {
        use enrolments::Column as C;
        let rows = enrolments::Entity::find()
            .filter(C::Number.gt(after))
            .order_by_asc(C::Number)
            .limit(ORDERS)
            .all(&self.reader)
            .await?;
        let newest = enrolments::Entity::find().order_by_desc(C::Number).one(&self.reader).await?;
        let next = rows.last().or(newest.as_ref()).map_or(0, |it| it.number);
        Ok(EnrolmentOrders { items: rows.into_iter().filter_map(order).collect(), next })
    }

    /// What the registrar showed last.
    pub(crate) async fn list(&self) -> Result<Option<ListReport>, StoreError> {
        let Some(row) = registry::Entity::find_by_id(1).one(&self.reader).await? else {
            return Ok(None);
        };
        let broken = |cause: serde_json::Error| DbErr::Json(cause.to_string());
        Ok(Some(ListReport {
            registrar: serde_json::from_str(&row.registrar).map_err(broken)?,
            head: serde_json::from_str(&row.head).map_err(broken)?,
            members: serde_json::from_str(&row.members).map_err(broken)?,
        }))
    }
}

/// What a row asks of the registrar, if it still asks for something.
fn order(row: enrolments::Model) -> Option<EnrolmentOrder> {
    let wish = match row.state.as_str() {
        "open" | "ready" => Wish::Enrol {
            role: row.role,
            labels: serde_json::from_str(&row.labels).unwrap_or_default(),
            password: row.password?,
            proof_key: row.proof_key?,
            expires_ms: row.expires_ms,
        },
        "trusted" if row.pending => {
            let member: Member = serde_json::from_str(&row.member?).ok()?;
            Wish::Trust { devices: member.devices }
        }
        "revoked" if row.pending && is_person(&row.name) => Wish::Trust { devices: Vec::new() },
        "revoked" if row.pending => Wish::Revoke,
        _ => return None,
    };
    Some(EnrolmentOrder { number: row.number, name: row.name, wish })
}
