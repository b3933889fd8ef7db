//! What stands beside the token in a bundle: further tokens, the log, the lower bound, renewals.

use der::asn1::OctetString;
use evidence::ers::EvidenceRecord;
use evidence::log::{Checkpoint, Peaks, Signed};
use evidence::{
    After, Authority, Beside, Bundle, BundleError, Digest, GenTime, HashAlgorithm, LogPlace,
    Verdict, sha256,
};
use insta::assert_snapshot;
use std::time::Duration;

use crate::forge::{DAY, Forge, NOW, text};
use crate::whole::{LOG, Whole, checkpoint};

struct Case {
    whole: Whole,
    forge: Forge,
}

impl Case {
    fn new() -> Self {
        Self { whole: Whole::new(), forge: Forge::new() }
    }

    /// The lower bound, stamped so many half days before the item.
    fn after(&self, halves: u64) -> After {
        let root = self.whole.earlier_root();
        let token = token(&self.forge, &root, NOW - halves * DAY / 2);
        self.whole.after(&token, &self.forge.authority())
    }

    fn build(&self, beside: Beside<'_>) -> Vec<u8> {
        let token = token(&self.forge, &self.whole.root(), NOW);
        self.whole.file(&token, &self.forge.authority(), beside)
    }

    fn judge(&self, beside: Beside<'_>) -> Result<Verdict, BundleError> {
        Bundle::read(&self.build(beside))?.verify(&[self.forge.authority()])
    }

    fn with_log(&self, change: impl FnOnce(&mut LogPlace)) -> String {
        let mut log = self.whole.log.clone();
        change(&mut log);
        let error = self.judge(Beside { log: Some(log), ..Beside::default() }).unwrap_err();
        assert!(["log", "proof"].contains(&error.code()), "{error}");
        text(&error)
    }

    fn with_after(&self, change: impl FnOnce(&mut After)) -> BundleError {
        let mut after = self.after(1);
        change(&mut after);
        self.judge(Beside { after: Some(after), ..Beside::default() }).unwrap_err()
    }

    fn with_evidence(&self, change: impl FnOnce(&mut EvidenceRecord)) -> &'static str {
        let token = token(&self.forge, &self.whole.root(), NOW);
        let leaf = sha256(&self.whole.item);
        let mut evidence = EvidenceRecord::new(&leaf, &self.whole.path(), &token).unwrap();
        change(&mut evidence);
        let beside = Beside { evidence: Some(evidence), ..Beside::default() };
        let file = self.whole.file(&token, &self.forge.authority(), beside);
        let judged = Bundle::read(&file).unwrap().verify(&[self.forge.authority()]);
        judged.map_or_else(|error| error.code(), |verdict| ["none", "one"][verdict.renewals])
    }
}

fn token(forge: &Forge, digest: &[u8], seconds: u64) -> Vec<u8> {
    token_by(forge, HashAlgorithm::Sha256, digest, seconds)
}

fn token_by(forge: &Forge, hash: HashAlgorithm, digest: &[u8], seconds: u64) -> Vec<u8> {
    forge.token_with(|info| {
        info.message_imprint.hash_algorithm = hash.identifier();
        info.message_imprint.hashed_message = OctetString::new(digest).unwrap();
        info.gen_time = GenTime::new(Duration::from_secs(seconds));
    })
}

#[test]
fn all_that_stands_beside_is_told() {
    let case = Case::new();
    let beside = Beside {
        log: Some(case.whole.log.clone()),
        after: Some(case.after(1)),
        ..Beside::default()
    };
    let verdict = case.judge(beside).unwrap();
    let (log, after) = (verdict.log.unwrap(), verdict.after.unwrap());
    assert_eq!((log.origin.as_str(), log.size, log.index), (LOG, 9, 6));
    assert_eq!((after.origin.as_str(), after.size), (LOG, 4));
    assert!(after.word.verified.gen_time < verdict.verified.gen_time);
    assert_eq!((verdict.seq, verdict.signed_by.map(|it| it.len())), (Some(3), Some(64)));
}

#[test]
fn a_wrong_way_to_the_checkpoint_is_refused() {
    let case = Case::new();
    assert_snapshot!(case.with_log(|log| log.checkpoint_path[0][0] ^= 1), @"the log does not hold: its checkpoint was not stamped with the record");
    assert_snapshot!(case.with_log(|log| log.checkpoint_path.truncate(1)), @"the log does not hold: its checkpoint was not stamped with the record");
    assert_snapshot!(case.with_log(|log| log.checkpoint_path = vec![[0; 32]; 65]), @"`log.checkpoint_path` in `proof.json` does not fit the rest");
}

