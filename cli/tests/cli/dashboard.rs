use std::{process::Command, time::Duration};

use crate::support::{Platform, run, stdout, until};

#[tokio::test]
async fn the_page_shows_agents_their_machines_and_proven_items() {
    let platform = Platform::up(&["--demo"]).await;
    until("something to show", async || {
        let summary = platform.get("/api/v1/summary").await;
        (summary["items"]["total"].as_u64()? > 5 && summary["proofs"]["total"].as_u64()? > 1)
            .then_some(())
    })
    .await;
    let profile = platform.folder.path().join("chromium");
    let page = tokio::task::spawn_blocking({
        let url = format!("{}/", platform.http);
        move || {
            let mut chromium = Command::new("chromium");
            chromium
                .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
                .args(["--disable-background-networking", "--disable-component-update"])
                .args(["--disable-sync", "--disable-quic", "--timeout=8000", "--dump-dom"])
                .arg("--window-size=1280,900")
                .arg(format!("--user-data-dir={}", profile.display()))
                .arg(url);
            stdout(&run(&mut chromium))
        }
    });
    let page = tokio::time::timeout(Duration::from_mins(1), page).await.unwrap().unwrap();
    for shown in ["probe1", "aggregator", "Waiting", "<svg", "stamped", "self-signed"] {
        assert!(page.contains(shown), "`{shown}` is not on the page: {page}");
    }
    assert!(!page.contains("http://") || !page.contains("https://"), "{page}");
}
