//! Accounts that are to be, and that are to go.

use runtime::{AgentId, Change, Context, Errand, Failure, SendError};
use tokio::time::Instant;
use types::{Fate, Presence, Show};

use super::{
    Enrol, account,
    book::replace,
    entry::{ENROLMENTS, Entry, REMOVALS, Stage},
    is_strange, news,
};

impl Enrol {
    pub(super) async fn open(&mut self, ctx: &mut Context) -> Result<(), Failure> {
        let is_wanted = |it: &Entry| matches!(it.stage, Stage::Wanted | Stage::Making);
        let wanted = self.entries.iter().find(|(_, it)| is_wanted(it));
        let Some((name, mut entry)) = wanted.map(|(name, it)| (name.clone(), it.clone())) else {
            return Ok(());
        };
        // What may be there after a crash is ours; what is there without one is somebody's.
        let again = entry.stage == Stage::Making;
        if !again {
            entry.stage = Stage::Making;
            ctx.store().commit(replace(ENROLMENTS, &name, &entry)?).await?;
            self.entries.insert(name.clone(), entry.clone());
        }
        let who = AgentId::from(account(ctx, &name));
        let password = entry.password.as_str().into();
        let made = ctx.run(Errand::AddAccount { account: who, password, again });
        let fate = match ctx.until_stopped(made).await? {
            Ok(()) => Fate::Ready,
            Err(
                error @ (SendError::Refused { .. } | SendError::Unable(_) | SendError::Unknown(_)),
            ) => Fate::Failed(format!("its account cannot be made: {error}")),
            Err(error) => {
                self.trouble(ctx, &error);
                return Ok(());
            }
        };
        self.trouble.restore();
        entry.stage = if fate == Fate::Ready { Stage::Ready } else { Stage::Failed };
        entry.password.clear();
        if let Fate::Failed(why) = &fate {
            tracing::warn!(enrolment.name = name, why, "`{name}` cannot be enrolled");
        }
        let mut changes = replace(ENROLMENTS, &name, &entry)?;
        changes.push(news(ctx, entry.number, &name, fate)?);
        ctx.store().commit(changes).await?;
        self.entries.insert(name, entry);
        Ok(())
    }

    pub(super) async fn admit(&mut self, ctx: &mut Context) -> Result<(), Failure> {
        let strange = self.entries.iter().find(|(_, it)| is_strange(&it.stage));
        let Some((name, mut entry)) = strange.map(|(name, it)| (name.clone(), it.clone())) else {
            return Ok(());
        };
        let jid = AgentId::from(account(ctx, &name));
        match ctx.until_stopped(ctx.run(Errand::Approve(jid))).await? {
            // Roads without presence need no permission.
            Ok(()) | Err(SendError::Unable(_)) => {}
            Err(error) => {
                self.trouble(ctx, &error);
                return Ok(());
            }
        }
        if let Stage::Joined { is_let_in, .. } = &mut entry.stage {
            *is_let_in = true;
        }
        ctx.store().commit(replace(ENROLMENTS, &name, &entry)?).await?;
        self.entries.insert(name, entry);
        Ok(())
    }

    pub(super) async fn remove(&mut self, ctx: &mut Context) -> Result<(), Failure> {
        let Some((name, removal)) = self.removals.first_key_value() else { return Ok(()) };
        let (name, removal) = (name.clone(), removal.clone());
        let account = AgentId::from(removal.jid.as_str());
        let removed = ctx.until_stopped(ctx.run(Errand::RemoveAccount(account.clone()))).await?;
        let mut changes = vec![Change::Remove { queue: REMOVALS, key: name.clone() }];
        match removed {
            Ok(()) => changes.push(news(ctx, removal.number, &name, removal.fate.clone())?),
            Err(error @ (SendError::Unable(_) | SendError::Unknown(_))) => {
                // It is no member any more; an operator must see to its account.
                let why = format!("its account is still there: {error}");
                changes.push(news(ctx, removal.number, &name, Fate::Failed(why))?);
                changes.push(news(ctx, removal.number, &name, removal.fate.clone())?);
            }
            Err(error) => {
                self.trouble(ctx, &error);
                return Ok(());
            }
        }
        self.trouble.restore();
        ctx.store().commit(changes).await?;
        self.removals.remove(&name);
        // The server need not tell us that it left; whoever takes the name later is a stranger.
        ctx.directory().note(Presence {
            jid: removal.jid,
            show: Show::Unavailable,
            since_ms: ctx.clock().now_ms(),
            why: Some("it has no account any more".to_owned()),
            ..Presence::default()
        });
        if let Err(error) = ctx.until_stopped(ctx.run(Errand::Deny(account))).await? {
            tracing::debug!(%error, "who has no account any more could not be denied our presence");
        }
        tracing::info!(enrolment.name = name, "`{name}` has no account any more");
        Ok(())
    }

    /// The server does not do it now; it is asked again.
    fn trouble(&mut self, ctx: &mut Context, error: &SendError) {
        self.retry = Some(Instant::now() + self.trouble.lose());
        if self.trouble.is_first() {
            tracing::warn!(%error, "the server does not see to accounts now; it is asked again");
        }
        ctx.show_error(error.to_string());
    }

    pub(super) async fn close(&mut self, ctx: &Context) -> Result<(), Failure> {
        let now_ms = ctx.clock().now_ms();
        let is_over = |it: &Entry| it.waits() && it.expires_ms <= now_ms;
        let over = self.entries.iter().filter(|(_, it)| is_over(it));
        let over: Vec<String> = over.map(|(name, _)| name.clone()).collect();
        let mut changes = Vec::new();
        for name in over {
            let Some(entry) = self.entries.remove(&name) else { continue };
            changes.push(Change::Remove { queue: ENROLMENTS, key: name.clone() });
            if entry.has_account() {
                let jid = account(ctx, &name);
                changes.extend(self.let_go(name, entry.number, jid, Fate::Expired)?);
            } else {
                changes.push(news(ctx, entry.number, &name, Fate::Expired)?);
            }
        }
        ctx.store().commit(changes).await?;
        Ok(())
    }
}
