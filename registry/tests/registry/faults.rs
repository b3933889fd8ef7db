//! Cuts and deaths on the way.

use std::{net::SocketAddr, time::Duration};

use registry::Server;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::support::{Kind, World, hear_all, listen, over_both, say, start, within};

over_both!(nothing_is_lost_or_doubled_when_the_connection_is_cut);

/// A way to `server` that is cut whenever `cuts` changes.
async fn fragile_way(server: SocketAddr, cuts: watch::Receiver<u32>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = tokio_util::task::TaskTracker::new();
    let inner = tasks.clone();
    tasks.spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut cuts = cuts.clone();
            cuts.mark_unchanged();
            inner.spawn(async move {
                let Ok(mut server) = TcpStream::connect(server).await else { return };
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                    _ = cuts.changed() => {}
                }
            });
        }
    });
    address
}

async fn nothing_is_lost_or_doubled_when_the_connection_is_cut(kind: Kind) {
    const COUNT: usize = 3000;
    let world = World::with(kind, &["alice", "bob"]).await;
    let (cut, cuts) = watch::channel(0);
    let way = fragile_way(world.address(), cuts).await;

    let mut bob = world.agent("bob", "probe", &[]);
    let mut heard = listen(&mut bob);
    let (bob, _) = start(bob, world.account("bob"));
    let mut alice = world.agent("alice", "probe", &[]);
    say(&mut alice, world.jid("bob"), COUNT, Duration::from_millis(5));
    let mut account = world.account("alice");
    account.server = Server::At(way.to_string());
    let (alice, _) = start(alice, account);

    let cutting = async {
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            cut.send_modify(|it| *it += 1);
        }
    };
    let (twice, ()) = tokio::join!(hear_all(&mut heard, COUNT), cutting);
    assert_eq!(twice, 0);
    within(alice.shutdown()).await;
    within(bob.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_comes_back_and_everybody_with_it() {
    const COUNT: usize = 3000;
    let world = World::with(Kind::Prosody, &["alice", "bob"]).await;
    let mut bob = world.agent("bob", "probe", &[]);
    let mut heard = listen(&mut bob);
    let (bob, bobs) = start(bob, world.account("bob"));
    within(bobs.state().wait_for(|it| matches!(it, registry::LinkState::Online))).await.unwrap();
    let mut alice = world.agent("alice", "probe", &[]);
    say(&mut alice, world.jid("bob"), COUNT, Duration::from_millis(10));
    let (alice, road) = start(alice, world.account("alice"));
    within(heard.recv()).await.unwrap();

    let pid = world.prosody().pid().unwrap();
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
    within(world.prosody().watch_pid().wait_for(|it| it.is_some_and(|it| it != pid)))
        .await
        .unwrap();
    within(road.state().wait_for(|it| matches!(it, registry::LinkState::Online))).await.unwrap();
    within(bobs.state().wait_for(|it| matches!(it, registry::LinkState::Online))).await.unwrap();

    // What the server had taken and not passed on died with it: that is what receipts from end
    // to end are for. Whatever is said from now on arrives.
    let last = within(async {
        loop {
            let number: usize = heard.recv().await.unwrap().body.parse().unwrap();
            if number == COUNT - 1 {
                break number;
            }
        }
    })
    .await;
    assert_eq!(last, COUNT - 1);
    within(alice.shutdown()).await;
    within(bob.shutdown()).await;
}
