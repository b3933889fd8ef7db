//! Takes letters in: keeps them on disk, says so, and hands them to whoever wants them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use runtime::{
    AgentId, Behaviour, Change, Context, Delivery, Failure, INBOX, LETTER, Message, Performative,
    Round, Spec, StoreError, Template, states,
};
use types::Delivered;

/// Letters that are taken in at once, so that one write to disk serves all.
const AT_ONCE: usize = 64;
/// Letters that wait to be handed over, in memory; the others wait on disk.
const IN_HAND: usize = 1024;
/// How long to wait for room, on disk or in a mailbox.
const NO_ROOM: Duration = Duration::from_millis(200);
/// The letters that came and are remembered, so that one that comes again is known.
const SEEN: &str = "seen letters";
/// How many are remembered; the oldest are forgotten first.
const MEMORY: u64 = 100_000;
/// The longest id of a letter, in bytes.
const ID: usize = 256;

/// How it is run: letters come to it and to nobody else.
pub fn spec() -> Spec {
    Spec { template: Template::Any, takes_letters: true, mailbox: 1024, ..Spec::default() }
}

states! {
    /// Where a postbox is.
    pub enum State {
        /// Looks what was left on disk when the program ended.
        Opening => [Handing],
        /// Waits for letters.
        Listening => [Keeping, Handing],
        /// Writes them to disk; they are not lost from here on.
        Keeping => [Confirming, Full],
        /// Tells who sent them that they are kept.
        Confirming => [Handing],
        /// Hands them to the behaviours that want them.
        Handing => [Listening],
        /// The disk queue is full; hands over, and confirms nothing, until letters were dealt with.
        Full => [Keeping],
    }
}

/// A postbox at work.
#[derive(Debug, Default)]
pub struct Postbox {
    came: Vec<Arc<Message>>,
    /// Kept, and not handed over yet, by key.
    in_hand: VecDeque<(String, Message)>,
    /// Those of this round for which somebody has no room.
    waiting: VecDeque<(String, Message)>,
    /// Whether there are letters on disk that are not in hand, though they were not handed over.
    is_more: bool,
    /// The number of the last letter that was read from disk.
    read: u64,
}

impl Behaviour for Postbox {
    type State = State;
    const NAME: &'static str = "postbox";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Opening => {
                self.is_more = true;
                State::Handing
            }
            State::Listening => self.listen(ctx).await?,
            State::Keeping => self.keep(ctx).await?,
            State::Confirming => {
                self.confirm(ctx).await?;
                State::Handing
            }
            State::Handing => {
                self.hand_over(ctx).await?;
                State::Listening
            }
            State::Full => {
                self.hand_over(ctx).await?;
                ctx.sleep(NO_ROOM).await?;
                State::Keeping
            }
        })
    }
}

impl Postbox {
    async fn listen(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        if self.in_hand.is_empty() && !self.is_more {
            self.came.push(ctx.receive().await?);
        } else if let Some(message) = ctx.receive_within(NO_ROOM).await? {
            self.came.push(message);
        } else {
            return Ok(State::Handing);
        }
        while self.came.len() < AT_ONCE
            && let Some(message) = ctx.try_receive()
        {
            self.came.push(message);
        }
        Ok(State::Keeping)
    }

    async fn keep(&mut self, ctx: &Context) -> Result<State, Failure> {
        let (mut changes, mut letters) = (Vec::new(), Vec::new());
        for message in &self.came {
            let Some((_, _, key)) = identity(message) else { continue };
            // What came before is only confirmed again.
            if ctx.store().has(SEEN, &key)? || letters.iter().any(|(it, _)| *it == key) {
                continue;
            }
            let value = serde_json::to_vec(&**message)?.into();
            changes.push(Change::Push { queue: INBOX, key: key.clone(), value });
            let seen = Change::Push { queue: SEEN, key: key.clone(), value: bytes::Bytes::new() };
            changes.push(seen);
            letters.push((key, Message::clone(message)));
        }
        changes.extend(forget(ctx, letters.len())?);
        match ctx.store().commit(changes).await {
            Ok(()) => {}
            Err(StoreError::Full { queue, .. }) => {
                if queue == SEEN {
                    // A store that holds less than we would remember.
                    ctx.store().commit(oldest(ctx, self.came.len())?).await?;
                }
                // Fewer may fit; what is not confirmed comes again.
                self.came.truncate(self.came.len().div_ceil(2));
                return Ok(State::Full);
            }
            Err(error) => return Err(error.into()),
        }
        self.take_in_hand(letters);
        Ok(State::Confirming)
    }

