//! The `openssl` command reads what we write, and we read what it writes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use evidence::{
    Authority, BatchTree, Bundle, OwnAuthority, Record, Request, accept, sha256, verify,
};
use tempfile::{TempDir, tempdir};

/// `openssl ts -reply` keeps its serial number in a file and is not made to run twice at once.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs a command line of openssl in this folder and hands back all that it says.
fn openssl(folder: &Path, arguments: &str) -> String {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success(), "openssl {arguments}: {said:?}");
    said.concat()
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

#[test]
fn openssl_verifies_our_answers() {
    let folder = tempdir().unwrap();
    let (tsa, _) = OwnAuthority::create().unwrap();
    let digest = sha256(b"data");
    let request = Request::new(&digest).to_der();
    fs::write(folder.path().join("request.tsq"), &request).unwrap();
    fs::write(folder.path().join("answer.tsr"), tsa.respond(&request)).unwrap();
    fs::write(folder.path().join("anchor.pem"), tsa.anchor_pem()).unwrap();
    let verify = |what: &str| {
        let said =
            openssl(folder.path(), &format!("ts -verify {what} -in answer.tsr -CAfile anchor.pem"));
        assert!(said.contains("Verification: OK"), "{said}");
    };
    verify("-queryfile request.tsq");
    verify(&format!("-digest {}", hex::encode(digest)));
}

#[test]
fn our_authority_answers_openssl() {
    let folder = tempdir().unwrap();
    let (tsa, _) = OwnAuthority::create().unwrap();
    fs::write(folder.path().join("data"), b"data").unwrap();
    fs::write(folder.path().join("anchor.pem"), tsa.anchor_pem()).unwrap();
    for hash in ["sha256", "sha384", "sha512"] {
        openssl(folder.path(), &format!("ts -query -data data -{hash} -cert -out request.tsq"));
        let request = fs::read(folder.path().join("request.tsq")).unwrap();
        fs::write(folder.path().join("answer.tsr"), tsa.respond(&request)).unwrap();
        let arguments = "ts -verify -queryfile request.tsq -in answer.tsr -CAfile anchor.pem";
        assert!(openssl(folder.path(), arguments).contains("Verification: OK"));
    }
}

#[test]
fn openssl_verifies_the_root_in_a_bundle() {
    let folder = tempdir().unwrap();
    let (tsa, _) = OwnAuthority::create().unwrap();
    let record = Record::parse(br#"{"a":1}"#).unwrap();
    let tree = BatchTree::new(vec![sha256(b"other"), record.digest(), sha256(b"third")]).unwrap();
    let request = Request::new(&tree.root());
    let answer = tsa.respond(&request.to_der());
    let (token, _) =
        accept(&answer, &request, &tsa.authority(), now(), Duration::from_mins(1)).unwrap();
    let file = Bundle::build(record.bytes(), &tree.path(1), &token, &tsa.authority()).unwrap();

    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(file)).unwrap();
    for name in ["root.tsr", "authority.pem"] {
        let mut entry = archive.by_name(name).unwrap();
        let mut file = fs::File::create(folder.path().join(name)).unwrap();
        std::io::copy(&mut entry, &mut file).unwrap();
    }
    let root = hex::encode(tree.root());
    let arguments = format!("ts -verify -digest {root} -in root.tsr -CAfile authority.pem");
    assert!(openssl(folder.path(), &arguments).contains("Verification: OK"));
}

/// An authority made by openssl.
struct Theirs {
    folder: TempDir,
    authority: Authority,
}

impl Theirs {
    /// With keys made by these arguments of `genpkey`, and signatures with this hash function.
    fn new(key: &str, hash: &str) -> Self {
        let folder = tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("openssl.cnf"), configuration(hash)).unwrap();
        fs::write(path.join("serial"), "01\n").unwrap();
        let run = |arguments: String| openssl(path, &arguments);
        run(format!("genpkey {key} -out ca.key"));
        run(format!("genpkey {key} -out tsa.key"));
        run(format!(
            "req -config openssl.cnf -x509 -new -key ca.key -subj /CN=CA -days 30 -{hash} \
             -extensions ca -out ca.pem"
        ));
        run("req -config openssl.cnf -new -key tsa.key -subj /CN=TSA -out tsa.csr".to_owned());
        run(format!(
            "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 30 -{hash} \
             -extfile openssl.cnf -extensions tsa_certificate -out tsa.pem"
        ));
        let anchor = fs::read(path.join("ca.pem")).unwrap();
        let authority = Authority::from_pem("openssl", &anchor).unwrap();
        Self { folder, authority }
    }

    fn respond(&self, request: &[u8]) -> Vec<u8> {
        let _turn = ONE_AT_A_TIME.lock().unwrap();
        let path = self.folder.path();
        fs::write(path.join("request.tsq"), request).unwrap();
        let arguments = "ts -reply -config openssl.cnf -queryfile request.tsq -out answer.tsr";
        openssl(path, arguments);
        fs::read(path.join("answer.tsr")).unwrap()
    }
}

fn configuration(hash: &str) -> String {
    format!(
        "[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[tsa_certificate]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = tsa_settings
[tsa_settings]
serial = ./serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
certs = ./ca.pem
signer_digest = {hash}
default_policy = 1.3.6.1.4.1.55555.1
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
clock_precision_digits = 6
ordering = yes
tsa_name = yes
ess_cert_id_chain = yes
ess_cert_id_alg = sha256
"
    )
}

fn tokens_of_openssl_hold(key: &str, hash: &str) {
    let theirs = Theirs::new(key, hash);
    let digest = sha256(b"data");
    let request = Request::new(&digest);
    let answer = theirs.respond(&request.to_der());
    let skew = Duration::from_mins(5);
    let (token, fresh) = accept(&answer, &request, &theirs.authority, now(), skew).unwrap();
    assert_eq!(verify(&token, &digest, &theirs.authority).unwrap(), fresh);
    assert_eq!(fresh.accuracy_us, Some(1_500_100));
    assert_eq!((fresh.signer.as_str(), fresh.anchor.as_str()), ("CN=TSA", "CN=CA"));
    assert_eq!(verify(&token, &sha256(b"atad"), &theirs.authority).unwrap_err().code(), "imprint");
}

#[test]
fn tokens_of_openssl_with_rsa_hold() {
    tokens_of_openssl_hold("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "sha256");
}

#[test]
fn tokens_of_openssl_with_p256_hold() {
    tokens_of_openssl_hold("-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "sha256");
}

// As FreeTSA signs since 2026; ring cannot check this pair.
#[test]
fn tokens_of_openssl_with_p384_and_sha512_hold() {
    tokens_of_openssl_hold("-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "sha512");
}

#[test]
fn a_refusal_of_openssl_is_understood() {
    let theirs = Theirs::new("-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "sha256");
    let other = der::asn1::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.55555.9");
    let request = Request::under_policy(evidence::HashAlgorithm::Sha256, &sha256(b"data"), other);
    let answer = theirs.respond(&request.to_der());
    let skew = Duration::from_mins(5);
    let error = accept(&answer, &request, &theirs.authority, now(), skew).unwrap_err();
    insta::assert_snapshot!(crate::forge::text(&error), @"the authority refused: Requested policy is not supported. (unacceptedPolicy)");
}
