//! An agent's list of members on disk: heard in parts, believed as a whole, never an older one.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use runtime::{Disbelief, Heard};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use types::{ListHead, ListUpdate, Member};

use crate::{KeyFileError, Members, MembersError, VerifyingKey, key_file, members::MOST};

/// The longest file that is read, in bytes: that of the most members.
const LONGEST: u64 = 64 * 1024 * 1024;
/// Parts of one update, at most.
const PARTS: u32 = 512;

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// What is in the file is not what the registry signed.
    #[error("`{}` is not to be believed", path.display())]
    Members {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: MembersError,
    },
}

/// The list of members of one agent.
#[derive(Debug)]
pub struct Trust {
    path: PathBuf,
    state: Mutex<State>,
    shown: watch::Sender<Arc<Members>>,
}

#[derive(Debug)]
struct State {
    /// The last list that was believed, out of date or not.
    members: Arc<Members>,
    /// The highest number that was ever heard of, which may be that of a list still to come.
    highest: u64,
    parts: Option<Parts>,
}

/// An update of which some parts are here.
#[derive(Debug)]
struct Parts {
    head: ListHead,
    base: u64,
    missing: Vec<bool>,
    set: Vec<Member>,
    gone: Vec<String>,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    highest: u64,
    head: Option<ListHead>,
    members: Vec<Member>,
}

impl Trust {
    /// Opens the list in the folder of an agent's state; `registry` is the key that is to have
    /// signed it. One that is out of date is not believed, but remembered.
    pub fn open(state: &Path, registry: VerifyingKey, now_ms: i64) -> Result<Self, TrustError> {
        let path = state.join("members.json");
        let (members, highest) = match key_file::read_up_to(&path, LONGEST) {
            Err(KeyFileError::Absent(_)) => (Members::none(registry), 0),
            Err(error) => return Err(error.into()),
            Ok(bytes) => {
                let damaged =
                    |_| KeyFileError::Damaged { path: path.clone(), what: "list of members" };
                let saved: Saved = serde_json::from_slice(&bytes).map_err(damaged)?;
                let none = Members::none(registry);
                let members = match &saved.head {
                    Some(head) => none.amended(head, saved.members, &[]),
                    None => Ok(none),
                };
                let forged = |source| TrustError::Members { path: path.clone(), source };
                (members.map_err(forged)?, saved.highest)
            }
        };
        let members = Arc::new(members);
        let trust = Self {
            path,
            shown: watch::Sender::new(Arc::clone(&members)),
            state: Mutex::new(State {
                highest: highest.max(members.serial()),
                members,
                parts: None,
            }),
        };
        runtime::Trust::lapse(&trust, now_ms);
        Ok(trust)
    }

    /// Who is believed; wakes when that changes.
    pub fn members(&self) -> watch::Receiver<Arc<Members>> {
        self.shown.subscribe()
    }

    /// Never believes a list again that is older than that with this number.
    pub fn expect(&self, serial: u64) -> Result<(), TrustError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.highest = state.highest.max(serial);
        self.save(&state.members, state.highest)?;
        Ok(())
    }

    fn save(&self, members: &Members, highest: u64) -> Result<(), KeyFileError> {
        let saved = Saved {
            highest,
            head: members.head().cloned(),
            members: members.iter().cloned().collect(),
        };
        let damaged =
            |_| KeyFileError::Damaged { path: self.path.clone(), what: "list of members" };
        key_file::write(&self.path, &serde_json::to_vec(&saved).map_err(damaged)?)
    }

    fn take(&self, update: &ListUpdate, now_ms: i64) -> Result<Heard, MembersOr> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let head = &update.head;
        state.members.admits(head, now_ms)?;
        if head.serial < state.highest {
            let known = state.highest;
            return Err(MembersError::Rollback { offered: head.serial, known }.into());
        }
        let known = state.members.serial();
        if state.members.head() == Some(head) {
            return Ok(Heard::Known);
        }
        if update.base != 0 && update.base != known {
            return Ok(Heard::Gap);
        }
        let Some(whole) = gather(&mut state.parts, update)? else { return Ok(Heard::Part) };
        let before = match whole.base {
            0 => &Members::none(state.members.registry()),
            _ => &*state.members,
        };
        let next = before.amended(&whole.head, whole.set, &whole.gone)?;
        // On disk before anybody acts on it.
        self.save(&next, next.serial())?;
        let next = Arc::new(next);
        state.highest = next.serial();
        state.members = Arc::clone(&next);
        self.shown.send_replace(next);
        Ok(Heard::Taken)
    }
}

/// Adds a part to those that are here; returns the whole once it is complete.
fn gather(parts: &mut Option<Parts>, update: &ListUpdate) -> Result<Option<Parts>, MembersError> {
    if update.parts == 0 || update.parts > PARTS || update.part >= update.parts {
        return Err(MembersError::Malformed("the number of its parts".to_owned()));
    }
    let count = usize::try_from(update.parts).unwrap_or(usize::MAX);
    let is_same =
        |it: &Parts| it.head == update.head && it.base == update.base && it.missing.len() == count;
    if !parts.as_ref().is_some_and(is_same) {
        *parts = Some(Parts {
            head: update.head.clone(),
            base: update.base,
            missing: vec![true; count],
            set: Vec::new(),
            gone: Vec::new(),
        });
    }
    let Some(gathered) = parts else { return Ok(None) };
    let nth = usize::try_from(update.part).unwrap_or(usize::MAX);
    let Some(missing) = gathered.missing.get_mut(nth).filter(|it| **it) else { return Ok(None) };
    *missing = false;
    gathered.set.extend(update.set.iter().cloned());
    gathered.gone.extend(update.gone.iter().cloned());
    if gathered.set.len() > MOST || gathered.gone.len() > MOST {
        *parts = None;
        return Err(MembersError::TooLarge("more than 20000 changes"));
    }
    let is_whole = !gathered.missing.contains(&true);
    Ok(if is_whole { parts.take() } else { None })
}

#[derive(Debug, thiserror::Error)]
enum MembersOr {
    #[error(transparent)]
    Members(#[from] MembersError),
    #[error(transparent)]
    File(#[from] KeyFileError),
}

impl runtime::Trust for Trust {
    fn serial(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).members.serial()
    }

    fn hear(&self, update: &ListUpdate, now_ms: i64) -> Result<Heard, Disbelief> {
        self.take(update, now_ms).map_err(|error| Disbelief(runtime::Chain(&error).to_string()))
    }

    fn lapse(&self, now_ms: i64) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = state.members.is_good_at(now_ms);
        let shown = if is_good {
            Arc::clone(&state.members)
        } else {
            Arc::new(Members::none(state.members.registry()))
        };
        self.shown.send_if_modified(|it| {
            let changes = it.serial() != shown.serial();
            *it = shown;
            changes
        });
    }
}

#[cfg(test)]
mod tests;
