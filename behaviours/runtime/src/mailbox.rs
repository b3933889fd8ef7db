//! A behaviour's inbox: bounded, filtered, and it counts what it turns away.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;
use types::Depth;

use crate::{AgentId, Message, Template};

/// The mailbox has no room; the message was turned away and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A message that waits.
#[derive(Debug)]
struct Waiting {
    message: Arc<Message>,
    /// Whether it counts among those of its sender.
    is_counted: bool,
}

#[derive(Debug)]
struct Shared {
    takes_letters: bool,
    capacity: usize,
    /// Messages in `queue` and in the behaviour's hand.
    waiting: AtomicUsize,
    dropped: AtomicU64,
    queue: Mutex<VecDeque<Waiting>>,
    /// How many of the messages that wait are by whom, as far as they come from outside.
    shares: Mutex<HashMap<AgentId, usize>>,
    arrived: Notify,
    room: Notify,
}

/// The agent's end: puts messages in, never waits.
#[derive(Clone, Debug)]
pub(crate) struct Slit {
    shared: Arc<Shared>,
    template: Arc<Template>,
}

/// The behaviour's end. A restarted behaviour keeps it.
#[derive(Debug)]
pub(crate) struct Mailbox {
    shared: Arc<Shared>,
    /// What was taken out of the queue in one go and not looked at yet.
    hand: VecDeque<Waiting>,
}

pub(crate) fn mailbox(template: Template, capacity: usize, takes_letters: bool) -> (Slit, Mailbox) {
    let shared = Arc::new(Shared {
        takes_letters,
        capacity,
        waiting: AtomicUsize::new(0),
        dropped: AtomicU64::new(0),
        queue: Mutex::default(),
        shares: Mutex::default(),
        arrived: Notify::new(),
        room: Notify::new(),
    });
    let slit = Slit { shared: Arc::clone(&shared), template: Arc::new(template) };
    (slit, Mailbox { shared, hand: VecDeque::new() })
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shares(&self) -> MutexGuard<'_, HashMap<AgentId, usize>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message of `sender` does not wait any more.
    fn give_back(&self, sender: &AgentId) {
        let mut shares = self.shares();
        if let Some(share) = shares.get_mut(sender) {
            *share -= 1;
            if *share == 0 {
                shares.remove(sender);
            }
        }
    }
}

impl Slit {
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The same slit for other messages.
    pub(crate) fn wanting(&self, template: Template) -> Self {
        Self { shared: Arc::clone(&self.shared), template: Arc::new(template) }
    }

    pub(crate) fn wants(&self, message: &Message) -> bool {
        message.is_unkept_letter() == self.shared.takes_letters && self.template.matches(message)
    }

    /// Puts a message in that comes from outside: one sender may fill half of a mailbox and no
    /// more, so that there is room for the others.
    pub(crate) fn put_fairly(&self, message: Arc<Message>) -> Result<(), Full> {
        let Some(from) = message.from.as_ref().map(AgentId::to_bare) else {
            return self.put(message);
        };
        {
            let mut shares = self.shared.shares();
            let share = shares.entry(from.clone()).or_default();
            if *share >= self.shared.capacity.div_ceil(2) {
                return Err(Full);
            }
            *share += 1;
        }
        let put = self.put_in(Waiting { message, is_counted: true });
        if put.is_err() {
            self.shared.give_back(&from);
        }
        put
    }

    pub(crate) fn put(&self, message: Arc<Message>) -> Result<(), Full> {
        self.put_in(Waiting { message, is_counted: false })
    }

    fn put_in(&self, message: Waiting) -> Result<(), Full> {
        if self.shared.waiting.fetch_add(1, Ordering::AcqRel) >= self.shared.capacity {
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Full);
        }
        let was_empty = {
            let mut queue = self.shared.queue();
            queue.push_back(message);
            queue.len() == 1
        };
        if was_empty {
            self.shared.arrived.notify_one();
        }
        Ok(())
    }

    pub(crate) fn count_dropped(&self) {
        self.shared.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until there may be room.
    pub(crate) async fn room(&self) {
        let room = self.shared.room.notified();
        if self.shared.waiting.load(Ordering::Acquire) >= self.shared.capacity {
            room.await;
        }
    }

    pub(crate) fn depth(&self) -> Depth {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Depth {
            queued: count(self.shared.waiting.load(Ordering::Relaxed)),
            capacity: count(self.shared.capacity),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
        }
    }
}

impl Mailbox {
    /// The other end, which wants nothing by itself.
    pub(crate) fn slit(&self) -> Slit {
        Slit { shared: Arc::clone(&self.shared), template: Arc::default() }
    }

    pub(crate) fn take(&mut self) -> Option<Arc<Message>> {
        if self.hand.is_empty() {
            mem::swap(&mut self.hand, &mut *self.shared.queue());
        }
        let Waiting { message, is_counted } = self.hand.pop_front()?;
        if is_counted && let Some(from) = &message.from {
            self.shared.give_back(&from.to_bare());
        }
        if self.shared.waiting.fetch_sub(1, Ordering::AcqRel) >= self.shared.capacity {
            self.shared.room.notify_waiters();
        }
        Some(message)
    }

    /// Puts back, before all others, what was taken out and not dealt with.
    pub(crate) fn put_back(&mut self, messages: Vec<Arc<Message>>) {
        for message in messages.into_iter().rev() {
            self.shared.waiting.fetch_add(1, Ordering::AcqRel);
            self.hand.push_front(Waiting { message, is_counted: false });
        }
    }

    pub(crate) async fn next(&mut self) -> Arc<Message> {
        loop {
            if let Some(message) = self.take() {
                return message;
            }
            self.shared.arrived.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Performative;

    fn message() -> Arc<Message> {
        Arc::new(Message::text(Performative::Inform, "b@test", "hello"))
    }

    #[test]
    fn a_full_mailbox_turns_away_until_there_is_room() {
        let (slit, mut mailbox) = mailbox(Template::Any, 2, false);
        assert_eq!([slit.put(message()), slit.put(message())], [Ok(()), Ok(())]);
        assert_eq!(slit.put(message()), Err(Full));
        assert!(mailbox.take().is_some());
        assert_eq!(slit.put(message()), Ok(()));
        assert_eq!(slit.depth().queued, 2);
    }

    #[test]
    fn one_sender_cannot_fill_a_mailbox() {
        let (slit, mut mailbox) = mailbox(Template::Any, 4, false);
        let from = |jid: &str| {
            let mut message = Message::text(Performative::Inform, "b@test", "hello");
            message.from = Some(jid.into());
            Arc::new(message)
        };
        let (flood, other) = (from("flood@test/1"), from("other@test/1"));
        assert_eq!(slit.put_fairly(Arc::clone(&flood)), Ok(()));
        assert_eq!(slit.put_fairly(from("flood@test/2")), Ok(()));
        assert_eq!(slit.put_fairly(Arc::clone(&flood)), Err(Full));
        assert_eq!(slit.put_fairly(other), Ok(()));
        assert!(mailbox.take().is_some());
        assert_eq!(slit.put_fairly(flood), Ok(()));
    }

    #[tokio::test]
    async fn nothing_is_left_behind_between_hand_and_queue() {
        let (slit, mut mailbox) = mailbox(Template::Any, 100, false);
        for _ in 0..3 {
            slit.put(message()).unwrap();
        }
        mailbox.next().await;
        slit.put(message()).unwrap();
        for _ in 0..3 {
            mailbox.next().await;
        }
        assert!(mailbox.take().is_none());
        assert_eq!(slit.depth().queued, 0);
    }
}