#[test]
fn a_wrong_place_in_the_log_is_refused() {
    let case = Case::new();
    assert_snapshot!(case.with_log(|log| log.inclusion[1][0] ^= 1), @"the log does not hold: the record is not at that place in it");
    assert_snapshot!(case.with_log(|log| log.inclusion.push([0; 32])), @"the log does not hold: the record is not at that place in it");
    assert_snapshot!(case.with_log(|log| log.inclusion = vec![[0; 32]; 65]), @"`log.inclusion` in `proof.json` does not fit the rest");
    for index in [0, 5, 7, 8, 9, u64::MAX] {
        let said = case.with_log(|log| log.index = index);
        assert_eq!(said, "the log does not hold: the record is not at that place in it");
    }
}

#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let case = Case::new();
    let mut other = Peaks::default();
    other.extend(&(0..9_u8).map(|it| sha256(&[it, it])).collect::<Vec<Digest>>());
    let other = checkpoint("other@test", &other);
    // One that was never stamped, and one that was stamped with the very same batch.
    assert_snapshot!(case.with_log(|log| log.checkpoint.clone_from(&other.note)), @"the log does not hold: its checkpoint was not stamped with the record");
    let whole = Whole::beside(vec![other.digest()]);
    let path = whole.tree.path(6);
    let case = Case { whole, ..case };
    let said = case.with_log(|log| {
        log.checkpoint.clone_from(&other.note);
        log.checkpoint_path = path;
    });
    assert_snapshot!(said, @"the log does not hold: the record is not at that place in it");
    assert_snapshot!(case.with_log(|log| log.checkpoint.push('x')), @"the log does not hold: its checkpoint cannot be read");
    // The same log under another name.
    let said = case.with_log(|log| {
        let Checkpoint { size, root, .. } = Signed::read(&log.checkpoint).unwrap().checkpoint;
        log.checkpoint = Checkpoint { origin: "me@test".to_owned(), size, root }.unsigned().note;
    });
    assert_snapshot!(said, @"the log does not hold: its checkpoint was not stamped with the record");
}

#[test]
fn a_lower_bound_that_the_record_does_not_name_is_refused() {
    let case = Case::new();
    let mut other = Peaks::default();
    other.append(&[7; 32]);
    let other = checkpoint(LOG, &other).note;
    assert_snapshot!(text(&case.with_after(|after| after.checkpoint = other)), @"the lower bound does not hold: the record names another checkpoint");
    assert_snapshot!(text(&case.with_after(|after| after.checkpoint.clear())), @"the lower bound does not hold: it is no checkpoint");
    // Nor has an item one that names none.
    let after = Some(case.after(1));
    let item = br#"{"meta":{"type":"check"}}"#;
    let token = token(&case.forge, &sha256(item), NOW);
    let beside = Beside { after, ..Beside::default() };
    let authority = case.forge.authority();
    let file = Bundle::build_with(item, &[], &token, &authority, beside).unwrap();
    let error = Bundle::read(&file).unwrap().verify(&[authority]).unwrap_err();
    assert_snapshot!(text(&error), @"the lower bound does not hold: the record names another checkpoint");
}

#[test]
fn a_lower_bound_that_does_not_hold_is_refused() {
    let case = Case::new();
    assert_snapshot!(text(&case.with_after(|after| after.path[0][0] ^= 1)), @"the token of the lower bound does not hold: the token is for other data");
    assert_snapshot!(text(&case.with_after(|after| after.token.clear())), @"the token of the lower bound does not hold: cannot read ContentInfo: ASN.1 DER message is incomplete: expected 1, actual 0 at DER byte 0");
    let broken = case.with_after(|after| *after.token.last_mut().unwrap() ^= 1);
    assert_snapshot!(text(&broken), @"the token of the lower bound does not hold: the signature is wrong");
    let other = token(&Forge::new(), &case.whole.earlier_root(), NOW - DAY);
    assert_snapshot!(text(&case.with_after(|after| after.token = other)), @"the token of the lower bound does not hold: the certificate does not lead to an anchor of `forged`: InvalidSignatureForPublicKey");
    assert_snapshot!(text(&case.with_after(|after| after.path = vec![[0; 32]; 65])), @"`after.path` in `proof.json` does not fit the rest");
}

#[test]
fn a_lower_bound_that_is_later_than_the_record_is_refused() {
    let case = Case::new();
    let late = token(&case.forge, &case.whole.earlier_root(), NOW + 60);
    let error = case.with_after(|after| after.token = late);
    assert_eq!(error.code(), "after");
    assert_snapshot!(text(&error), @"the lower bound does not hold: it was stamped after the record");
}

