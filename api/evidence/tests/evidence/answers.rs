//! Fresh answers: what is granted, refused, stale, or to another request.

use std::time::Duration;

use der::asn1::{BitString, ObjectIdentifier};
use der::{Decode, Encode};
use evidence::wire::{PkiStatusInfo, TimeStampReq};
use evidence::{Authority, MAX_RESPONSE, Request, TokenError, accept, sha256, verify, verify_any};
use insta::assert_snapshot;

use crate::forge::{Answer, DATA, Forge, NOW, POLICY, answer, judge, refusal, text};

const MINUTE: Duration = Duration::from_mins(1);

fn asked() -> Request {
    Request::new(&sha256(DATA))
}

fn refused(answer: &[u8], request: &Request, authority: &Authority) -> TokenError {
    accept(answer, request, authority, NOW, MINUTE).unwrap_err()
}

#[test]
fn a_right_answer_is_accepted_and_its_token_holds_for_itself() {
    let forge = Forge::new();
    let (request, authority) = (asked(), forge.authority());
    let response = forge.respond(&request.to_der());
    let (token, fresh) = accept(&response, &request, &authority, NOW, MINUTE).unwrap();
    assert_eq!(judge(&token, &authority).unwrap(), fresh);
    assert_eq!(fresh.gen_time.to_rfc3339(), "2026-09-21T14:13:20.25Z");
    assert_eq!(fresh.gen_time.unix_ms(), NOW * 1000 + 250);
    assert_eq!(fresh.accuracy_us, Some(1_000_000));
    assert_eq!(fresh.anchor, "CN=Forged anchor,O=test");
}

#[test]
fn a_request_asks_for_certificates_with_a_fresh_positive_nonce() {
    let messages = [asked(), asked()].map(|r| TimeStampReq::from_der(&r.to_der()).unwrap());
    for message in &messages {
        let nonce = message.nonce.as_ref().unwrap().as_bytes();
        assert_eq!((nonce.len(), nonce[0] & 0xc0), (16, 0x40));
        assert!(message.cert_req);
        assert_eq!(message.message_imprint.hashed_message.as_bytes(), sha256(DATA));
    }
    assert_ne!(messages[0].nonce, messages[1].nonce);
}

#[test]
fn a_token_for_other_data_is_refused() {
    let forge = Forge::new();
    let error = verify(&forge.token(), &sha256(b"proof of chuck"), &forge.authority()).unwrap_err();
    assert_eq!(error.code(), "imprint");
    assert_snapshot!(text(&error), @"the token is for other data");
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let forge = Forge::new();
    let (ours, theirs) = (asked(), asked());
    let response = forge.respond(&theirs.to_der());
    assert_eq!(refused(&response, &ours, &forge.authority()).code(), "nonce");
}

#[test]
fn an_answer_without_the_nonce_is_refused() {
    let forge = Forge::new();
    let response = answer(0, Some(&forge.token()));
    assert_eq!(refused(&response, &asked(), &forge.authority()).code(), "nonce");
}

#[test]
fn a_stale_answer_is_refused() {
    let forge = Forge::new();
    let request = asked();
    let response = forge.respond(&request.to_der());
    for now in [NOW + 3600, NOW - 3600] {
        let error = accept(&response, &request, &forge.authority(), now, MINUTE).unwrap_err();
        assert_eq!(error.code(), "time");
    }
    let error = accept(&response, &request, &forge.authority(), NOW + 90, MINUTE).unwrap_err();
    assert_snapshot!(text(&error), @"the authority's time 2026-09-21T14:13:20.25Z is 90 s off ours");
}

#[test]
fn a_policy_that_is_not_on_the_list_is_refused() {
    let forge = Forge::new();
    let authority = forge.authority().with_policies(["1.3.6.1.4.1.55555.2"]).unwrap();
    assert_eq!(refusal(&forge.token(), &authority), "policy");
    let authority = authority.with_policies([POLICY.to_string()]).unwrap();
    judge(&forge.token(), &authority).unwrap();
}

