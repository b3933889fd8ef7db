//! What the API wants: somebody may join, somebody is to go, somebody is to be believed.

use std::collections::BTreeMap;

use runtime::{Change, Context, Failure};
use types::{
    Device, EnrolmentOrder, EnrolmentOrders, Fate, Member, NO_EVIDENCE_KEY, OPERATOR, Wish,
};

use super::{
    Enrol, REVOKED, account,
    book::replace,
    entry::{ENROLMENTS, Entry, REMOVALS, Removal, Stage},
    news,
};

impl Enrol {
    pub(super) async fn order(&mut self, ctx: &Context) -> Result<(), Failure> {
        let Some(EnrolmentOrders { items, next }) = self.orders.take() else { return Ok(()) };
        let before = self.book.clone();
        let mut changes = Vec::new();
        for EnrolmentOrder { number, name, wish } in items {
            changes.extend(match wish {
                Wish::Enrol { role, labels, password, proof_key, expires_ms } => {
                    let stage = Stage::Wanted;
                    let entry =
                        Entry { number, role, labels, expires_ms, stage, proof_key, password };
                    self.expect(ctx, name, entry)?
                }
                Wish::Revoke => self.revoke(ctx, name, number)?,
                Wish::Trust { devices } => self.trust(ctx, &name, number, devices)?,
            });
        }
        self.cursor = next;
        if !self.book.has_same_members(&before) {
            return self.sign(ctx, changes).await;
        }
        changes.push(self.kept(ctx)?);
        ctx.store().commit(changes).await?;
        Ok(())
    }

    fn expect(
        &mut self,
        ctx: &Context,
        name: String,
        mut entry: Entry,
    ) -> Result<Vec<Change>, Failure> {
        if self.entries.get(&name).is_some_and(|it| it.number == entry.number) {
            return Ok(Vec::new());
        }
        // What was begun for an earlier order is gone over again.
        let before = self.entries.remove(&name);
        if before.is_some_and(|it| it.has_account()) {
            entry.stage = Stage::Making;
        }
        let mut changes = replace(ENROLMENTS, &name, &entry)?;
        if self.revoked.remove(&account(ctx, &name)) {
            changes.push(self.outcasts()?);
        }
        self.entries.insert(name, entry);
        Ok(changes)
    }

    fn revoke(&mut self, ctx: &Context, name: String, number: i64) -> Result<Vec<Change>, Failure> {
        let jid = account(ctx, &name);
        let mut changes = self.book.strike(&jid, self.book.serial() + 1)?;
        let was_member = !changes.is_empty();
        let entry = self.entries.remove(&name);
        changes.push(Change::Remove { queue: ENROLMENTS, key: name.clone() });
        if was_member {
            self.revoked.insert(jid.clone());
            changes.push(self.outcasts()?);
        }
        if was_member || entry.is_some_and(|it| it.has_account()) {
            changes.extend(self.let_go(name, number, jid, Fate::Revoked)?);
        } else {
            changes.push(news(ctx, number, &name, Fate::Revoked)?);
        }
        Ok(changes)
    }

    /// A person is believed by these devices from now on. What cannot be signed is not taken in.
    fn trust(
        &mut self,
        ctx: &Context,
        jid: &str,
        number: i64,
        devices: Vec<Device>,
    ) -> Result<Vec<Change>, Failure> {
        let serial = self.book.serial() + 1;
        if self.book.has_agent(jid) {
            let why = format!("`{jid}` is an agent, whose keys come by enrolment");
            return Ok(vec![news(ctx, number, jid, Fate::Failed(why))?]);
        }
        if devices.is_empty() {
            let mut changes = self.book.strike(jid, serial)?;
            changes.push(news(ctx, number, jid, Fate::Revoked)?);
            return Ok(changes);
        }
        let member = Member {
            jid: jid.to_owned(),
            role: OPERATOR.to_owned(),
            labels: BTreeMap::new(),
            devices,
            evidence_key: NO_EVIDENCE_KEY.to_owned(),
            serial,
        };
        let known = self.book.get(jid);
        if let Some(known) = known.filter(|it| it.devices == member.devices) {
            return Ok(vec![news(ctx, number, jid, Fate::Trusted(known.clone()))?]);
        }
        let mut with = self.book.clone();
        let mut changes = with.set(member.clone())?;
        let signed =
            self.notary.sign(with.members().cloned().collect(), serial, ctx.clock().now_ms());
        let fate = match signed {
            Ok(_) => {
                self.book = with;
                Fate::Trusted(member)
            }
            Err(error) => {
                changes.clear();
                Fate::Failed(error.to_string())
            }
        };
        changes.push(news(ctx, number, jid, fate)?);
        Ok(changes)
    }

    fn outcasts(&self) -> Result<Change, serde_json::Error> {
        let value = serde_json::to_vec(&self.revoked)?.into();
        Ok(Change::Put { key: REVOKED.to_owned(), value })
    }

    pub(super) fn let_go(
        &mut self,
        name: String,
        number: i64,
        jid: String,
        fate: Fate,
    ) -> Result<Vec<Change>, serde_json::Error> {
        let removal = Removal { number, jid, fate };
        let changes = replace(REMOVALS, &name, &removal)?;
        self.removals.insert(name, removal);
        Ok(changes)
    }
}
