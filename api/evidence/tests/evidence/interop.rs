//! One bundle with everything in it, checked by what others wrote.

mod python;

use std::ffi::OsStr;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use der::Encode;
use evidence::ers::{EvidenceRecord, HashTree};
use evidence::{Authority, Beside, Bundle, HashAlgorithm, OwnAuthority, Request, accept};
use tempfile::{TempDir, tempdir};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::whole::{INDEX, LOG, Whole};

/// The bundle of one authority, with a further token of another, and what is in it.
struct Case {
    folder: TempDir,
    tsa: OwnAuthority,
    whole: Whole,
}

impl Case {
    fn new() -> Self {
        let (whole, folder) = (Whole::new(), tempdir().unwrap());
        let [tsa, other] = [(), ()].map(|()| OwnAuthority::create().unwrap().0);
        let earlier = stamp(&tsa, HashAlgorithm::Sha256, &whole.earlier_root());
        let token = stamp(&tsa, HashAlgorithm::Sha256, &whole.root());
        let further = stamp(&other, HashAlgorithm::Sha256, &whole.root());
        let (authority, others) = (named("one", &tsa), named("two", &other));
        let beside = Beside {
            also: vec![(&further, &others)],
            log: Some(whole.log.clone()),
            after: Some(whole.after(&earlier, &authority)),
            evidence: None,
        };
        let file = whole.file(&token, &authority, beside);
        let verdict = Bundle::read(&file).unwrap().verify(&[authority, others]).unwrap();
        assert_eq!((verdict.also.len(), verdict.not_counted.len()), (1, 0));
        assert!(verdict.log.is_some() && verdict.after.is_some() && verdict.signed_by.is_some());
        for (name, content) in parts(&file) {
            fs::write(folder.path().join(name.replace('/', "-")), content).unwrap();
        }
        fs::write(folder.path().join("whole.asics"), file).unwrap();
        fs::write(folder.path().join("anchor.pem"), tsa.anchor_pem()).unwrap();
        fs::write(folder.path().join("other.pem"), other.anchor_pem()).unwrap();
        Self { folder, tsa, whole }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        fs::write(self.at(name), content).unwrap();
        self.at(name)
    }

    /// The bundle with one of its parts changed.
    fn changed(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let mut parts = parts(&fs::read(self.at("whole.asics")).unwrap());
        change(&mut parts.iter_mut().find(|(found, _)| found == name).unwrap().1);
        self.write("changed.asics", &zipped(&parts))
    }
}

fn named(name: &str, tsa: &OwnAuthority) -> Authority {
    Authority::from_pem(name, tsa.anchor_pem().as_bytes()).unwrap()
}

fn stamp(tsa: &OwnAuthority, hash: HashAlgorithm, digest: &[u8]) -> Vec<u8> {
    let request = Request::over(hash, digest);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let answer = tsa.respond(&request.to_der());
    accept(&answer, &request, &tsa.authority(), now, Duration::from_mins(1)).unwrap().0
}

fn parts(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(file)).unwrap();
    let part = |index| {
        let mut entry = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.name().unwrap().into_owned(), content)
    };
    (0..6).map(part).collect()
}

fn zipped(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(name.as_str(), stored).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it)).concat()
}

#[test]
fn openssl_verifies_the_root_of_a_whole_bundle() {
    let case = Case::new();
    let verify = |digest: &[u8], anchor: &str| {
        let mut openssl = Command::new("openssl");
        openssl.args(["ts", "-verify", "-digest", &hex::encode(digest), "-in", "root.tsr"]);
        openssl.args(["-CAfile", anchor]).current_dir(case.folder.path()).output().unwrap()
    };
    let output = verify(&case.whole.root(), "anchor.pem");
    assert!(output.status.success() && said(&output).contains("Verification: OK"), "{output:?}");
    assert!(verify(&case.whole.root(), "authority.pem").status.success());
    assert!(!verify(&case.whole.root(), "other.pem").status.success());
    assert!(!verify(&[7; 32], "anchor.pem").status.success());
}

