//! Requests to be taken in, to change keys, and to hear what changed in the list.

use runtime::{Address, AgentId, Change, Context, Failure, Message, Performative, Slot};
use types::{
    Content, Device, EnrolmentRequest, Fate, Handover, ListHead, ListQuestion, Member, OPERATOR,
};

use super::{
    Enrol, NEWS_WAITING, WHY,
    book::{Book, replace},
    entry::{ENROLMENTS, Entry, NEWS, Stage},
    news,
};

impl Enrol {
    pub(super) async fn judge(&mut self, ctx: &mut Context) -> Result<(), Failure> {
        let Some(message) = self.message.take() else { return Ok(()) };
        let Some(from) = message.from.as_ref().map(AgentId::to_bare) else { return Ok(()) };
        if let Ok(request) = message.read::<EnrolmentRequest>()
            && message.ontology() == Some(EnrolmentRequest::ONTOLOGY)
        {
            return self.enrol(ctx, &message, &from, request).await;
        }
        if let Ok(handover) = message.read::<Handover>()
            && message.ontology() == Some(Handover::ONTOLOGY)
        {
            return self.hand_over(ctx, &message, &from, handover).await;
        }
        if let Ok(question) = message.read::<ListQuestion>()
            && self.book.has_agent(from.as_str())
        {
            // It may have been told in part before; this says all.
            let to = Address::from(from.clone());
            self.telling.retain(|it| it.to != to);
            for part in self.book.since(question.serial) {
                self.telling.extend(message.reply_with(Performative::Inform, &part)?);
            }
            self.told.insert(from, self.book.serial());
            return Ok(());
        }
        let why = "it cannot be read, or you are no member";
        self.refuse(ctx, &message, why).await
    }

    async fn enrol(
        &mut self,
        ctx: &mut Context,
        message: &Message,
        from: &AgentId,
        request: EnrolmentRequest,
    ) -> Result<(), Failure> {
        let name = from.as_str().split('@').next().unwrap_or_default().to_owned();
        let entry = self.entries.get(&name).cloned();
        let is_own = from.domain() == ctx.me().domain() && request.jid == from.as_str();
        let Some(entry) = entry.filter(|_| is_own) else {
            return self.refuse(ctx, message, "no token was made for this account").await;
        };
        if entry.expires_ms <= ctx.clock().now_ms() {
            return self.refuse(ctx, message, "the token's time is over; ask for another").await;
        }
        if let Stage::Joined { nonce, answer, .. } = &entry.stage {
            // The answer may have been lost: who asked gets the same again, and nobody else any.
            if *nonce == request.nonce {
                let answer = message.reply_with(Performative::Inform, &**answer)?;
                return self.answer(ctx, answer).await;
            }
            let why = "the token was used already; ask for another";
            self.turn_down(ctx, entry.number, &name, why).await?;
            return self.refuse(ctx, message, why).await;
        }
        if let Err(why) = self.notary.judge(&request, &entry.proof_key) {
            self.turn_down(ctx, entry.number, &name, &why.0).await?;
            return self.refuse(ctx, message, &why.0).await;
        }
        let serial = self.book.serial() + 1;
        let member = Member {
            jid: request.jid.clone(),
            role: entry.role.clone(),
            labels: entry.labels.clone(),
            devices: vec![Device { device: request.device, identity: request.identity }],
            evidence_key: request.evidence_key,
            serial,
        };
        let mut next = self.book.clone();
        let mut changes = next.set(member.clone())?;
        let signed =
            self.notary.sign(next.members().cloned().collect(), serial, ctx.clock().now_ms());
        let head = match signed {
            Ok(head) => head,
            Err(why) => return self.refuse(ctx, message, &why.0).await,
        };
        let answer = self.notary.answer(&request.nonce, member.clone(), head.clone())?;
        let entry = Entry {
            stage: Stage::Joined {
                nonce: request.nonce,
                answer: Box::new(answer.clone()),
                is_let_in: false,
            },
            proof_key: String::new(),
            password: String::new(),
            ..entry
        };
        changes.extend(replace(ENROLMENTS, &name, &entry)?);
        changes.push(news(ctx, entry.number, &name, Fate::Joined(member))?);
        // The token counts as used, and its bearer as a member, once this is on disk.
        self.change_to(ctx, next, head, changes).await?;
        self.entries.insert(name, entry);
        tracing::info!(agent.jid = %from, "`{from}` was taken in");
        let answer = message.reply_with(Performative::Inform, &answer)?;
        self.answer(ctx, answer).await
    }

