//! Two aggregators, and one of them is lost while results flow to it.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::process::Signal;

use crate::{
    parts::{DOMAIN, Part, Parts},
    support::{get, until},
};

/// As many probes make results at once.
const PROBES: u64 = 10;
/// How long whoever reports waits for a receipt before it tries another one.
const RECEIPT: Duration = Duration::from_secs(5);

/// An item as the API lists it.
struct Stored {
    uuid: String,
    number: u64,
    received_ms: i64,
}

/// A machine that makes results with the numbers after `first`, up to `last`, and ends.
fn maker(first: u64, last: u64, every: &str) -> String {
    format!(
        "[[behaviour]]\nrun = \"check\"\ncommand = [\"true\"]\n\
         [[behaviour]]\nrun = \"machine\"\n[behaviour.machine]\nname = \"maker\"\n\
         remember = true\nvariables = {{ n = {first} }}\n\
         [behaviour.machine.state.making]\non = [\
         {{ every = \"{every}\", do = [\"n += 1\", {{ keep = \"count\", text = \"{{n}}\" }}, \
         {{ log = \"made {{n}}\" }}], \
         go = \"judging\" }}]\n\
         [behaviour.machine.state.judging]\non = [\
         {{ when = \"n < {last}\", go = \"making\" }}, {{ otherwise = true, go = \"made\" }}]\n\
         [behaviour.machine.state.made]\nfinal = true\n"
    )
}

fn name(probe: u64) -> String {
    format!("probe{probe}")
}

/// Two aggregators and probes that make so many results in all. As `first` says that it likes to
/// talk, every probe reports to it while it is there.
async fn with_two_aggregators(count: u64, every: &str) -> Parts {
    let each = count / PROBES;
    let mut members = vec![
        Part::new("aggregator", "first", "presence = { show = \"chat\" }"),
        Part::new("aggregator", "second", ""),
    ];
    members.extend((0..PROBES).map(|probe| {
        let (first, last) = (probe * each, (probe + 1) * each);
        Part::new("probe", &name(probe), maker(first, last, every))
    }));
    let mut parts = Parts::with(&members).await;
    for aggregator in ["first", "second"] {
        parts.start(aggregator);
    }
    parts.sees("first", "chat").await;
    parts.sees("second", "available").await;
    (0..PROBES).for_each(|probe| parts.start(&name(probe)));
    parts
}

/// Everything that the probes made, as far as the API has it.
async fn stored(http: &str) -> Option<Vec<Stored>> {
    let mut stored = Vec::new();
    let mut path = "/api/v1/items?type=count&limit=500".to_owned();
    loop {
        let page = get(http, &path).await?;
        for item in page["items"].as_array()? {
            stored.push(Stored {
                uuid: item["uuid"].as_str()?.to_owned(),
                number: item["summary"].as_str()?.parse().ok()?,
                received_ms: item["received_ms"].as_i64()?,
            });
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/items?type=count&limit=500&cursor={next}"),
            None => break,
        }
    }
    stored.sort_by_key(|it| it.received_ms);
    Some(stored)
}

/// How many there are.
async fn total(parts: &Parts) -> Option<u64> {
    get(&parts.http, "/api/v1/items?type=count&limit=1").await?["total"].as_u64()
}

async fn wait_for(parts: &Parts, count: u64) {
    until(&format!("{count} are stored"), async || (total(parts).await? >= count).then_some(()))
        .await;
}

/// Every number once, under a uuid of its own, and nothing else.
fn assert_complete(stored: &[Stored], count: u64) {
    let numbers: BTreeSet<u64> = stored.iter().map(|it| it.number).collect();
    let uuids: BTreeSet<&str> = stored.iter().map(|it| it.uuid.as_str()).collect();
    let missing: Vec<u64> = (1..=count).filter(|it| !numbers.contains(it)).collect();
    assert!(missing.is_empty(), "{} are lost: {missing:?}", missing.len());
    let found = u64::try_from(stored.len()).unwrap();
    assert_eq!((found, numbers.len(), uuids.len()), (count, stored.len(), stored.len()));
}

/// When the registrar saw that an agent is gone; the first time.
async fn lost_ms(parts: &Parts, name: &str) -> Option<i64> {
    let path = format!("/api/v1/agents/{name}@{DOMAIN}/presence?limit=50");
    let history = get(&parts.http, &path).await?;
    let gone = history["items"].as_array()?.iter().filter(|it| it["show"] == "unavailable");
    gone.filter_map(|it| it["since_ms"].as_i64()).min()
}

