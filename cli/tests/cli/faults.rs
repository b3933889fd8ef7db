use std::{fs, path::Path};

use rustix::process::Signal;

use crate::{
    parts::{Part, Parts},
    support::{Platform, counted, counting, get, send, until},
};

fn write_counter(folder: &Path) {
    let agents = folder.join("data/agents");
    fs::create_dir_all(&agents).unwrap();
    let counting = counting(&folder.join("counter"), "100ms");
    let text = format!(
        "role = \"probe\"\njid = \"counter@vedette.local\"\n\
         password_file = \"../secrets/counter\"\n\n{counting}"
    );
    fs::write(agents.join("counter.toml"), text).unwrap();
}

fn counter(folder: &Path) -> u64 {
    let text = fs::read_to_string(folder.join("counter")).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Waits until the API holds every number up to `last`, each once and each with a proof.
async fn all_arrive(http: &str, last: u64) {
    until("every number arrives", async || {
        let counted = counted(http).await?;
        (1..=last).all(|number| counted.contains_key(&number)).then_some(())
    })
    .await;
    let counted = counted(http).await.unwrap();
    let twice: Vec<_> = counted.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "stored more than once: {twice:?}");
    until("every number is proven", async || {
        let summary = get(http, "/api/v1/summary").await?;
        (summary["items"]["pending"].as_u64()? < 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_killed_xmpp_server_is_started_again_and_no_result_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    write_counter(folder.path());
    let platform = Platform::up_in(folder, &[]).await;
    until("it counts", async || (counter(platform.folder.path()) > 10).then_some(())).await;
    for _ in 0..2 {
        let pid = platform.xmpp_pid().unwrap();
        send(pid, Signal::KILL);
        until("another server", async || platform.xmpp_pid().filter(|it| *it != pid)).await;
        let before = counter(platform.folder.path());
        all_arrive(&platform.http, before + 10).await;
    }
}

#[tokio::test]
async fn what_a_probe_accepted_survives_the_death_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    write_counter(folder.path());
    let mut platform = Platform::up_in(folder, &[]).await;
    let mut cuts = Vec::new();
    for _ in 0..3 {
        let start = counter(platform.folder.path());
        until("it counts", async || (counter(platform.folder.path()) > start + 10).then_some(()))
            .await;
        platform.process.signal(Signal::KILL);
        platform.process.end().await;
        cuts.push(counter(platform.folder.path()));
        platform.up_again().await;
    }
    let last = counter(platform.folder.path());
    // The number at which it was killed may never have become a result; all others have.
    until("every number arrives", async || {
        let counted = counted(&platform.http).await?;
        let missing = (1..=last).filter(|it| !counted.contains_key(it) && !cuts.contains(it));
        (missing.count() == 0).then_some(())
    })
    .await;
    let counted = counted(&platform.http).await.unwrap();
    assert!(counted.values().all(|times| *times == 1), "{counted:?}");
}

/// Where the probe of the platform in parts keeps its count.
const COUNTER: &str = "counter";

/// A platform in parts with a probe that counts.
async fn counting_parts() -> Parts {
    let mut parts = Parts::with(&[
        Part::new("aggregator", "aggregator", ""),
        Part::new("probe", "prober", counting(Path::new(COUNTER), "100ms")),
    ])
    .await;
    for name in ["aggregator", "prober"] {
        parts.start(name);
    }
    parts
}

#[tokio::test]
async fn results_wait_for_an_api_that_is_away_and_arrive_once() {
    let mut parts = counting_parts().await;
    let count = |parts: &Parts| counter(parts.folder.path());
    until("it counts", async || (count(&parts) > 10).then_some(())).await;
    parts.api.signal(Signal::KILL);
    parts.api.end().await;
    let before = count(&parts);
    until("it goes on counting", async || (count(&parts) > before + 30).then_some(())).await;
    assert_eq!(counted(&parts.http).await, None, "somebody answers");
    parts.start_api();
    until("the API", async || get(&parts.http, "/api/v1/summary").await).await;
    all_arrive(&parts.http, count(&parts)).await;
    parts.stop().await;
}

#[tokio::test]
async fn a_killed_aggregator_has_forgotten_nothing() {
    let mut parts = counting_parts().await;
    let count = |parts: &Parts| counter(parts.folder.path());
    until("it counts", async || (count(&parts) > 10).then_some(())).await;
    parts.kill("aggregator").await;
    let before = count(&parts);
    until("it goes on counting", async || (count(&parts) > before + 10).then_some(())).await;
    parts.start("aggregator");
    all_arrive(&parts.http, count(&parts) + 10).await;
    parts.stop().await;
}