    async fn hand_over(
        &mut self,
        ctx: &mut Context,
        message: &Message,
        from: &AgentId,
        handover: Handover,
    ) -> Result<(), Failure> {
        let agent = self.book.get(from.as_str()).filter(|it| it.role != OPERATOR);
        let Some(member) = agent.cloned() else {
            return self.refuse(ctx, message, "you are no member").await;
        };
        let name = from.as_str().split('@').next().unwrap_or_default().to_owned();
        let number = self.entries.get(&name).map_or(0, |it| it.number);
        if let Err(why) = self.notary.judge_handover(&handover, &member) {
            self.turn_down(ctx, number, &name, &why.0).await?;
            return self.refuse(ctx, message, &why.0).await;
        }
        let serial = self.book.serial() + 1;
        let member = Member {
            devices: vec![Device { device: handover.device, identity: handover.identity }],
            evidence_key: handover.evidence_key,
            serial,
            ..member
        };
        let mut next = self.book.clone();
        let mut changes = next.set(member.clone())?;
        let signed =
            self.notary.sign(next.members().cloned().collect(), serial, ctx.clock().now_ms());
        let head = match signed {
            Ok(head) => head,
            Err(why) => return self.refuse(ctx, message, &why.0).await,
        };
        let answer = self.notary.answer(&handover.nonce, member.clone(), head.clone())?;
        changes.push(news(ctx, number, &name, Fate::Joined(member))?);
        self.change_to(ctx, next, head, changes).await?;
        tracing::info!(agent.jid = %from, "`{from}` has other keys now");
        let answer = message.reply_with(Performative::Inform, &answer)?;
        let answer = answer.map(|it| it.with(Slot::Ontology, Handover::ONTOLOGY));
        self.answer(ctx, answer).await
    }

    /// Makes the book another, with a list that was signed, once that is on disk.
    async fn change_to(
        &mut self,
        ctx: &Context,
        next: Book,
        head: ListHead,
        mut changes: Vec<Change>,
    ) -> Result<(), Failure> {
        let before = std::mem::replace(&mut self.book, next);
        self.book.head = Some(head);
        changes.push(self.kept(ctx)?);
        if let Err(error) = ctx.store().commit(changes).await {
            self.book = before;
            return Err(error.into());
        }
        self.tell_all(ctx, before.serial())?;
        Ok(())
    }

    /// Has the API note a request that was turned down, while there is room for such news.
    async fn turn_down(
        &self,
        ctx: &Context,
        number: i64,
        name: &str,
        why: &str,
    ) -> Result<(), Failure> {
        tracing::warn!(enrolment.name = name, why, "a request of `{name}` was turned down");
        if ctx.store().count(NEWS)? < NEWS_WAITING {
            let why = why.chars().take(WHY).collect();
            ctx.store().commit(vec![news(ctx, number, name, Fate::Refused(why))?]).await?;
        }
        Ok(())
    }

    async fn refuse(&self, ctx: &Context, message: &Message, why: &str) -> Result<(), Failure> {
        let why: String = why.chars().take(WHY).collect();
        self.answer(ctx, message.reply(Performative::Refuse, why)).await
    }

    async fn answer(&self, ctx: &Context, answer: Option<Message>) -> Result<(), Failure> {
        if let Some(answer) = answer
            && let Err(error) = ctx.until_stopped(ctx.send(answer)).await?
        {
            // Who asked asks again.
            tracing::debug!(%error, "an answer about an enrolment could not be sent");
        }
        Ok(())
    }
}
