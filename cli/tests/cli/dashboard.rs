use serde_json::Value;

use crate::{
    browser::Browser,
    support::{Platform, until},
};

#[tokio::test]
async fn the_page_shows_agents_their_machines_and_proven_items_live() {
    let platform = Platform::up(&["--demo"]).await;
    let browser = Browser::open().await;
    for width in [1280, 390] {
        browser.go(&platform.http, width).await;
        let shown = async |what: &str| {
            let script = format!("return document.body.innerText.includes({what:?})");
            until(what, async || (browser.run(&script).await == Value::Bool(true)).then_some(()))
                .await;
        };
        for what in ["probe1", "aggregator", "registry", "Waiting", "stamped", "self-signed"] {
            shown(what).await;
        }
        let overflow = "return document.documentElement.scrollWidth > window.innerWidth";
        assert_eq!(browser.run(overflow).await, Value::Bool(false), "it scrolls at {width}");
    }
    browser.go(&platform.http, 1280).await;
    // A drawn machine, with the state it is in.
    until("a drawn state machine", async || {
        let script = "return document.querySelectorAll('svg text').length";
        (browser.run(script).await.as_u64()? > 3).then_some(())
    })
    .await;
    // And it moves without being loaded again: another item comes.
    let newest = "return document.querySelector('#item-rows tr')?.innerText ?? null";
    let first = until("an item", async || Some(browser.run(newest).await)).await;
    until("another item", async || (browser.run(newest).await != first).then_some(())).await;

    let foreign = "return performance.getEntriesByType('resource').map(it => it.name)\
                   .filter(it => !it.startsWith(location.origin))";
    assert_eq!(browser.run(foreign).await, Value::Array(Vec::new()));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}
