//! Proofs of enrolment: what a new agent, and one that changes its keys, signs, and how the
//! registrar and the agent judge each other.

use aws_lc_rs::hmac;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use omemo::IdentityKey;
use types::{Device, EnrolmentAnswer, EnrolmentRequest, Handover, ListHead, Member};

use crate::{
    DeviceIdentity, Secret, SigningKey, VerifyingKey,
    members::{Members, key_bytes},
    token::Token,
    transcript::Transcript,
};

/// Why a request, a handover or an answer does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// A field cannot be read.
    #[error("`{0}` cannot be read")]
    Field(&'static str),
    /// It is meant for another registry.
    #[error("it is meant for the registry `{0}`, which is another")]
    Registry(String),
    /// It was not made with the token's secret, or something was changed on the way.
    #[error("it was not made with the token's secret, or changed on the way")]
    Secret,
    /// The signature of a key does not hold.
    #[error("the signature of the {0} does not hold")]
    Signature(&'static str),
    /// It hands over a place that is another by now.
    #[error("it hands over keys that are not those of `{0}`, or no longer")]
    Stale(String),
    /// The answer is about somebody else, or other keys.
    #[error("the answer vouches for other keys than those that were shown")]
    OtherKeys,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// The keys of an agent.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Its device.
    pub device: DeviceIdentity,
    /// The key that it signs evidence with.
    pub evidence: SigningKey,
}

/// Asks to be taken in, with proofs.
pub fn request(token: &Token, keys: &Keys) -> Result<EnrolmentRequest, ProofError> {
    let mut request = EnrolmentRequest {
        jid: token.jid.to_string(),
        device: keys.device.device,
        identity: hex::encode(keys.device.identity.key().0.0),
        evidence_key: keys.evidence.public().to_string(),
        registry: token.registry.to_string(),
        nonce: nonce()?,
        mac: String::new(),
        identity_proof: String::new(),
        evidence_proof: String::new(),
    };
    let said = of_request(&request)?;
    let key = key_of(&token.proof_key()).ok_or(ProofError::Field("secret"))?;
    request.mac = hex::encode(hmac::sign(&key, said.as_bytes()));
    request.identity_proof = hex::encode(keys.device.identity.sign(said.as_bytes()));
    request.evidence_proof = hex::encode(keys.evidence.sign(said.as_bytes()));
    Ok(request)
}

/// Whether a request was made by who has the token, and the secret halves of the keys in it.
pub fn judge(
    request: &EnrolmentRequest,
    registry: VerifyingKey,
    proof_key: &str,
) -> Result<(), ProofError> {
    if request.registry != registry.to_string() {
        return Err(ProofError::Registry(request.registry.chars().take(64).collect()));
    }
    let said = of_request(request)?;
    let mut mac = [0; 32];
    hex::decode_to_slice(&request.mac, &mut mac).map_err(|_| ProofError::Field("mac"))?;
    let key = key_of(proof_key).ok_or(ProofError::Field("proof key"))?;
    hmac::verify(&key, said.as_bytes(), &mac).map_err(|_| ProofError::Secret)?;
    signed(&said, &request.identity, &request.identity_proof, "identity key", by_identity)?;
    signed(&said, &request.evidence_key, &request.evidence_proof, "evidence key", by_evidence)
}

/// Hands a member's place over to new keys.
pub fn hand_over(
    member: &Member,
    registry: VerifyingKey,
    old: &DeviceIdentity,
    new: &Keys,
) -> Result<Handover, ProofError> {
    let mut handover = Handover {
        jid: member.jid.clone(),
        serial: member.serial,
        old: hex::encode(old.identity.key().0.0),
        device: new.device.device,
        identity: hex::encode(new.device.identity.key().0.0),
        evidence_key: new.evidence.public().to_string(),
        registry: registry.to_string(),
        nonce: nonce()?,
        old_proof: String::new(),
        identity_proof: String::new(),
        evidence_proof: String::new(),
    };
    let said = of_handover(&handover)?;
    handover.old_proof = hex::encode(old.identity.sign(said.as_bytes()));
    handover.identity_proof = hex::encode(new.device.identity.sign(said.as_bytes()));
    handover.evidence_proof = hex::encode(new.evidence.sign(said.as_bytes()));
    Ok(handover)
}

/// Whether a member, as it is now, hands its place over, once.
pub fn judge_handover(
    handover: &Handover,
    registry: VerifyingKey,
    member: &Member,
) -> Result<(), ProofError> {
    if handover.registry != registry.to_string() {
        return Err(ProofError::Registry(handover.registry.chars().take(64).collect()));
    }
    let has = member.devices.iter().any(|it| it.identity == handover.old);
    if !has || handover.jid != member.jid || handover.serial != member.serial {
        return Err(ProofError::Stale(member.jid.clone()));
    }
    let said = of_handover(handover)?;
    signed(&said, &handover.old, &handover.old_proof, "old identity key", by_identity)?;
    signed(&said, &handover.identity, &handover.identity_proof, "identity key", by_identity)?;
    signed(&said, &handover.evidence_key, &handover.evidence_proof, "evidence key", by_evidence)
}

/// The registrar's answer to the request with that nonce.
pub(crate) fn answer(
    key: &SigningKey,
    nonce: &str,
    member: Member,
    head: ListHead,
) -> Result<EnrolmentAnswer, ProofError> {
    let said = of_answer(nonce, &member, &head)?;
    Ok(EnrolmentAnswer { member, head, signature: hex::encode(key.sign(&said)) })
}

/// Whether the registry took in who asked, with the very keys that were shown. Nobody but the
/// registry can have answered so.
pub fn accept(
    answer: &EnrolmentAnswer,
    registry: VerifyingKey,
    jid: &str,
    nonce: &str,
    keys: &Keys,
    now_ms: i64,
) -> Result<(), ProofError> {
    let said = of_answer(nonce, &answer.member, &answer.head)?;
    let mut signature = [0; 64];
    hex::decode_to_slice(&answer.signature, &mut signature)
        .map_err(|_| ProofError::Field("signature"))?;
    if !registry.verify(&said, &signature) {
        return Err(ProofError::Signature("registry"));
    }
    Members::none(registry)
        .admits(&answer.head, now_ms)
        .map_err(|_| ProofError::Signature("registry's list"))?;
    let ours = Device {
        device: keys.device.device,
        identity: hex::encode(keys.device.identity.key().0.0),
    };
    let is_ours = answer.member.jid == jid
        && answer.member.devices == [ours]
        && answer.member.evidence_key == keys.evidence.public().to_string();
    if is_ours { Ok(()) } else { Err(ProofError::OtherKeys) }
}

/// A password of 256 bits that nobody can foresee.
pub fn random_password() -> Result<Secret, ProofError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| ProofError::Random)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes).as_str().into())
}