#[test]
fn pyhanko_and_rfc3161_client_verify_the_root_of_a_whole_bundle() {
    let case = Case::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evidence/interop/check.py");
    let check = |anchor: &str, digest: &[u8]| {
        let mut python = Command::new(python::with_verifiers());
        python.arg(&script).args([case.at("root.tsr"), case.at(anchor)]);
        said(&python.arg(hex::encode(digest)).output().unwrap())
    };
    let root = case.whole.root();
    assert_eq!(check("anchor.pem", &root), "pyhanko holds\nrfc3161_client holds\n");
    for (anchor, digest) in [("other.pem", root), ("anchor.pem", [7; 32])] {
        let said = check(anchor, &digest);
        assert!(said.contains("pyhanko refused") && !said.contains("holds"), "{said}");
    }
}

/// What Bouncy Castle says to each record and its data.
fn bouncy_castle(anchor: &Path, cases: &[(PathBuf, PathBuf)]) -> Vec<String> {
    let jars = ["bcprov", "bcpkix", "bcutil"].map(|it| format!("/usr/share/java/{it}.jar"));
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evidence/interop/Check.java");
    let mut java = Command::new("java");
    java.args(["-cp", &jars.join(":")]).arg(program).arg(anchor);
    let output = java.args(cases.iter().flat_map(|(it, of)| [it, of])).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bouncy_castle_validates_evidence_records_new_and_renewed() {
    let case = Case::new();
    let item = case.at("item.json");
    let tampered = String::from_utf8(case.whole.item.clone()).unwrap().replace("b2s=", "bm8=");
    let tampered = case.write("tampered.json", tampered.as_bytes());
    let plain = case.at("META-INF-evidencerecord.ers");
    let mut record = EvidenceRecord::parse(&fs::read(&plain).unwrap()).unwrap();
    let mut cases = vec![plain];
    let others = || (0..3_u8).map(|it| vec![it; 32]);

    // By time stamp, one of four under the same token.
    let (hash, value) = record.renewal_value().unwrap();
    let tree = HashTree::new(hash, others().chain([value]).collect()).unwrap();
    record.renew(&tree.path(3), &stamp(&case.tsa, hash, tree.root())).unwrap();
    cases.push(case.write("renewed.ers", &record.to_der().unwrap()));
    let renewed = record.clone();

    // By hash tree, alone and again one of many.
    let sha512 = HashAlgorithm::Sha512;
    let value = record.rehashed_value(sha512, &case.whole.item).unwrap();
    record.rehash(sha512, &case.whole.item, &[], &stamp(&case.tsa, sha512, &value)).unwrap();
    cases.push(case.write("rehashed.ers", &record.to_der().unwrap()));
    let leaves = [vec![1; 64], value, vec![2; 64]];
    let tree = HashTree::new(sha512, leaves.to_vec()).unwrap();
    let mut among = renewed;
    let token = stamp(&case.tsa, sha512, tree.root());
    among.rehash(sha512, &case.whole.item, &tree.path(1), &token).unwrap();
    cases.push(case.write("among.ers", &among.to_der().unwrap()));

    let authorities = [case.tsa.authority()];
    assert_eq!(record.verify(&case.whole.item, &authorities).unwrap().len(), 3);
    let pairs = |data: &Path| -> Vec<(PathBuf, PathBuf)> {
        cases.iter().map(|it| (it.clone(), data.to_owned())).collect()
    };
    let told = bouncy_castle(&case.at("anchor.pem"), &pairs(&item));
    assert_eq!(told, ["holds"; 4]);
    let told = bouncy_castle(&case.at("anchor.pem"), &pairs(&tampered));
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|it| it.starts_with("refused")), "{told:?}");
    let told = bouncy_castle(&case.at("other.pem"), &[(cases[0].clone(), item)]);
    assert_eq!(told, ["refused: not of the anchor"]);
}

/// The script for whoever has nothing but Python and openssl.
fn script<P: AsRef<OsStr>>(arguments: impl IntoIterator<Item = P>) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/check_evidence.py");
    Command::new("python3").arg(script).args(arguments).output().unwrap()
}

