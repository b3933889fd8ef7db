//! Letters, and everybody who has to do with them killed on the way.

use std::collections::BTreeMap;

use crate::{
    parts::{DOMAIN, Part, Parts},
    support::{get, until},
};

/// The last letter.
const LAST: u64 = 1_000;

/// A machine that writes numbered letters, and keeps an item of each.
fn writer() -> String {
    format!(
        "[[behaviour]]\nrun = \"check\"\ncommand = [\"true\"]\n\
         [[behaviour]]\nrun = \"machine\"\n[behaviour.machine]\nname = \"writer\"\n\
         remember = true\nvariables = {{ n = 0 }}\n\
         [behaviour.machine.state.writing]\non = [{{ every = \"20ms\", do = [\"n += 1\", \
         {{ keep = \"written\", text = \"{{n}}\" }}, \
         {{ post = \"inform\", to = \"reader@{DOMAIN}\", ontology = \"counts\", body = \"{{n}}\" }}\
         ], go = \"judging\" }}]\n\
         [behaviour.machine.state.judging]\non = [\
         {{ when = \"n < {LAST}\", go = \"writing\" }}, {{ otherwise = true, go = \"written\" }}]\n\
         [behaviour.machine.state.written]\nfinal = true\n"
    )
}

/// A machine that keeps an item of every letter.
const READER: &str = "[[behaviour]]\nrun = \"check\"\ncommand = [\"true\"]\n\
    [[behaviour]]\nrun = \"machine\"\n[behaviour.machine]\nname = \"reader\"\nremember = true\n\
    variables = { read = 0 }\n[behaviour.machine.state.reading]\non = [\
    { message = \"ontology=counts\", do = [\"read += 1\", \
    { keep = \"read\", text = \"{body}\", fields = { read = \"{read}\" } }] }]\n";

/// The numbers of the items of a kind, and how often each is there.
async fn numbers(http: &str, kind: &str) -> Option<BTreeMap<u64, usize>> {
    let mut numbers = BTreeMap::new();
    let first = format!("/api/v1/items?type={kind}&limit=500");
    let mut path = first.clone();
    loop {
        let page = get(http, &path).await?;
        for item in page["items"].as_array()? {
            *numbers.entry(item["summary"].as_str()?.parse().ok()?).or_insert(0) += 1;
        }
        match page["next"].as_str() {
            Some(next) => path = format!("{first}&cursor={next}"),
            None => return Some(numbers),
        }
    }
}

async fn wait_for(parts: &Parts, kind: &str, count: u64) {
    let path = format!("/api/v1/items?type={kind}&limit=1");
    until(&format!("{count} are {kind}"), async || {
        (get(&parts.http, &path).await?["total"].as_u64()? >= count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_letter_is_dealt_with_once_whoever_is_killed_on_its_way() {
    let mut parts = Parts::with(&[
        Part::new("aggregator", "aggregator", ""),
        Part::new("probe", "writer", writer()),
        Part::new("probe", "reader", READER),
    ])
    .await;
    parts.start("aggregator");
    // Nobody is there to read them.
    parts.start("writer");
    wait_for(&parts, "written", LAST / 5).await;
    parts.kill("writer").await;
    parts.start("writer");
    wait_for(&parts, "written", LAST / 3).await;
    assert_eq!(numbers(&parts.http, "read").await, Some(BTreeMap::new()));

    parts.start("reader");
    wait_for(&parts, "read", LAST / 5).await;
    parts.kill("reader").await;
    parts.kill("writer").await;
    parts.start("reader");
    parts.start("writer");
    wait_for(&parts, "read", LAST / 2).await;
    parts.kill("reader").await;
    parts.start("reader");

    for kind in ["written", "read"] {
        wait_for(&parts, kind, LAST).await;
        let mut numbers = numbers(&parts.http, kind).await.unwrap();
        let other: Vec<_> = (1..=LAST).filter(|it| numbers.remove(it) != Some(1)).collect();
        assert!(other.is_empty() && numbers.is_empty(), "{kind} not once: {other:?}, {numbers:?}");
    }
    // It ends when all that it wrote was delivered.
    assert_eq!(parts.agent("writer").end().await.code(), Some(0));
    parts.stop().await;
}