/// The longest time in which nothing arrived, from a moment on; in milliseconds.
fn longest_silence(stored: &[Stored], from_ms: i64) -> i64 {
    let moments: Vec<i64> = std::iter::once(from_ms)
        .chain(stored.iter().map(|it| it.received_ms).filter(|it| *it >= from_ms))
        .collect();
    moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
}

/// How many results a probe has made, by its log.
fn made(parts: &Parts, probe: u64) -> usize {
    let log = fs::read_to_string(parts.file(&format!("{}.log", name(probe)))).unwrap();
    log.matches("made ").count()
}

/// The server keeps the session of a killed process for half a minute, in case it comes back. What
/// whoever reports goes by is therefore the receipt that it misses: it passes over the silent one
/// long before anybody is told that it is gone. What the killed one had confirmed and could not
/// bring, as the API was away just then, is on its disk, and arrives when it is started again.
#[tokio::test]
async fn of_ten_thousand_results_none_is_lost_or_stored_twice_when_their_aggregator_is_killed() {
    const COUNT: u64 = 10_000;
    let mut parts = with_two_aggregators(COUNT, "45ms").await;
    wait_for(&parts, COUNT / 10).await;
    parts.api.signal(Signal::KILL);
    parts.api.end().await;
    let before = made(&parts, 0);
    until("results flow on", async || (made(&parts, 0) > before + 40).then_some(())).await;
    parts.kill("first").await;
    let killed = now_ms();
    parts.start_api();

    // The other one takes over while the killed one still counts as there.
    let lost = until("the loss is noted", async || lost_ms(&parts, "first").await).await;
    for probe in 0..PROBES {
        // It ends when all that it made was confirmed.
        assert_eq!(parts.agent(&name(probe)).end().await.code(), Some(0));
    }
    // What arrives from here on cannot be the other one's.
    assert_eq!(parts.agent("second").stop().await.code(), Some(0));
    let without = stored(&parts.http).await.unwrap();
    let after = |moment: i64| without.iter().filter(move |it| it.received_ms >= moment);
    let early = after(killed).filter(|it| it.received_ms < lost).count();
    assert!(early > 0, "nobody took over before the presence was lost");
    let next = after(lost).next().expect("something arrives after the presence was lost");
    let known = u64::try_from(without.len()).unwrap();

    parts.start("first");
    wait_for(&parts, known + 1).await;
    parts.start("second");
    wait_for(&parts, COUNT).await;
    let all = stored(&parts.http).await.unwrap();
    assert_complete(&all, COUNT);
    tell(&format!(
        "killed: the presence was lost {} ms later; {early} results arrived before that, with a \
         silence of {} ms at most; the next came {} ms after it; {} came when it was started again",
        lost - killed,
        longest_silence(&without, killed),
        next.received_ms - lost,
        all.len() - without.len(),
    ));
    parts.stop().await;
}

#[tokio::test]
async fn an_aggregator_that_takes_leave_is_followed_without_waiting_for_a_receipt() {
    const COUNT: u64 = 3_000;
    let mut parts = with_two_aggregators(COUNT, "45ms").await;
    wait_for(&parts, COUNT / 10).await;
    parts.agent("first").signal(Signal::TERM);
    assert_eq!(parts.agent("first").end().await.code(), Some(0));
    for probe in 0..PROBES {
        assert_eq!(parts.agent(&name(probe)).end().await.code(), Some(0));
    }
    let lost_ms = until("the loss is noted", async || lost_ms(&parts, "first").await).await;
    let without = stored(&parts.http).await.unwrap();
    let silence = longest_silence(&without, lost_ms);
    assert!(u128::try_from(silence).unwrap() < RECEIPT.as_millis(), "{silence} ms of silence");
    // What it could not bring before it left.
    parts.start("first");
    wait_for(&parts, COUNT).await;
    assert_complete(&stored(&parts.http).await.unwrap(), COUNT);
    tell(&format!("left: the longest silence after the presence was lost was {silence} ms"));
    parts.stop().await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "what other processes wrote down is compared with it"
)]
fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// A figure for who looks (`--nocapture`); how long it takes is nothing to fail for.
#[expect(clippy::print_stdout, reason = "a figure to read")]
fn tell(figure: &str) {
    println!("{figure}");
}