#[test]
fn a_script_without_our_code_checks_a_bundle_and_tells_the_interval() {
    let case = Case::new();
    let [file, anchor] = [case.at("whole.asics"), case.at("anchor.pem")];
    let output = script([&file, &anchor]);
    assert!(output.status.success(), "{}", said(&output));
    let told = said(&output);
    let lines: Vec<&str> = told.lines().collect();
    let [place, also, interval, verdict] = lines[..] else { panic!("{told}") };
    assert_eq!(place, format!("entry {INDEX} of 9 in the log of {LOG}"));
    assert!(also.starts_with("not counted: a further token does not hold"), "{told}");
    assert!(interval.starts_with("made between 20") && interval.contains(" and 20"), "{told}");
    assert_eq!(verdict, "genuine");
    let output = script([&file, &anchor, &case.at("other.pem")]);
    assert!(said(&output).contains("also stamped at 20"), "{output:?}");
    let output = script([&file]);
    assert!(output.status.success() && said(&output).contains("\nconsistent; "), "{output:?}");
    let output = script([&file, &case.at("other.pem")]);
    assert_eq!(output.status.code(), Some(1));
    // What came without any of that is checked too.
    let token = stamp(&case.tsa, HashAlgorithm::Sha256, &case.whole.root());
    let bare = case.whole.file(&token, &case.tsa.authority(), Beside::default());
    let output = script([&case.write("bare.asics", &bare), &anchor]);
    assert!(output.status.success() && said(&output).contains("made before 20"), "{output:?}");
}

#[test]
fn the_script_says_what_is_wrong_with_a_changed_byte() {
    let case = Case::new();
    let proof: serde_json::Value =
        serde_json::from_slice(&fs::read(case.at("proof.json")).unwrap()).unwrap();
    // Another digit or letter in place of the one after this text.
    let after = |text: &str| {
        let text = text.as_bytes().to_vec();
        move |part: &mut Vec<u8>| {
            let place = part.windows(text.len()).position(|it| it == text).unwrap() + text.len();
            part[place] = if part[place] == b'0' { b'1' } else { b'0' };
        }
    };
    let digest = |pointer: &str| {
        let text = proof.pointer(pointer).unwrap().as_str().unwrap();
        after(&text[..text.len() - 1])
    };
    let mut told = Vec::new();
    let mut refused = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let file = case.changed(name, change);
        let output = script([&file, &case.at("anchor.pem")]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        // Beyond that it is openssl's text, which differs from version to version.
        told.push(error.trim_end().splitn(3, ": ").take(2).collect::<Vec<_>>().join(": "));
    };
    refused("item.json", &after("\"raw\":\""));
    refused("proof.json", &digest("/path/0"));
    refused("proof.json", &digest("/root"));
    refused("proof.json", &digest("/log/checkpoint_path/0"));
    refused("proof.json", &digest("/log/inclusion/1"));
    refused("proof.json", &after("\"index\": "));
    refused("proof.json", &after(&format!("\"checkpoint\": \"{LOG}\\n")));
    refused("proof.json", &digest("/after/path/0"));
    let token = proof["after"]["token"].as_str().unwrap();
    refused("proof.json", &after(&token[..token.len() - 10]));
    refused("root.tsr", &|part| *part.last_mut().unwrap() ^= 1);
    insta::assert_snapshot!(told.join("\n"), @"
    refused: item.json is not under the stamped root
    refused: item.json is not under the stamped root
    refused: item.json is not under the stamped root
    refused: the checkpoint is not under the stamped root
    refused: item.json is not in the log
    refused: item.json is not in the log
    refused: the checkpoint is not under the stamped root
    refused: the lower bound does not hold
    refused: the lower bound does not hold
    refused: root.tsr does not hold
    ");
    let mut spoilt = fs::read(case.at("whole.asics")).unwrap();
    let place = spoilt.windows(6).position(|it| it == b"\"raw\":").unwrap() + 8;
    spoilt[place] ^= 1;
    let output = script([&case.write("spoilt.asics", &spoilt), &case.at("anchor.pem")]);
    assert!(said(&output).contains("refused: BadZipFile"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
    assert!(script([&case.at("item.json")]).status.code() == Some(1));
}
