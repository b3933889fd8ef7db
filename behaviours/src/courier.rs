//! Delivers letters: sends each again and again until the receiver has it on its disk.

use std::collections::{BTreeMap, HashMap, VecDeque};

use runtime::{
    Address, AgentId, Behaviour, Change, Context, Failure, Message, POST, SendError, Template,
    states,
};
use tokio::time::{Instant, sleep_until};
use types::{Content, Delivered, Show};

use crate::queue;

mod line;

use line::{Away, Line};

/// Letters that are read from disk at once.
const PAGE: usize = 1000;

/// Which messages it wants: confirmations of letters.
pub fn template() -> Template {
    Template::ontology(Delivered::ONTOLOGY)
}

states! {
    /// Where a courier is.
    pub enum State {
        /// Looks which letters came on top.
        Sorting => [Sending],
        /// Sends those whose time has come.
        Sending => [Waiting],
        /// Waits for letters, for confirmations, for somebody to come, for time to pass.
        Waiting => [Sorting, Sending, Settling],
        /// Forgets what is delivered.
        Settling => [Sending],
    }
}

/// A courier at work.
#[derive(Debug, Default)]
pub struct Courier {
    /// Those who are to get letters, each with the letters for it.
    lines: BTreeMap<String, Line>,
    /// To whom each letter goes that is under way.
    away: HashMap<String, String>,
    /// The number of the last letter that was sorted.
    sorted: u64,
    /// What was confirmed, and by whom.
    confirmed: VecDeque<(AgentId, Vec<String>)>,
}

impl Behaviour for Courier {
    type State = State;
    const NAME: &'static str = "courier";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Sorting => {
                self.sort(ctx)?;
                State::Sending
            }
            State::Sending => {
                self.send(ctx).await?;
                State::Waiting
            }
            State::Waiting => self.wait(ctx).await?,
            State::Settling => {
                self.settle(ctx).await?;
                State::Sending
            }
        })
    }
}

impl Courier {
    fn sort(&mut self, ctx: &Context) -> Result<(), Failure> {
        loop {
            let kept = ctx.store().read(POST, self.sorted, PAGE, usize::MAX)?;
            let Some(last) = kept.last() else { return Ok(()) };
            self.sorted = last.number;
            for entry in kept {
                // What cannot be read is found out when it is to be sent.
                let to = serde_json::from_slice::<Message>(&entry.value).map(|it| it.to);
                let to = to.unwrap_or_else(|_| Address::Agent(ctx.me().clone()));
                let line = self.lines.entry(to.to_string()).or_insert_with(|| Line::new(to));
                line.waiting.push_back((entry.number, entry.key));
            }
        }
    }

    async fn wait(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        let (mut commits, mut members) = (ctx.store().watch(), ctx.directory().watch());
        let mut online = ctx.online();
        let known: usize = self.lines.values().map(Line::len).sum();
        let is_known = |count: u64| usize::try_from(count).is_ok_and(|count| count <= known);
        let due = self.lines.values().filter_map(Line::due).min();
        let time = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(time);
        loop {
            // A letter may have come since they were sorted.
            if !is_known(ctx.store().count(POST)?) {
                return Ok(State::Sorting);
            }
            tokio::select! {
                message = ctx.receive() => {
                    self.note(&*message?);
                    return Ok(State::Settling);
                }
                // Most commits are not about letters.
                changed = commits.changed() => if changed.is_err() {
                    return Err(Failure::Interrupted);
                },
                _ = members.changed() => break,
                _ = online.changed() => break,
                () = &mut time => return Ok(State::Sending),
            }
        }
        // Somebody came, perhaps one who was not there.
        self.lines.values_mut().for_each(Line::wake);
        Ok(State::Sending)
    }

    fn note(&mut self, confirmation: &Message) {
        if let (Some(from), Ok(Delivered(ids))) = (&confirmation.from, confirmation.read()) {
            self.confirmed.push_back((from.clone(), ids));
        }
    }

