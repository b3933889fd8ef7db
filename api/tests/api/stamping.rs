//! Items that came without an aggregator are stamped by the API: by its own authority, or by others.

use std::{fs, path::Path, process::Command, time::Duration};

use api::{Api, Config};
use base64::{Engine, prelude::BASE64_STANDARD};
use evidence::{Authority, Bundle, HashAlgorithm, Trust};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    proofs::proof,
    world::{World, answer, config, item, uuid},
};

/// An authority of somebody else's, by OpenSSL, whose certificates end in 30 days.
const OPENSSL: &str = "[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[signer]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = settings
[settings]
serial = ./serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
certs = ./ca.pem
signer_digest = sha256
default_policy = 1.3.6.1.4.1.55555.1
digests = sha256
ess_cert_id_alg = sha256
";

fn openssl(folder: &Path, arguments: &str) {
    let arguments = arguments.split_whitespace();
    let done = Command::new("openssl").current_dir(folder).args(arguments).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn ends_soon() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("openssl.cnf"), OPENSSL).unwrap();
    fs::write(folder.path().join("serial"), "01\n").unwrap();
    for arguments in [
        "req -config openssl.cnf -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=CA \
         -days 30 -extensions ca -out ca.pem",
        "req -config openssl.cnf -newkey rsa:2048 -nodes -keyout tsa.key -subj /CN=TSA -out \
         tsa.csr",
        "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 30 -extfile \
         openssl.cnf -extensions signer -out tsa.pem",
    ] {
        openssl(folder.path(), arguments);
    }
    folder
}

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
    let pem = fs::read(world.folder.path().join("tsa/anchor.pem")).unwrap();
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
        fs::copy(anchor, folder.path().join(format!("tsa{number}.pem"))).unwrap();
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
        .map(|(it, name)| Authority::from_pem(name, &fs::read(it).unwrap()).unwrap())
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
    let pem = fs::read(world.folder.path().join("tsa/anchor.pem")).unwrap();
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

#[tokio::test]
async fn a_time_stamp_that_ends_soon_is_renewed() {
    let theirs = ends_soon();
    let anchor = theirs.path().join("ca.pem");
    let world = World::with(|config| config.tsa.anchors = vec![anchor.clone()]).await;
    let items = [item(uuid(1), 1, "one"), item(uuid(2), 2, "two")];
    assert_eq!(world.post("/api/v1/items", &json!(items)).await.status(), 200);
    let mut proof = proof(&world, &items).await;
    let query = format!(
        "ts -query -digest {} -sha256 -cert -out request.tsq",
        proof["root"].as_str().unwrap()
    );
    openssl(theirs.path(), &query);
    let reply = "ts -reply -config openssl.cnf -queryfile request.tsq -token_out -out token.der";
    openssl(theirs.path(), reply);
    let token = fs::read(theirs.path().join("token.der")).unwrap();
    proof["token"] = json!(BASE64_STANDARD.encode(token));
    let stored = answer(world.post("/api/v1/proofs", &proof).await).await;
    assert_eq!(stored.0, 201, "{}", stored.1);

    let own = fs::read(world.folder.path().join("tsa/anchor.pem")).unwrap();
    let authority = |name: &str, pem: &[u8]| Authority::from_pem(name, pem).unwrap();
    let authorities = [authority("openssl", &fs::read(&anchor).unwrap()), authority("own", &own)];
    assert_eq!(bundle(&world, 1).await.verify(&authorities).unwrap().renewals, 0);
    let world = world.again().await;
    for _ in 0..500 {
        if bundle(&world, 1).await.verify(&authorities).unwrap().renewals > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for number in 1..=2 {
        let bundle = bundle(&world, number).await;
        assert_eq!(bundle.verify(&authorities).unwrap().renewals, 1);
        // Neither word is enough without the other.
        assert!(bundle.verify(&authorities[..1]).is_err());
        assert!(bundle.verify(&authorities[1..]).is_err());
    }
    // The new time stamp does not end soon.
    let world = world.again().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bundle(&world, 1).await.verify(&authorities).unwrap().renewals, 1);
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