#[test]
fn a_policy_that_was_not_asked_for_is_refused() {
    let forge = Forge::new();
    let other = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.55555.2");
    let request = Request::under_policy(evidence::HashAlgorithm::Sha256, &sha256(DATA), other);
    let response = forge.respond(&request.to_der());
    assert_eq!(refused(&response, &request, &forge.authority()).code(), "policy");
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_authority() {
    let status = PkiStatusInfo {
        status: 2,
        status_string: Some(vec!["closed today".to_owned()]),
        fail_info: Some(BitString::new(7, vec![0x80]).unwrap()),
    };
    let response = Answer { status, token: None }.to_der().unwrap();
    let error = refused(&response, &asked(), &Forge::new().authority());
    assert_eq!(error.code(), "refused");
    assert_snapshot!(text(&error), @"the authority refused: closed today (badAlg)");
}

#[test]
fn a_refusal_without_words_is_told_by_its_number() {
    let error = refused(&answer(5, None), &asked(), &Forge::new().authority());
    assert_snapshot!(text(&error), @"the authority refused: status 5");
}

#[test]
fn an_answer_in_ber_is_accepted_and_its_token_kept_in_der() {
    let forge = Forge::new();
    let request = asked();
    let der = forge.respond(&request.to_der());
    let authority = forge.authority();
    let (kept, _) = accept(&der, &request, &authority, NOW, MINUTE).unwrap();
    let status = &[0x30, 3, 2, 1, 0];
    let token = [&[0x30, 0x80], &kept[4..], &[0, 0]].concat();
    let ber = [&[0x30, 0x80][..], status, &token, &[0, 0]].concat();
    let (token, _) = accept(&ber, &request, &authority, NOW, MINUTE).unwrap();
    assert_eq!(token, kept);
}

#[test]
fn granted_without_a_token_is_refused() {
    let error = refused(&answer(0, None), &asked(), &Forge::new().authority());
    assert_eq!(error, TokenError::NoToken);
}

#[test]
fn a_token_with_a_refusal_is_refused() {
    let forge = Forge::new();
    let response = answer(2, Some(&forge.token()));
    assert_eq!(refused(&response, &asked(), &forge.authority()).code(), "refused");
}

#[test]
fn what_is_not_an_answer_is_refused() {
    let authority = Forge::new().authority();
    for body in
        [&b""[..], b"<html>502 Bad Gateway</html>", b"\x30\x00", b"\x30\x80\x00\x00", b"junk"]
    {
        assert_eq!(refused(body, &asked(), &authority).code(), "malformed", "{body:?}");
    }
}

#[test]
fn what_is_too_long_is_not_looked_at() {
    let authority = Forge::new().authority();
    let long = vec![0x30; MAX_RESPONSE + 1];
    assert_eq!(refused(&long, &asked(), &authority).code(), "size");
    assert_eq!(refusal(&long, &authority), "size");
}

#[test]
fn the_authority_that_vouches_is_found_among_several() {
    let [one, two, three] = [Forge::new(), Forge::new(), Forge::new()];
    let authorities = [one.authority(), two.authority().self_signed()];
    let (found, _) = verify_any(&two.token(), &sha256(DATA), &authorities).unwrap();
    assert_eq!(found.trust(), evidence::Trust::SelfSigned);
    let code = |token: &[u8], data: &[u8], authorities: &[Authority]| {
        verify_any(token, &sha256(data), authorities).unwrap_err().code()
    };
    assert_eq!(code(&three.token(), DATA, &authorities), "chain");
    assert_eq!(code(&two.token(), b"other", &authorities), "imprint");
    assert_eq!(code(&two.token(), DATA, &[]), "no-authority");
    // Why the right one refuses is told, not that another one is not it.
    let strict = two.authority().with_policies(["1.3.6.1.4.1.55555.2"]).unwrap();
    assert_eq!(code(&two.token(), DATA, &[strict.clone(), one.authority()]), "policy");
    assert_eq!(code(&two.token(), DATA, &[one.authority(), strict]), "policy");
}
