//! Who calls many for proposals and has some of them do it: the initiator of a contract net.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{sync::oneshot, time::Instant};

use super::{Leash, NoOpening, Outcome, ask, further, say, until};
use crate::{
    Address, AgentId, Behaviour, Breach, Context, Dialogue, Failure, Interrupted, Message,
    Performative, Protocol, Restart, Role, Spec, Stage, Template, states,
};

/// Whom one call reaches, at most; further ones are not asked.
const CALLED: usize = 1_000;

/// How long each half of a contract net may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// How long proposals are waited for; who is called is told.
    pub proposals: Duration,
    /// How long results are waited for after that.
    pub results: Duration,
}

/// What somebody would do, and under which conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Who would.
    pub from: AgentId,
    /// What it says.
    pub message: Arc<Message>,
}

type Choose = Box<dyn FnOnce(&[Proposal]) -> Vec<AgentId> + Send>;
type Outcomes = Vec<(AgentId, Outcome)>;

impl Context {
    /// Calls for proposals (`fipa-contract-net`): everybody in `to`, where a duty means all who do
    /// it; `choose` says whose proposals are accepted. What became of each comes back, by account.
    ///
    /// 1,000 are called at most. Who proposes too late is turned down. Whoever does not wait to
    /// the end takes back what is not over.
    pub async fn call(
        &self,
        cfp: Message,
        to: &[Address],
        call: Call,
        choose: impl FnOnce(&[Proposal]) -> Vec<AgentId> + Send + 'static,
    ) -> Result<Vec<(AgentId, Outcome)>, Failure> {
        NoOpening::check(&cfp, Protocol::ContractNet)?;
        let (sender, outcome) = oneshot::channel();
        let everybody = to.iter().flat_map(|it| ask::everybody(self, it));
        let mut parties = BTreeMap::new();
        for partner in everybody.map(|it| it.to_bare()).take(CALLED) {
            parties.insert(partner, Party::default());
        }
        let to = self.me().clone().into();
        let cfp = ask::opening(self, Protocol::ContractNet, cfp, &to, call.proposals);
        let spec = Spec {
            template: Template::thread(cfp.thread().unwrap_or_default()),
            mailbox: 2 * CALLED,
            supervision: Restart::Never.into(),
            ..Spec::default()
        };
        let contract = Contract {
            cfp,
            call,
            parties,
            deadline: None,
            choose: Some(Box::new(choose)),
            outcome: Some(sender),
        };
        let contract = Mutex::new(Some(contract));
        // It is made once: it is not started again.
        let handle = self.spawn_part(spec, move || {
            let made = contract.lock().unwrap_or_else(PoisonError::into_inner).take();
            Calling(made)
        })?;
        let _leash = Leash(handle);
        Ok(outcome.await.map_err(|_gone| Interrupted)?)
    }
}

states! {
    /// Where a contract net is.
    pub(crate) enum State {
        /// Calls everybody for proposals.
        Calling => [Collecting],
        /// Waits for proposals.
        Collecting => [Collecting, Choosing],
        /// Accepts some of them and rejects the others.
        Choosing => [Awaiting],
        /// Waits for what comes of those that were accepted.
        Awaiting => [Awaiting, Done],
        /// What became of each is known.
        Done => [],
    }
}

/// One of those who are called.
#[derive(Debug)]
struct Party {
    dialogue: Dialogue,
    proposal: Option<Arc<Message>>,
    outcome: Option<Outcome>,
}

impl Default for Party {
    fn default() -> Self {
        let dialogue = Dialogue::open(Protocol::ContractNet, Role::Initiator);
        Self { dialogue, proposal: None, outcome: None }
    }
}

struct Contract {
    cfp: Message,
    call: Call,
    parties: BTreeMap<AgentId, Party>,
    deadline: Option<Instant>,
    choose: Option<Choose>,
    outcome: Option<oneshot::Sender<Outcomes>>,
}

/// A contract net at work; none when it was at work before.
struct Calling(Option<Contract>);

impl fmt::Debug for Calling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calling")
    }
}

impl Behaviour for Calling {
    type State = State;
    const NAME: &'static str = "fipa-contract-net";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        let Some(contract) = &mut self.0 else { return Err(Failure::Interrupted) };
        Ok(match state {
            State::Calling => {
                contract.call_everybody(ctx).await;
                State::Collecting
            }
            State::Collecting => contract.collect(ctx).await?,
            State::Choosing => {
                contract.choose(ctx).await;
                State::Awaiting
            }
            State::Awaiting => contract.wait(ctx).await?,
            State::Done => State::Done,
        })
    }

    async fn stopped(&mut self, ctx: &mut Context) {
        if let Some(contract) = &mut self.0 {
            contract.take_back(ctx).await;
        }
    }
}

