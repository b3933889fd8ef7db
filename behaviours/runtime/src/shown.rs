//! Something that is shown while it changes, and wakes who looks. Changing it is cheap while
//! nobody does.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::sync::Notify;

/// A value and those who wait for it to be another.
#[derive(Debug)]
pub(crate) struct Shown<T> {
    value: Mutex<T>,
    moved: Notify,
}

impl<T> Shown<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), moved: Notify::new() }
    }

    pub(crate) fn look(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.look());
        self.moved.notify_waiters();
    }

    /// Waits until the value is as wanted, and says what `read` makes of it then.
    pub(crate) async fn wait_for<R>(&self, mut read: impl FnMut(&T) -> Option<R>) -> R {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            if let Some(found) = read(&self.look()) {
                return found;
            }
            moved.await;
        }
    }
}

/// Counts changes, and wakes who waits for the next.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    count: AtomicU64,
    moved: Notify,
}

impl Changes {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    pub(crate) fn bump(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.moved.notify_waiters();
    }

    /// Waits until there were more than `seen`, and says how many.
    pub(crate) async fn after(&self, seen: u64) -> u64 {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            let count = self.count();
            if count != seen {
                return count;
            }
            moved.await;
        }
    }
}

/// Lets a behaviour go on, or not.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    is_closed: AtomicBool,
    opened: Notify,
}

impl Gate {
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Closes or opens it; whether that changes anything.
    pub(crate) fn set(&self, closed: bool) -> bool {
        let before = self.is_closed.swap(closed, Ordering::AcqRel);
        if !closed {
            self.opened.notify_waiters();
        }
        before != closed
    }

    /// Waits until it is open.
    pub(crate) async fn passed(&self) {
        while self.is_closed() {
            let mut opened = std::pin::pin!(self.opened.notified());
            opened.as_mut().enable();
            if self.is_closed() {
                opened.await;
            }
        }
    }
}