fn nonce() -> Result<String, ProofError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| ProofError::Random)?;
    Ok(hex::encode(bytes))
}

fn key_of(proof_key: &str) -> Option<hmac::Key> {
    key_bytes(proof_key).map(|it| hmac::Key::new(hmac::HMAC_SHA256, &it))
}

fn of_request(it: &EnrolmentRequest) -> Result<Transcript, ProofError> {
    let mut said = Transcript::new("vedette enrolment 1: request");
    said.text(&it.jid)
        .number(it.device.into())
        .bytes(&field(&it.identity, "identity")?)
        .bytes(&field(&it.evidence_key, "evidence_key")?)
        .bytes(&field(&it.registry, "registry")?)
        .bytes(&field(&it.nonce, "nonce")?);
    Ok(said)
}

fn of_handover(it: &Handover) -> Result<Transcript, ProofError> {
    let mut said = Transcript::new("vedette enrolment 1: handover");
    said.text(&it.jid)
        .number(it.serial)
        .bytes(&field(&it.old, "old")?)
        .number(it.device.into())
        .bytes(&field(&it.identity, "identity")?)
        .bytes(&field(&it.evidence_key, "evidence_key")?)
        .bytes(&field(&it.registry, "registry")?)
        .bytes(&field(&it.nonce, "nonce")?);
    Ok(said)
}

fn of_answer(nonce: &str, member: &Member, head: &ListHead) -> Result<Vec<u8>, ProofError> {
    let member = serde_json::to_string(member).map_err(|_| ProofError::Field("member"))?;
    let head = serde_json::to_string(head).map_err(|_| ProofError::Field("head"))?;
    let mut said = Transcript::new("vedette enrolment 1: answer");
    said.bytes(&field(nonce, "nonce")?).text(&member).text(&head);
    Ok(said.into_bytes())
}

fn field(hex: &str, name: &'static str) -> Result<[u8; 32], ProofError> {
    key_bytes(hex).ok_or(ProofError::Field(name))
}

type Verify = fn([u8; 32], &[u8], &[u8; 64]) -> bool;

fn by_identity(key: [u8; 32], said: &[u8], signature: &[u8; 64]) -> bool {
    IdentityKey(omemo::PublicKey(key)).verify(said, signature)
}

fn by_evidence(key: [u8; 32], said: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey(key).verify(said, signature)
}

fn signed(
    said: &Transcript,
    key: &str,
    proof: &str,
    whose: &'static str,
    verify: Verify,
) -> Result<(), ProofError> {
    let key = field(key, whose)?;
    let mut signature = [0; 64];
    hex::decode_to_slice(proof, &mut signature).map_err(|_| ProofError::Field(whose))?;
    let holds = verify(key, said.as_bytes(), &signature);
    if holds { Ok(()) } else { Err(ProofError::Signature(whose)) }
}

#[cfg(test)]
mod tests;
