//! What is missing: the items of each source have numbers, and each names the one before it.

use std::cmp::Ordering;

use evidence::Digest;
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::ExprTrait,
};
use serde::Serialize;

use super::{Store, StoreError, tables::items};

/// Gaps and breaks of one source that are told, at most.
const TOLD: usize = 1000;
/// Items that are looked at in one go.
const AT_ONCE: u64 = 10_000;

/// How complete what is stored of a source is.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Completeness {
    pub(crate) source: String,
    /// Items with a number.
    pub(crate) items: u64,
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    /// How many numbers are missing between the first and the last, and before the first.
    pub(crate) missing: u64,
    pub(crate) gaps: Vec<Gap>,
    /// Items that do not name the one before them by what it is.
    pub(crate) breaks: Vec<Break>,
}

/// Numbers that are missing, and when what is around them was found, in seconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Gap {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) after_ts: Option<i64>,
    pub(crate) before_ts: i64,
}

/// Where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Break {
    pub(crate) uuid: String,
    pub(crate) seq: i64,
    pub(crate) ts: i64,
    /// `fork`: another item has the same number. `prev`: the item before it is another than it
    /// says.
    pub(crate) kind: &'static str,
}

/// Its place in the database, UUID, number, time, digest, and the digest of the one before.
type Row = (i64, String, i64, i64, Vec<u8>, Option<Vec<u8>>);

impl Store {
    /// Walks along the chain of a source.
    pub(crate) async fn completeness(&self, source: &str) -> Result<Completeness, StoreError> {
        use items::Column as C;
        let mut walk = Walk::default();
        let mut after: Option<(i64, i64)> = None;
        loop {
            let mut query = items::Entity::find()
                .select_only()
                .columns([C::Id, C::Uuid, C::Seq, C::Ts, C::Sha256, C::Prev])
                .filter(C::Source.eq(source))
                .filter(C::Seq.is_not_null());
            if let Some((seq, id)) = after {
                query = query.filter(C::Seq.gt(seq).or(C::Seq.eq(seq).and(C::Id.gt(id))));
            }
            let rows: Vec<Row> = query
                .order_by_asc(C::Seq)
                .order_by_asc(C::Id)
                .limit(AT_ONCE)
                .into_tuple()
                .all(&self.reader)
                .await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.2, last.0));
            for row in rows {
                walk.step(row);
            }
        }
        walk.found.source = source.to_owned();
        Ok(walk.found)
    }

    /// How many numbers, up to the highest of each source, no item has.
    pub(crate) async fn missing(&self) -> Result<u64, StoreError> {
        use items::Column as C;
        let rows: Vec<(i64, Option<i64>)> = items::Entity::find()
            .select_only()
            .column_as(C::Seq.into_expr().count_distinct(), "numbers")
            .column_as(C::Seq.max(), "highest")
            .filter(C::Seq.is_not_null())
            .group_by(C::Source)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let missing = rows.into_iter().map(|(numbers, highest)| highest.unwrap_or(0) - numbers);
        Ok(missing.filter_map(|it| u64::try_from(it).ok()).sum())
    }
}

/// A walk along a chain.
#[derive(Debug, Default)]
struct Walk {
    found: Completeness,
    /// The number and time of the last item, and what items with that number are.
    last: Option<(i64, i64, Vec<Digest>)>,
}

impl Walk {
    fn step(&mut self, (_, uuid, seq, ts, sha256, prev): Row) {
        self.found.items += 1;
        self.found.first.get_or_insert(seq);
        self.found.last = Some(seq);
        let digest = Digest::try_from(sha256).unwrap_or_default();
        let expected = self.last.as_ref().map_or(1, |(seq, ..)| seq + 1);
        let fault = match seq.cmp(&expected) {
            Ordering::Less => Some("fork"),
            Ordering::Greater => {
                let after_ts = self.last.as_ref().map(|(_, ts, _)| *ts);
                self.found.missing += u64::try_from(seq - expected).unwrap_or(0);
                if self.found.gaps.len() < TOLD {
                    let gap = Gap { from: expected, to: seq - 1, after_ts, before_ts: ts };
                    self.found.gaps.push(gap);
                }
                None
            }
            Ordering::Equal => {
                let is_named = |it: &Digest| Some(it.as_slice()) == prev.as_deref();
                let holds = match &self.last {
                    Some((_, _, known)) => known.iter().any(is_named),
                    None => prev.is_none(),
                };
                (!holds).then_some("prev")
            }
        };
        if let Some(kind) = fault
            && self.found.breaks.len() < TOLD
        {
            self.found.breaks.push(Break { uuid, seq, ts, kind });
        }
        match &mut self.last {
            Some((last, _, known)) if *last == seq => known.push(digest),
            last => *last = Some((seq, ts, vec![digest])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(rows: &[(i64, u8, Option<u8>)]) -> Completeness {
        let mut walk = Walk::default();
        for (seq, digest, prev) in rows {
            let prev = prev.map(|it| vec![it; 32]);
            walk.step((0, format!("u{digest}"), *seq, seq * 10, vec![*digest; 32], prev));
        }
        walk.found
    }

    #[test]
    fn a_whole_chain_has_neither_gaps_nor_breaks() {
        let found = walk(&[(1, 1, None), (2, 2, Some(1)), (3, 3, Some(2))]);
        assert_eq!((found.items, found.missing), (3, 0));
        assert_eq!((found.gaps, found.breaks), (vec![], vec![]));
    }

    #[test]
    fn what_is_missing_is_named_with_the_time_around_it() {
        let found = walk(&[(3, 3, Some(2)), (4, 4, Some(3)), (8, 8, Some(7))]);
        assert_eq!(found.missing, 5);
        let first = Gap { from: 1, to: 2, after_ts: None, before_ts: 30 };
        let second = Gap { from: 5, to: 7, after_ts: Some(40), before_ts: 80 };
        assert_eq!((found.gaps, found.breaks), (vec![first, second], vec![]));
    }

    #[test]
    fn a_chain_that_was_changed_or_began_anew_is_told() {
        let kinds = |rows: &[_]| {
            let found = walk(rows);
            found.breaks.into_iter().map(|it| (it.seq, it.kind)).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&[(1, 1, None), (2, 2, Some(9))]), [(2, "prev")]);
        assert_eq!(kinds(&[(1, 1, Some(9))]), [(1, "prev")]);
        // An agent whose state was an old copy says another thing under a number that it used.
        let forked = [(1, 1, None), (2, 2, Some(1)), (2, 7, Some(1)), (3, 8, Some(7))];
        assert_eq!(kinds(&forked), [(2, "fork")]);
    }
}
