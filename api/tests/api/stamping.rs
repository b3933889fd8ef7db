//! Items that came without an aggregator are stamped by the API: by its own authority, or by others.

use std::{path::Path, time::Duration};

use api::{Api, Config};
use evidence::{Authority, Bundle, HashAlgorithm, Trust};
use serde_json::json;

use crate::world::{World, config, item, uuid};

async fn stamped(world: &World, number: u128) {
    for _ in 0..1000 {
        let shown = world.read(&format!("/api/v1/items/{}", uuid(number))).await;
        if shown["proof"] == "stamped" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("item {number} is never stamped");
}

async fn bundle(world: &World, number: u128) -> Bundle {
    let path = format!("/api/v1/items/{}/evidence", uuid(number));
    Bundle::read(&world.get(&path).await.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn what_no_aggregator_stamps_the_api_does_and_goes_on_with_its_log() {
    let world = World::with(|config| config.tsa.patience = Duration::ZERO).await;
    world.store(&item(uuid(1), 1, "one")).await;
    stamped(&world, 1).await;
    let world = world.again().await;
    world.store(&item(uuid(2), 2, "two")).await;
    stamped(&world, 2).await;
    let pem = std::fs::read(world.folder.path().join("tsa/anchor.pem")).unwrap();
    let authority = Authority::from_pem("own", &pem).unwrap();
    let place = bundle(&world, 2).await.verify(&[authority]).unwrap().log.unwrap();
    assert_eq!((place.origin.as_str(), place.size, place.index), ("api", 2, 1));
    assert_eq!(world.read("/api/v1/audit").await["items"], json!([]));
}

#[tokio::test]
async fn items_wait_for_authorities_that_are_away_and_as_many_stamp_as_are_wanted() {
    let others = [World::new().await, World::new().await];
    let anchors: Vec<_> = others.iter().map(|it| it.folder.path().join("tsa/anchor.pem")).collect();
    let folder = tempfile::tempdir().unwrap();
    for (number, anchor) in anchors.iter().enumerate() {
        std::fs::copy(anchor, folder.path().join(format!("tsa{number}.pem"))).unwrap();
    }
    let [first, second] = others;
    let addresses = [first.url("/tsr"), second.url("/tsr")];
    // One of two is away.
    let away = second.config.clone();
    let port = second.api.address();
    second.api.stop().await;
    let world = World::with(|config| {
        config.tsa.own = None;
        config.tsa.anchors = (0..2).map(|it| folder.path().join(format!("tsa{it}.pem"))).collect();
        config.tsa.urls = addresses.to_vec();
        config.tsa.quorum = 2;
        config.tsa.patience = Duration::ZERO;
    })
    .await;
    world.store(&item(uuid(1), 1, "one")).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(world.read(&format!("/api/v1/items/{}", uuid(1))).await["proof"], "pending");
    let back = Api::start(Config { listen: port, ..away }).await.unwrap();
    stamped(&world, 1).await;
    let authorities: Vec<Authority> = anchors
        .iter()
        .zip(["one", "two"])
        .map(|(it, name)| Authority::from_pem(name, &std::fs::read(it).unwrap()).unwrap())
        .collect();
    let bundle = bundle(&world, 1).await;
    let verdict = bundle.verify(&authorities).unwrap();
    assert_eq!((verdict.authority.as_str(), verdict.trust), ("one", Trust::Anchored));
    assert_eq!(verdict.also.iter().map(|it| it.authority.as_str()).collect::<Vec<_>>(), ["two"]);
    // Who believes one of them only is told by one.
    let by_one = bundle.verify(&authorities[..1]).unwrap();
    assert_eq!((by_one.also.len(), by_one.not_counted.len()), (0, 1));
    back.stop().await;
    drop(first);
}

#[tokio::test]
async fn evidence_whose_hash_function_is_too_old_is_renewed() {
    let world = World::with(|config| config.tsa.patience = Duration::ZERO).await;
    for number in 1..=3 {
        world.store(&item(uuid(number), 1, &format!("n{number}"))).await;
    }
    stamped(&world, 3).await;
    let pem = std::fs::read(world.folder.path().join("tsa/anchor.pem")).unwrap();
    let authority = [Authority::from_pem("own", &pem).unwrap()];
    assert_eq!(bundle(&world, 2).await.verify(&authority).unwrap().renewals, 0);
    let mut world = world;
    world.config.tsa.hash = Some(HashAlgorithm::Sha512);
    let world = world.again().await;
    for _ in 0..500 {
        if bundle(&world, 2).await.verify(&authority).unwrap().renewals > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for number in 1..=3 {
        let verdict = bundle(&world, number).await.verify(&authority).unwrap();
        assert_eq!(verdict.renewals, 1);
    }
    assert_eq!(world.read("/api/v1/audit").await["items"][0]["deed"], "renew");
    // Once is enough.
    let world = world.again().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bundle(&world, 1).await.verify(&authority).unwrap().renewals, 1);
}

#[test]
fn an_authority_of_ones_own_is_not_enough_in_production() {
    let problem = |text: &str| Config::parse(text, Path::new("/nowhere")).unwrap_err().to_string();
    insta::assert_snapshot!(problem("[tsa]\nown = \"tsa\"\nproduction = true"), @"`tsa.production`: `true` is not possible without `urls`: an authority of one's own shows nothing to others");
    insta::assert_snapshot!(problem("[tsa]\nurls = [\"http://a/tsr\"]\ninterval = \"soon\"\nquorum = 2"), @r#"
    `tsa.urls`: `http://a/tsr` is not an address whose certificates are at the same place in `anchors`
    `tsa.interval`: `"soon"` is not a time such as "15s"
    `tsa.quorum`: `2` is not 1, or up to as many as are asked
    "#);
    let usual = config(Path::new("/nowhere")).tsa;
    assert_eq!((usual.quorum, usual.patience), (1, Duration::from_mins(1)));
}
