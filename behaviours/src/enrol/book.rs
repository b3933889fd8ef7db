//! The registrar's book: who is a member, who was, and what is signed of it.

use std::collections::BTreeMap;

use runtime::{Change, Store, StoreError};
use types::{ListHead, ListUpdate, Member, OPERATOR};

use crate::queue::push;

/// Everybody who is a member, by account.
pub(super) const MEMBERS: &str = "members";
/// Who is no member any more, by account, with the number of the list that says so.
pub(super) const FORMER: &str = "former members";
/// Former members who are remembered; who knows an older list gets a whole one.
const REMEMBERED: usize = 1000;
/// Bytes of one part of a list, at most: it must fit into a stanza.
const PART: usize = 120 * 1024;

/// Who is a member.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    members: BTreeMap<String, Member>,
    former: BTreeMap<String, u64>,
    /// The highest number of a list of which something is forgotten.
    forgotten: u64,
    pub(super) head: Option<ListHead>,
}

impl Book {
    pub(super) fn open(
        store: &dyn Store,
        head: Option<ListHead>,
        forgotten: u64,
    ) -> Result<Self, StoreError> {
        let members = all(store, MEMBERS)?
            .filter_map(|(key, value)| Some((key, serde_json::from_slice::<Member>(&value).ok()?)));
        let former = all(store, FORMER)?
            .filter_map(|(key, value)| Some((key, serde_json::from_slice::<u64>(&value).ok()?)));
        Ok(Self { members: members.collect(), former: former.collect(), forgotten, head })
    }