#[test]
fn an_authority_counts_once_however_often_it_has_stamped() {
    let case = Case::new();
    let [second, stranger] = [(), ()].map(|()| Forge::new());
    let root = case.whole.root();
    let authority = |forge: &Forge, name: &str| {
        Authority::from_pem(name, forge.authority().to_pem().as_bytes()).unwrap()
    };
    let (one, two, three) =
        (case.forge.authority(), authority(&second, "two"), authority(&stranger, "three"));
    let again = token(&case.forge, &root, NOW + 1);
    let [further, further_again] = [2, 3].map(|it| token(&second, &root, NOW + it));
    let unknown = token(&stranger, &root, NOW);
    let mut broken = further.clone();
    *broken.last_mut().unwrap() ^= 1;
    let other = token(&second, &[7; 32], NOW);
    let also: Vec<(&[u8], &Authority)> = vec![
        (&further, &two),
        (&again, &one),
        (&further_again, &two),
        (&unknown, &three),
        (&broken, &two),
        (&other, &two),
        (b"no token", &two),
    ];
    let file = case.build(Beside { also, ..Beside::default() });
    let verdict = Bundle::read(&file).unwrap().verify(&[one.clone(), two.clone()]).unwrap();
    assert_eq!(verdict.also.iter().map(|it| it.authority.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(
        verdict.not_counted,
        ["repeated", "repeated", "chain", "signature", "imprint", "malformed"]
    );
    // A name in the bundle makes nobody believed.
    let also = vec![(&unknown[..], &two)];
    let file = case.build(Beside { also, ..Beside::default() });
    let verdict = Bundle::read(&file).unwrap().verify(&[one, two]).unwrap();
    assert_eq!((verdict.also.len(), &verdict.not_counted[..]), (0, &["chain"][..]));
}

#[test]
fn more_tokens_than_are_read_are_refused() {
    let case = Case::new();
    let authority = case.forge.authority();
    let also = vec![(&b""[..], &authority); 17];
    let error = case.judge(Beside { also, ..Beside::default() }).unwrap_err();
    assert_snapshot!(text(&error), @"`also` in `proof.json` does not fit the rest");
}

#[test]
fn a_signature_of_the_item_that_does_not_hold_is_refused() {
    let case = Case::new();
    // Stamped as it is, but signed before it was changed.
    let item = String::from_utf8(case.whole.item.clone()).unwrap().replace("\"b2s=\"", "\"bm8=\"");
    let token = token(&case.forge, &sha256(item.as_bytes()), NOW);
    let authority = case.forge.authority();
    let file = Bundle::build(item.as_bytes(), &[], &token, &authority).unwrap();
    let error = Bundle::read(&file).unwrap().verify(&[authority]).unwrap_err();
    assert_eq!(error.code(), "signature");
    assert_snapshot!(text(&error), @"the record does not hold: the signature is not that of its key over this record");
}

#[test]
fn a_renewal_that_does_not_hold_is_refused() {
    let case = Case::new();
    let (forge, item) = (&case.forge, &case.whole.item);
    let sha512 = HashAlgorithm::Sha512;
    let renewed = |digest: Option<Vec<u8>>, seconds: u64, forge: &Forge| {
        case.with_evidence(|evidence| {
            let (_, value) = evidence.renewal_value().unwrap();
            let token = token(forge, &digest.unwrap_or(value), seconds);
            evidence.renew(&[], &token).unwrap();
        })
    };
    assert_eq!(renewed(None, NOW + DAY, forge), "one");
    assert_eq!(renewed(Some(vec![7; 32]), NOW + DAY, forge), "imprint");
    assert_eq!(renewed(None, NOW - 60, forge), "order");
    assert_eq!(renewed(None, NOW + DAY, &Forge::new()), "chain");
    let rehashed = |of: &[u8]| {
        case.with_evidence(|evidence| {
            let value = evidence.rehashed_value(sha512, of).unwrap();
            let token = token_by(forge, sha512, &value, NOW + DAY);
            evidence.rehash(sha512, of, &[], &token).unwrap();
        })
    };
    assert_eq!(rehashed(item), "one");
    assert_eq!(rehashed(b"{}"), "imprint");
    // A first time stamp that is another than that of the bundle.
    let code = case.with_evidence(|evidence| {
        let token = token(forge, &case.whole.root(), NOW - 60);
        *evidence = EvidenceRecord::new(&sha256(item), &case.whole.path(), &token).unwrap();
    });
    assert_eq!(code, "other-token");
}
