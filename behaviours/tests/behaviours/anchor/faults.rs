//! Whatever is wrong with an authority: nothing is lost, nothing false is stored, and the next one
//! is asked. (With SCANDALE, one error of an authority ended the behaviour that collects.)

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use evidence::OwnAuthority;
use runtime::{Handle, MemoryStore};

use super::{authority, check, check_of, pend, proofs, start, start_with};
use crate::{
    server::{Request, Server, answer, closed_port},
    support::{holds, keys, soon, store},
};

/// What can be wrong with an authority that answers, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Error,
    TooManyRequests,
    Slow,
    Page,
    Junk,
    OtherKey,
    OldAnswer,
    Clock,
    Rejection,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::Error,
        Self::TooManyRequests,
        Self::Slow,
        Self::Page,
        Self::Junk,
        Self::OtherKey,
        Self::OldAnswer,
        Self::Clock,
        Self::Rejection,
    ];
}

/// An authority, and what is wrong with it until it is well again.
struct Faulty {
    tsa: Arc<OwnAuthority>,
    server: Server,
    fault: Fault,
    is_well: Arc<AtomicBool>,
}

impl Faulty {
    async fn new(fault: Fault) -> Self {
        let (tsa, files) = OwnAuthority::create().unwrap();
        let hasty = OwnAuthority::from_files(&files).unwrap().with_clock(|| {
            SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default() + Duration::from_hours(1)
        });
        let (tsa, other) = (Arc::new(tsa), authority());
        let (own, is_well) = (Arc::clone(&tsa), Arc::new(AtomicBool::new(false)));
        let heals = Arc::clone(&is_well);
        let mut old: Option<Vec<u8>> = None;
        let server = Server::new(move |Request { body, .. }| {
            if heals.load(Ordering::SeqCst) {
                return Some(reply(&own.respond(body)));
            }
            match fault {
                Fault::Error => Some(answer("500 Oops", "", b"")),
                Fault::TooManyRequests => Some(answer("429 Slow", "retry-after: 120\r\n", b"")),
                Fault::Slow => None,
                Fault::Page => Some(answer("200 OK", "content-type: text/html\r\n", b"<html>")),
                Fault::Junk => Some(reply(b"<html>")),
                Fault::OtherKey => Some(reply(&other.respond(body))),
                // The first one is lost on the way, and comes to whoever asks next.
                Fault::OldAnswer => {
                    if let Some(old) = &old {
                        return Some(reply(old));
                    }
                    old = Some(own.respond(body));
                    Some(answer("502 Lost", "", b""))
                }
                Fault::Clock => Some(reply(&hasty.respond(body))),
                Fault::Rejection => Some(reply(&own.respond(b"no request"))),
            }
        })
        .await;
        Self { tsa, server, fault, is_well }
    }

    /// Waits until it was asked so often, and has failed.
    async fn has_failed(&self, times: usize, anchor: &Handle) {
        self.server.was_asked(times).await;
        if self.fault == Fault::Slow {
            pass(Duration::from_secs(16)).await;
        }
        soon(anchor.reaches("Resting")).await;
    }

    fn heal(&self) {
        self.is_well.store(true, Ordering::SeqCst);
    }
}

fn reply(body: &[u8]) -> Vec<u8> {
    answer("200 OK", "content-type: application/timestamp-reply\r\n", body)
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Longer than anybody is left alone here.
const LONG: Duration = Duration::from_secs(130);

fn nothing_is_lost(store: &MemoryStore, items: usize) {
    let kept = ["anchor", "forward", "refused"].map(|it| keys(store, it).len());
    assert_eq!(kept, [items, 0, 0]);
}

#[tokio::test]
async fn items_wait_until_an_authority_is_well_again() {
    for fault in Fault::ALL {
        let (faulty, store) = (Faulty::new(fault).await, store());
        let leaves = pend(&store, 3).await;
        let (_agent, anchor) = start(faulty.server.address, &faulty.tsa, &store);
        for round in 1..=2 {
            faulty.has_failed(round, &anchor).await;
            nothing_is_lost(&store, 3);
            if round == 2 {
                faulty.heal();
            }
            pass(LONG).await;
        }
        holds(&store, "forward", 1).await;
        check(&proofs(&store)[0], &leaves, &faulty.tsa);
        assert_eq!(keys(&store, "anchor"), [""; 0], "{fault:?}");
        assert_eq!(anchor.report().restarts, 0, "{fault:?}");
    }
}

/// Settings for several authorities, the first one first.
fn several(addresses: &[std::net::SocketAddr], quorum: usize) -> String {
    let table = |(number, address)| {
        format!(
            "{{ authority = \"tsa{number}\", url = \"http://{address}/tsr\", \
             anchor = \"{number}.pem\" }}"
        )
    };
    let tables: Vec<String> = addresses.iter().enumerate().map(table).collect();
    format!("quorum = {quorum}\nauthorities = [{}]", tables.join(", "))
}

#[tokio::test]
async fn the_second_authority_stamps_when_the_first_does_not() {
    for fault in Fault::ALL {
        let (faulty, well, store) = (Faulty::new(fault).await, authority(), store());
        let server = Server::new(super::stamps(&well)).await;
        let leaves = pend(&store, 2).await;
        let text = several(&[faulty.server.address, server.address], 1);
        let (_agent, _anchor) = start_with(&text, &[&faulty.tsa, &well], &store);
        faulty.server.was_asked(1).await;
        if fault == Fault::Slow {
            pass(Duration::from_secs(16)).await;
        }
        holds(&store, "forward", 1).await;
        let proof = &proofs(&store)[0];
        assert_eq!(proof.authority, "tsa1", "{fault:?}");
        check_of(proof, &leaves, &[&well]);
        assert_eq!(server.requests().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn the_second_authority_stamps_when_the_first_is_down() {
    let (away, well, store) = (authority(), authority(), store());
    let server = Server::new(super::stamps(&well)).await;
    let leaves = pend(&store, 2).await;
    let text = several(&[closed_port().await, server.address], 1);
    let (_agent, _anchor) = start_with(&text, &[&away, &well], &store);
    holds(&store, "forward", 1).await;
    check_of(&proofs(&store)[0], &leaves, &[&well]);
}

#[tokio::test]
async fn a_time_stamp_that_was_got_is_kept_until_the_others_are_there() {
    for fault in Fault::ALL {
        let (well, faulty, store) = (authority(), Faulty::new(fault).await, store());
        let server = Server::new(super::stamps(&well)).await;
        let leaves = pend(&store, 2).await;
        let text = several(&[server.address, faulty.server.address], 2);
        let (_agent, anchor) = start_with(&text, &[&well, &faulty.tsa], &store);
        faulty.has_failed(1, &anchor).await;
        nothing_is_lost(&store, 2);
        // What comes meanwhile is not in what is half stamped already.
        let late = pend(&store, 1).await;
        pass(LONG).await;
        faulty.has_failed(2, &anchor).await;
        nothing_is_lost(&store, 3);
        faulty.heal();
        pass(LONG).await;
        holds(&store, "forward", 2).await;
        let proofs = proofs(&store);
        check_of(&proofs[0], &leaves, &[&well, &faulty.tsa]);
        check_of(&proofs[1], &late, &[&well, &faulty.tsa]);
        let names = |it: &types::Proof| (it.authority.clone(), it.also[0].authority.clone());
        assert_eq!(names(&proofs[0]), ("tsa0".to_owned(), "tsa1".to_owned()));
        assert_eq!(server.requests().len(), 2, "{fault:?}: one for each batch");
        assert_eq!(keys(&store, "anchor"), [""; 0], "{fault:?}");
    }
}
