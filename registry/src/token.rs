//! The token that an operator gives once: what a new agent needs to know, and a secret.

use std::fmt;

use aws_lc_rs::hmac;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use tokio_xmpp::jid::BareJid;
use types::{EnrolmentToken, PASSWORD_WORDS, PROOF_WORDS, TOKEN_PREFIX};
use zeroize::Zeroizing;

use crate::{NoKey, Secret, VerifyingKey, members::is_account, transcript::sha256};

/// The longest token, in characters.
const LONGEST: usize = 600;
/// Bytes of the digest that a token ends with.
const CHECK: usize = 4;

/// Why a text is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It does not begin as tokens do.
    #[error("not an enrolment token; it would begin with `{TOKEN_PREFIX}`")]
    Prefix,
    /// It is of another version.
    #[error("an enrolment token of version `{0}`; this program knows version 1")]
    Version(String),
    /// It is longer than tokens are.
    #[error("a token of {0} characters is too long; {LONGEST} is the most")]
    TooLong(usize),
    /// Something is missing, or another than it was.
    #[error("the token is cut or mistyped; copy it anew, as a whole")]
    Mistyped,
    /// It is whole, and says what cannot be.
    #[error("the token's {0} is none")]
    Field(&'static str),
}

/// A token, read and checked.
#[derive(Clone)]
pub struct Token {
    /// The account that is to be.
    pub jid: BareJid,
    /// The registrar's account.
    pub registrar: BareJid,
    /// Host and port of the server.
    pub server: Option<String>,
    /// SHA-256 of the certificate of the authority that vouches for the server.
    pub authority: Option<[u8; 32]>,
    /// The registry's key.
    pub registry: VerifyingKey,
    /// What the agent is to be.
    pub role: String,
    /// Until when it can be used, in seconds since 1970 UTC.
    pub until: i64,
    secret: Zeroizing<[u8; 32]>,
    /// Tells tokens apart, and nothing of their secrets.
    pub mark: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("jid", &self.jid).finish_non_exhaustive()
    }
}

impl Token {
    /// Reads a token as it was copied.
    pub fn read(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(TokenError::TooLong(text.len()));
        }
        let Some(body) = text.strip_prefix(TOKEN_PREFIX) else { return Err(other_version(text)) };
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(body).map_err(|_| TokenError::Mistyped)?;
        let bytes = Zeroizing::new(bytes);
        let (said, check) = bytes.split_last_chunk::<CHECK>().ok_or(TokenError::Mistyped)?;
        let digest = sha256(said);
        if digest.first_chunk::<CHECK>() != Some(check) {
            return Err(TokenError::Mistyped);
        }
        let said: EnrolmentToken =
            serde_json::from_slice(said).map_err(|_| TokenError::Field("content"))?;
        let account = |text: &str, what| match text.parse() {
            Ok(jid) if is_account(text) => Ok(jid),
            _ => Err(TokenError::Field(what)),
        };
        let authority = said.authority.as_deref().map(bytes_of).transpose();
        Ok(Self {
            jid: account(&said.jid, "account")?,
            registrar: account(&said.registrar, "registrar")?,
            server: said.server.clone(),
            authority: authority.map_err(|_| TokenError::Field("authority"))?,
            registry: VerifyingKey(
                bytes_of(&said.registry).map_err(|_| TokenError::Field("registry key"))?,
            ),
            role: said.role.clone(),
            until: said.until,
            secret: Zeroizing::new(
                bytes_of(&said.secret).map_err(|_| TokenError::Field("secret"))?,
            ),
            mark: hex::encode(sha256(&digest)),
        })
    }

    /// The password that the account has at first.
    pub fn password(&self) -> Secret {
        BASE64_URL_SAFE_NO_PAD.encode(self.derive(PASSWORD_WORDS)).as_str().into()
    }

    /// The key that the request is proved with, as hexadecimal digits.
    pub fn proof_key(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.derive(PROOF_WORDS)))
    }

    fn derive(&self, words: &str) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*self.secret), words.as_bytes())
    }
}

/// As the API writes it.
#[cfg(test)]
pub(crate) fn write(token: &EnrolmentToken) -> String {
    let mut bytes = serde_json::to_vec(token).unwrap_or_default();
    bytes.extend(
        sha256(&bytes).first_chunk::<CHECK>().into_iter().flatten().copied().collect::<Vec<_>>(),
    );
    format!("{TOKEN_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

fn other_version(text: &str) -> TokenError {
    let version = text.strip_prefix("vdt").and_then(|it| it.split_once('_')).map(|(it, _)| it);
    match version {
        Some(version) if !version.is_empty() && version.bytes().all(|it| it.is_ascii_digit()) => {
            TokenError::Version(version.to_owned())
        }
        _ => TokenError::Prefix,
    }
}

fn bytes_of(text: &str) -> Result<[u8; 32], NoKey> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| NoKey)?;
    bytes.try_into().map_err(|_| NoKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn said() -> EnrolmentToken {
        EnrolmentToken {
            jid: "edge1@vedette.local".to_owned(),
            registrar: "registry@vedette.local".to_owned(),
            server: Some("127.0.0.1:5222".to_owned()),
            authority: Some(BASE64_URL_SAFE_NO_PAD.encode([1; 32])),
            registry: BASE64_URL_SAFE_NO_PAD.encode([2; 32]),
            secret: BASE64_URL_SAFE_NO_PAD.encode([3; 32]),
            role: "probe".to_owned(),
            until: 1_800_000_000,
        }
    }

    #[test]
    fn what_was_written_is_read_and_is_short() {
        let text = write(&said());
        assert!(text.len() < 500, "{}", text.len());
        assert!(text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_'));
        let token = Token::read(&format!(" {text}\n")).unwrap();
        assert_eq!(token.jid.as_str(), "edge1@vedette.local");
        assert_eq!((token.authority, token.registry), (Some([1; 32]), VerifyingKey([2; 32])));
        assert_eq!(token.proof_key().len(), 64);
        assert!(!format!("{token:?}").contains("3, 3"), "{token:?}");
    }

    #[test]
    fn every_cut_and_every_mistyped_letter_is_told() {
        let text = write(&said());
        for cut in TOKEN_PREFIX.len()..text.len() {
            assert_eq!(Token::read(&text[..cut]).unwrap_err(), TokenError::Mistyped, "{cut}");
        }
        for at in TOKEN_PREFIX.len()..text.len() {
            let mut letters = text.clone().into_bytes();
            letters[at] = if letters[at] == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(letters).unwrap();
            assert_eq!(Token::read(&text).unwrap_err(), TokenError::Mistyped, "{at}");
        }
    }

    #[test]
    fn what_is_no_token_of_ours_is_told_as_such() {
        let error = |text: &str| Token::read(text).unwrap_err();
        assert_eq!(error("vdt2_abc"), TokenError::Version("2".to_owned()));
        assert_eq!(error("vdt_abc"), TokenError::Prefix);
        assert_eq!(error(""), TokenError::Prefix);
        assert_eq!(error(&"x".repeat(601)), TokenError::TooLong(601));
        let spoilt = |spoil: fn(&mut EnrolmentToken)| {
            let mut it = said();
            spoil(&mut it);
            error(&write(&it))
        };
        assert_eq!(spoilt(|it| it.jid = "edge1".to_owned()), TokenError::Field("account"));
        assert_eq!(spoilt(|it| it.secret = "AA".to_owned()), TokenError::Field("secret"));
        assert_eq!(spoilt(|it| it.registry.clear()), TokenError::Field("registry key"));
    }
}