    async fn settle(&mut self, ctx: &mut Context) -> Result<(), Failure> {
        while let Some(message) = ctx.try_receive() {
            self.note(&message);
        }
        let mut changes = Vec::new();
        while let Some((from, ids)) = self.confirmed.front() {
            for id in ids {
                let line = self.away.get(id).and_then(|it| self.lines.get_mut(it));
                if line.is_some_and(|line| line.is_delivered(id, from)) {
                    self.away.remove(id);
                    ctx.directory().trust(from);
                    changes.push(Change::Remove { queue: POST, key: id.clone() });
                }
            }
            self.confirmed.pop_front();
        }
        self.lines.retain(|_, line| line.len() > 0);
        ctx.store().commit(changes).await?;
        Ok(())
    }

    async fn send(&mut self, ctx: &Context) -> Result<(), Failure> {
        let now = Instant::now();
        for (name, line) in &mut self.lines {
            if !line.is_due(now) {
                continue;
            }
            if let Some(late) = line.give_up_on(now)
                && matches!(line.to, Address::Duty(_))
            {
                // Whoever was asked and says nothing is not asked again while there are others.
                ctx.directory().suspect(&late, line::PATIENCE);
            }
            let Some(receiver) = receiver(ctx, &line.to) else {
                line.rest(now);
                continue;
            };
            while let Some((number, id)) = line.next(now) {
                match post(ctx, number, &id, &receiver).await? {
                    Sent::Yes => {
                        let again = Instant::now() + line.patience();
                        let told = receiver.clone();
                        line.away.insert(id.clone(), Away { number, told, again });
                        self.away.insert(id, name.clone());
                    }
                    Sent::NotNow => {
                        line.waiting.push_front((number, id));
                        line.rest(now);
                        break;
                    }
                    Sent::Never => drop(self.away.remove(&id)),
                }
            }
        }
        self.lines.retain(|_, line| line.len() > 0);
        Ok(())
    }
}

/// Who gets what goes to `to` now; none, when it is known not to be there.
fn receiver(ctx: &Context, to: &Address) -> Option<AgentId> {
    let agent = ctx.resolve(to).ok()?;
    let is_gone = |it: types::Presence| it.show == Show::Unavailable;
    (!ctx.directory().get(&agent).is_some_and(is_gone)).then_some(agent)
}

/// What became of a letter.
enum Sent {
    /// It is on its way.
    Yes,
    /// It will be tried again.
    NotNow,
    /// It cannot be sent, and was set aside.
    Never,
}

async fn post(ctx: &Context, number: u64, id: &str, receiver: &AgentId) -> Result<Sent, Failure> {
    let kept = ctx.store().read(POST, number - 1, 1, usize::MAX)?;
    let Some(entry) = kept.into_iter().find(|it| it.key == id) else { return Ok(Sent::Never) };
    let Ok(mut message) = serde_json::from_slice::<Message>(&entry.value) else {
        tracing::warn!(letter.id = id, "a letter cannot be read; it is set aside");
        queue::settle(ctx, queue::set_aside(POST, &entry).into()).await?;
        return Ok(Sent::Never);
    };
    message.to = receiver.clone().into();
    // The same each time, so that it is known when it comes twice.
    message.id = Some(id.into());
    match ctx.until_stopped(ctx.send(message)).await? {
        Ok(()) => Ok(Sent::Yes),
        Err(error @ (SendError::TooLarge { .. } | SendError::Unknown(_)))
            if !matches!(&error, SendError::Unknown(_)) || !is_address(receiver) =>
        {
            tracing::warn!(letter.id = id, %error, "a letter cannot be sent; it is set aside");
            queue::settle(ctx, queue::set_aside(POST, &entry).into()).await?;
            Ok(Sent::Never)
        }
        Err(error) => {
            tracing::debug!(letter.id = id, %error, "a letter waits");
            Ok(Sent::NotNow)
        }
    }
}

/// Whether it looks like an address at all; then somebody may have it one day.
fn is_address(agent: &AgentId) -> bool {
    agent.as_str().split_once('@').is_some_and(|(name, rest)| !name.is_empty() && !rest.is_empty())
}