    pub(super) fn serial(&self) -> u64 {
        self.head.as_ref().map_or(0, |it| it.serial)
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn get(&self, jid: &str) -> Option<&Member> {
        self.members.get(jid)
    }

    /// Whether an account is that of an agent which is a member.
    pub(super) fn has_agent(&self, jid: &str) -> bool {
        self.members.get(jid).is_some_and(|it| it.role != OPERATOR)
    }

    /// Whether another book has the same members.
    pub(super) fn has_same_members(&self, other: &Self) -> bool {
        self.members == other.members
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Notes a member, new or changed; it is part of the list with the member's number.
    pub(super) fn set(&mut self, member: Member) -> Result<Vec<Change>, serde_json::Error> {
        let jid = member.jid.clone();
        let mut changes = replace(MEMBERS, &jid, &member)?;
        if self.former.remove(&jid).is_some() {
            changes.push(Change::Remove { queue: FORMER, key: jid.clone() });
        }
        self.members.insert(jid, member);
        Ok(changes)
    }

    /// Strikes a member out; `serial` is the number of the list without it.
    pub(super) fn strike(
        &mut self,
        jid: &str,
        serial: u64,
    ) -> Result<Vec<Change>, serde_json::Error> {
        if self.members.remove(jid).is_none() {
            return Ok(Vec::new());
        }
        let mut changes = vec![Change::Remove { queue: MEMBERS, key: jid.to_owned() }];
        changes.extend(replace(FORMER, jid, &serial)?);
        self.former.insert(jid.to_owned(), serial);
        while self.former.len() > REMEMBERED {
            let oldest = self.former.iter().min_by_key(|(_, serial)| **serial);
            let Some((jid, serial)) = oldest.map(|(jid, serial)| (jid.clone(), *serial)) else {
                break;
            };
            self.former.remove(&jid);
            self.forgotten = self.forgotten.max(serial);
            changes.push(Change::Remove { queue: FORMER, key: jid });
        }
        Ok(changes)
    }

    /// What changed since a list, in parts; the last list for who knows it.
    pub(super) fn since(&self, serial: u64) -> Vec<ListUpdate> {
        let Some(head) = &self.head else { return Vec::new() };
        let is_whole = serial < self.forgotten || serial > head.serial;
        let base = if is_whole { 0 } else { serial };
        let set = self.members.values().filter(|it| it.serial > base).cloned();
        let gone = self.former.iter().filter(|(_, it)| base > 0 && **it > base);
        split(head, base, set, gone.map(|(jid, _)| jid.clone()).collect())
    }

    /// That there is this list, for who may know it.
    pub(super) fn notice(&self) -> Option<ListUpdate> {
        let head = self.head.clone()?;
        let base = head.serial;
        Some(ListUpdate { head, base, part: 0, parts: 1, set: Vec::new(), gone: Vec::new() })
    }
}

fn split(
    head: &ListHead,
    base: u64,
    set: impl Iterator<Item = Member>,
    gone: Vec<String>,
) -> Vec<ListUpdate> {
    let empty = ListUpdate {
        head: head.clone(),
        base,
        part: 0,
        parts: 0,
        set: Vec::new(),
        gone: Vec::new(),
    };
    let mut parts = vec![ListUpdate { gone, ..empty.clone() }];
    let mut size = parts.iter().flat_map(|it| &it.gone).map(|jid| escaped(jid) + 3).sum::<usize>();
    for member in set {
        let length = serde_json::to_string(&member).map_or(PART, |it| escaped(&it)) + 1;
        if size + length > PART {
            parts.push(empty.clone());
            size = 0;
        }
        size += length;
        if let Some(last) = parts.last_mut() {
            last.set.push(member);
        }
    }
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    for (part, update) in (0..).zip(&mut parts) {
        (update.part, update.parts) = (part, count);
    }
    parts
}

/// The bytes that text takes in XML, at most.
fn escaped(text: &str) -> usize {
    text.bytes().map(|it| if matches!(it, b'<' | b'>' | b'&') { 5 } else { 1 }).sum()
}

/// Puts a value into a queue in place of the one with its key.
pub(super) fn replace<T: serde::Serialize>(
    queue: &'static str,
    key: &str,
    value: &T,
) -> Result<Vec<Change>, serde_json::Error> {
    Ok(vec![Change::Remove { queue, key: key.to_owned() }, push(queue, key, value)?])
}

/// Everything in a queue, by key.
pub(super) fn all(
    store: &dyn Store,
    queue: &str,
) -> Result<impl Iterator<Item = (String, bytes::Bytes)>, StoreError> {
    let kept = store.read(queue, 0, usize::MAX, usize::MAX)?;
    Ok(kept.into_iter().map(|it| (it.key, it.value)))
}

#[cfg(test)]
mod tests {
    use types::Device;

    use super::*;

    fn member(nth: usize, serial: u64) -> Member {
        Member {
            jid: format!("probe{nth}@test"),
            role: "probe".to_owned(),
            labels: BTreeMap::from([("a<&>b".to_owned(), "x".repeat(200))]),
            devices: vec![Device { device: 1, identity: "0".repeat(64) }],
            evidence_key: "1".repeat(64),
            serial,
        }
    }

    fn head(serial: u64) -> ListHead {
        ListHead {
            serial,
            issued_ms: 0,
            until_ms: 1,
            count: 0,
            digest: "2".repeat(64),
            signature: "3".repeat(128),
        }
    }

    #[test]
    fn ten_thousand_members_are_told_in_parts_that_fit_a_stanza() {
        let mut book = Book { head: Some(head(1)), ..Book::default() };
        for nth in 0..10_000 {
            book.set(member(nth, 1)).unwrap();
        }
        let parts = book.since(0);
        let told: usize = parts.iter().map(|it| it.set.len()).sum();
        assert_eq!((told, parts.iter().all(|it| it.base == 0)), (10_000, true));
        for part in &parts {
            assert!(escaped(&serde_json::to_string(part).unwrap()) < 150 * 1024);
            assert_eq!(usize::try_from(part.parts).unwrap(), parts.len());
        }
    }

    #[test]
    fn who_knows_a_list_hears_what_changed_and_who_knows_an_old_one_all() {
        let mut book = Book::default();
        for nth in 0..3 {
            book.set(member(nth, 1)).unwrap();
        }
        book.set(member(3, 2)).unwrap();
        book.strike("probe0@test", 3).unwrap();
        book.head = Some(head(3));
        let shown = |serial| {
            let update = book.since(serial).remove(0);
            (update.base, update.set.len(), update.gone.len())
        };
        assert_eq!(shown(1), (1, 1, 1));
        assert_eq!(shown(2), (2, 0, 1));
        assert_eq!(shown(3), (3, 0, 0));
        assert_eq!((shown(0), shown(9)), ((0, 3, 0), (0, 3, 0)));
        for nth in 0..REMEMBERED {
            book.set(member(nth + 10, 4)).unwrap();
            book.strike(&format!("probe{}@test", nth + 10), 5).unwrap();
        }
        book.head = Some(head(5));
        assert_eq!((book.forgotten(), book.since(2).remove(0).base), (3, 0));
    }
}
