//! People whose devices are believed, and what is wanted of the registrar about them. The rows are
//! those of enrolments, by account instead of by name.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use types::{Device, Member, NO_EVIDENCE_KEY, OPERATOR};

use super::{
    Store, StoreError, audit, enrolments as orders,
    tables::enrolments,
    writer::{self, Deed, Ledger},
};

/// Devices of one person, at most: no list of members may have more.
const DEVICES: usize = 8;

/// A person.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OperatorRow {
    pub(crate) jid: String,
    /// trusted or revoked.
    pub(crate) state: String,
    /// Whether the registrar has done what this state means.
    pub(crate) done: bool,
    pub(crate) devices: Vec<Device>,
    /// Who said so last; none: whoever keeps the registrar's own files.
    pub(crate) created_by: Option<String>,
    pub(crate) changed_ms: Option<i64>,
    /// What went wrong last.
    pub(crate) why: Option<String>,
}

impl From<enrolments::Model> for OperatorRow {
    fn from(row: enrolments::Model) -> Self {
        Self {
            devices: devices(&row),
            jid: row.name,
            state: row.state,
            done: !row.pending,
            created_by: Some(row.created_by),
            changed_ms: Some(row.changed_ms),
            why: row.why,
        }
    }
}

impl From<Member> for OperatorRow {
    fn from(member: Member) -> Self {
        Self {
            jid: member.jid,
            state: "trusted".to_owned(),
            done: true,
            devices: member.devices,
            created_by: None,
            changed_ms: None,
            why: None,
        }
    }
}

/// The devices in a row; nobody who is revoked has any.
fn devices(row: &enrolments::Model) -> Vec<Device> {
    let member = row.member.as_ref().filter(|_| row.state == "trusted");
    let member = member.and_then(|it| serde_json::from_str::<Member>(it).ok());
    member.map(|it| it.devices).unwrap_or_default()
}

/// Why somebody cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Distrust {
    /// It is an agent, which is enrolled.
    Agent,
    /// It would have too many devices.
    TooMany(TooMany),
}

/// More devices than anybody may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) limit: usize,
}

/// Has devices of a person believed, beside those that are.
pub(crate) struct TrustDevices {
    pub(crate) who: String,
    pub(crate) jid: String,
    pub(crate) devices: Vec<Device>,
}

impl Deed for TrustDevices {
    /// Whether that is new, and what is known then.
    type Done = Result<(bool, OperatorRow), Distrust>;

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Self::Done, DbErr> {
        let member = member(ledger, &self.jid).await?;
        if member.as_ref().is_some_and(|it| it.role != OPERATOR) {
            return Ok(Err(Distrust::Agent));
        }
        let known = enrolments::Entity::find_by_id(&self.jid).one(ledger.tx()).await?;
        let mut believed = match (&known, &member) {
            (Some(row), _) => devices(row),
            (None, Some(member)) => member.devices.clone(),
            (None, None) => Vec::new(),
        };
        let has = |all: &[Device], it: &Device| all.iter().any(|one| one.identity == it.identity);
        let new: Vec<&Device> = self.devices.iter().filter(|it| !has(&believed, it)).collect();
        if new.is_empty()
            && let Some(row) = known.as_ref().filter(|it| it.state == "trusted")
        {
            return Ok(Ok((false, row.clone().into())));
        }
        let keys: Vec<String> = new.iter().map(|it| it.identity.clone()).collect();
        for device in new {
            let numbers: BTreeSet<u32> = believed.iter().map(|it| it.device).collect();
            // A key is believed whatever number its device has; the list wants different ones.
            let mut device = device.clone();
            while numbers.contains(&device.device) {
                device.device = device.device % 0x7fff_ffff + 1;
            }
            believed.push(device);
        }
        if believed.len() > DEVICES {
            return Ok(Err(Distrust::TooMany(TooMany { limit: DEVICES })));
        }
        let row = wish(ledger, known, &self.who, &self.jid, believed).await?;
        for key in keys {
            audit::note(ledger, &self.who, "trust", &self.jid, Some(key)).await?;
        }
        Ok(Ok((true, row)))
    }
}

/// Has a device of a person, or all of them, believed no more.
pub(crate) struct DistrustDevices {
    pub(crate) who: String,
    pub(crate) jid: String,
    /// The device's key, 64 hexadecimal digits; none: all.
    pub(crate) key: Option<String>,
}

impl Deed for DistrustDevices {
    /// None: there is nobody such, or no such device.
    type Done = Option<OperatorRow>;

    async fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Self::Done, DbErr> {
        let known = enrolments::Entity::find_by_id(&self.jid).one(ledger.tx()).await?;
        let known = known.filter(|it| orders::is_person(&it.name));
        let mut left = match (&known, member(ledger, &self.jid).await?) {
            (Some(row), _) if self.key.is_none() && row.state == "revoked" => {
                return Ok(Some(row.clone().into()));
            }
            (Some(row), _) => devices(row),
            (None, Some(member)) if member.role == OPERATOR => member.devices,
            (None, _) => return Ok(None),
        };
        let before = left.len();
        left.retain(|it| self.key.as_ref().is_some_and(|key| *key != it.identity));
        if left.len() == before {
            return Ok(None);
        }
        let row = wish(ledger, known, &self.who, &self.jid, left).await?;
        audit::note(ledger, &self.who, "distrust", &self.jid, self.key.clone()).await?;
        Ok(Some(row))
    }
}

/// Notes which devices are to be believed from now on.
async fn wish(
    ledger: &mut Ledger<'_>,
    known: Option<enrolments::Model>,
    who: &str,
    jid: &str,
    devices: Vec<Device>,
) -> Result<OperatorRow, DbErr> {
    let is_known = known.is_some();
    let state = if devices.is_empty() { "revoked" } else { "trusted" };
    let member = Member {
        jid: jid.to_owned(),
        role: OPERATOR.to_owned(),
        labels: BTreeMap::new(),
        devices,
        evidence_key: NO_EVIDENCE_KEY.to_owned(),
        serial: 0,
    };
    let row = enrolments::Model {
        name: jid.to_owned(),
        number: orders::next(ledger.tx()).await?,
        state: state.to_owned(),
        pending: true,
        role: OPERATOR.to_owned(),
        labels: "{}".to_owned(),
        password: None,
        proof_key: None,
        created_by: who.to_owned(),
        created_ms: known.map_or(ledger.now_ms, |it| it.created_ms),
        expires_ms: i64::MAX,
        changed_ms: ledger.now_ms,
        member: Some(writer::json(&member)?),
        why: None,
    };
    orders::put(ledger, row.clone(), is_known).await?;
    Ok(row.into())
}

async fn member(ledger: &Ledger<'_>, jid: &str) -> Result<Option<Member>, DbErr> {
    Ok(orders::members(ledger.tx()).await?.into_iter().find(|it| it.jid == jid))
}

impl Store {
    /// Every person who is or was believed, by account.
    pub(crate) async fn operators(&self) -> Result<Vec<OperatorRow>, StoreError> {
        let rows = enrolments::Entity::find()
            .filter(enrolments::Column::Role.eq(OPERATOR))
            .order_by_asc(enrolments::Column::Name)
            .all(&self.reader)
            .await?;
        let mut all: BTreeMap<String, OperatorRow> =
            rows.into_iter().map(|row| (row.name.clone(), row.into())).collect();
        let people = orders::members(&self.reader).await?;
        for member in people.into_iter().filter(|it| it.role == OPERATOR) {
            all.entry(member.jid.clone()).or_insert_with(|| member.into());
        }
        Ok(all.into_values().collect())
    }
}