impl Contract {
    async fn call_everybody(&mut self, ctx: &Context) {
        self.deadline = Instant::now().checked_add(self.call.proposals);
        let now = ctx.clock().now();
        for (partner, party) in &mut self.parties {
            let mut cfp = self.cfp.clone();
            cfp.to = partner.clone().into();
            // It was looked at before: it does open a conversation.
            drop(party.dialogue.observe(&cfp, Role::Initiator, now));
            if let Err(error) = ctx.send(cfp).await {
                party.outcome = Some(Outcome::Unsent(error));
            }
        }
    }

    async fn collect(&mut self, ctx: &mut Context) -> Result<State, Interrupted> {
        if self.parties.values().all(|it| it.outcome.is_some() || it.proposal.is_some()) {
            return Ok(State::Choosing);
        }
        if self.hear(ctx).await? {
            return Ok(State::Collecting);
        }
        Ok(State::Choosing)
    }

    async fn choose(&mut self, ctx: &Context) {
        let open = |party: &Party| party.outcome.is_none();
        let proposals: Vec<Proposal> = self
            .parties
            .iter()
            .filter(|(_, it)| open(it))
            .filter_map(|(from, it)| {
                it.proposal.clone().map(|message| Proposal { from: from.clone(), message })
            })
            .collect();
        let chosen = self.choose.take().map(|choose| choose(&proposals)).unwrap_or_default();
        for (partner, party) in self.parties.iter_mut().filter(|(_, it)| open(it)) {
            let Some(proposal) = party.proposal.clone() else {
                party.outcome = Some(Outcome::Overdue);
                continue;
            };
            let wins = chosen.iter().any(|it| it.bare() == partner.as_str());
            let act =
                if wins { Performative::AcceptProposal } else { Performative::RejectProposal };
            let word = word(&self.cfp, act, partner);
            // A proposal was made: it may be answered.
            drop(party.dialogue.observe(&word, Role::Initiator, ctx.clock().now()));
            match ctx.send(word).await {
                Err(error) if wins => party.outcome = Some(Outcome::Unsent(error)),
                Ok(()) if wins => {}
                Ok(()) | Err(_) => party.outcome = Some(Outcome::Rejected(proposal)),
            }
        }
        self.deadline = Instant::now().checked_add(self.call.results);
    }

    async fn wait(&mut self, ctx: &mut Context) -> Result<State, Interrupted> {
        if self.parties.values().any(|it| it.outcome.is_none()) && self.hear(ctx).await? {
            return Ok(State::Awaiting);
        }
        let parties = std::mem::take(&mut self.parties);
        let outcome = |it: Party| it.outcome.unwrap_or(Outcome::Overdue);
        let outcomes = parties.into_iter().map(|(who, it)| (who, outcome(it))).collect();
        if let Some(waiting) = self.outcome.take() {
            // Who does not wait for it any more does not want to know.
            drop(waiting.send(outcomes));
        }
        Ok(State::Done)
    }

    /// Whether something was heard before the deadline.
    async fn hear(&mut self, ctx: &mut Context) -> Result<bool, Interrupted> {
        let message = tokio::select! {
            biased;
            message = ctx.receive() => message?,
            () = until(self.deadline) => return Ok(false),
        };
        let Some(from) = message.from.as_ref().map(AgentId::to_bare) else { return Ok(true) };
        let Some(party) = self.parties.get_mut(&from) else { return Ok(true) };
        let heard = party.dialogue.observe(&message, Role::Participant, ctx.clock().now());
        let stage = party.dialogue.state();
        if party.outcome.is_some() {
            if stage == Stage::Proposed {
                let word = word(&self.cfp, Performative::RejectProposal, &from);
                drop(party.dialogue.observe(&word, Role::Initiator, ctx.clock().now()));
                say(ctx, word).await;
            }
            return Ok(true);
        }
        match heard {
            Ok(()) if stage == Stage::Proposed => party.proposal = Some(message),
            Ok(()) => party.outcome = Outcome::of(stage, message),
            Err(breach @ Breach::Late { .. }) if stage == Stage::Proposed => {
                party.proposal = None;
                party.outcome = Some(Outcome::Broken(breach, message));
            }
            Err(breach) => party.outcome = Some(Outcome::Broken(breach, message)),
        }
        Ok(true)
    }

    /// Takes back what is not over.
    async fn take_back(&mut self, ctx: &Context) {
        let is_open = |it: &Party| it.outcome.is_none() && it.dialogue.state() != Stage::Start;
        let open = self.parties.iter().filter(|(_, it)| is_open(it));
        let words: Vec<Message> =
            open.map(|(who, _)| word(&self.cfp, Performative::Cancel, who)).collect();
        join_all(words.into_iter().map(|it| say(ctx, it))).await;
    }
}

fn word(cfp: &Message, act: Performative, to: &AgentId) -> Message {
    let mut message = further(cfp, act);
    message.to = to.clone().into();
    message
}