    /// What there is no room for in memory is read from disk later.
    fn take_in_hand(&mut self, letters: Vec<(String, Message)>) {
        if self.is_more || self.in_hand.len() + letters.len() > IN_HAND {
            self.is_more = true;
        } else {
            self.in_hand.extend(letters);
        }
    }

    async fn confirm(&mut self, ctx: &Context) -> Result<(), Failure> {
        let mut senders: BTreeMap<AgentId, Vec<String>> = BTreeMap::new();
        for message in std::mem::take(&mut self.came) {
            if let Some((from, id, _)) = identity(&message) {
                senders.entry(from).or_default().push(id);
            }
        }
        for (sender, ids) in senders {
            let confirm = Message::new(Performative::Confirm, sender, &Delivered(ids))?;
            // Who does not hear it sends its letters again.
            if let Err(error) = ctx.until_stopped(ctx.send(confirm)).await? {
                tracing::debug!(%error, "a confirmation could not be sent");
            }
        }
        Ok(())
    }

    /// Hands over what is in hand, and then what is on disk, as far as there is room for it. Who
    /// has no room, since it is paused say, holds up nobody else.
    async fn hand_over(&mut self, ctx: &Context) -> Result<(), Failure> {
        let mut round = Round::default();
        loop {
            while let Some((key, message)) = self.in_hand.pop_front() {
                match ctx.hand_over(message.clone(), &key, &mut round).await? {
                    Delivery::Full => self.waiting.push_back((key, message)),
                    Delivery::Taken(_) => {}
                    Delivery::Unwanted => {
                        tracing::warn!(letter.key = key, "a letter that nobody wants is let go");
                        let gone = Change::Remove { queue: INBOX, key };
                        ctx.store().commit(vec![gone]).await?;
                    }
                }
            }
            if !self.is_more || self.waiting.len() >= IN_HAND {
                self.in_hand.append(&mut self.waiting);
                return Ok(());
            }
            self.read_on(ctx).await?;
        }
    }

    /// Takes the next letters from disk in hand.
    async fn read_on(&mut self, ctx: &Context) -> Result<(), Failure> {
        let kept = ctx.store().read(INBOX, self.read, IN_HAND, usize::MAX)?;
        self.is_more = kept.len() == IN_HAND;
        for entry in kept {
            self.read = entry.number;
            if let Ok(message) = serde_json::from_slice(&entry.value) {
                self.in_hand.push_back((entry.key, message));
                continue;
            }
            tracing::warn!(entry.key, "a letter that was kept cannot be read; it is let go");
            let gone = Change::Drop { queue: INBOX, number: entry.number };
            ctx.store().commit(vec![gone]).await?;
        }
        Ok(())
    }
}

/// Who sent a letter, what it calls it, and the key under which it is kept.
pub(crate) fn identity(message: &Message) -> Option<(AgentId, String, String)> {
    let (from, id) = (message.from.as_ref()?, message.slot(&LETTER)?);
    // A space is in no JID, so that nobody's letter has the key of another's.
    let key = format!("{} {id}", from.bare());
    (id.len() <= ID).then(|| (from.clone(), id.to_owned(), key))
}

/// Forgets the oldest letters where `more` come on top of as many as are remembered.
fn forget(ctx: &Context, more: usize) -> Result<Vec<Change>, StoreError> {
    let count = ctx.store().count(SEEN)?.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
    let surplus = usize::try_from(count.saturating_sub(MEMORY)).unwrap_or(usize::MAX);
    if surplus == 0 {
        return Ok(Vec::new());
    }
    oldest(ctx, surplus)
}

fn oldest(ctx: &Context, count: usize) -> Result<Vec<Change>, StoreError> {
    let oldest = ctx.store().read(SEEN, 0, count, usize::MAX)?;
    Ok(oldest.iter().map(|it| Change::Drop { queue: SEEN, number: it.number }).collect())
}
