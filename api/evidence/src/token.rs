//! A time-stamp token, taken apart but not yet believed (RFC 3161 section 2.4.2, RFC 5652).

mod error;

use std::borrow::Cow;

use cms::signed_data::SignerInfo;
use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Tag};

pub use error::TokenError;

use crate::ber;
use crate::response::MAX_RESPONSE;
use crate::tlv::{content, context, elements, has_tag};
use crate::wire::{TstInfo, oid};

/// The parts of a token, as slices of what was received.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    /// What the token says, and the bytes of that which are signed through their digest.
    pub(crate) info: TstInfo,
    pub(crate) info_der: &'a [u8],
    /// The one signer, and the attributes that are signed.
    pub(crate) signer: SignerInfo,
    pub(crate) signed_attributes: &'a [u8],
    /// The certificates in the token, in no order that means anything.
    pub(crate) certificates: Vec<&'a [u8]>,
}

impl<'a> Token<'a> {
    /// Reads the DER of a token.
    pub(crate) fn parse(token: &'a [u8]) -> Result<Self, TokenError> {
        if token.len() > MAX_RESPONSE {
            return Err(TokenError::TooLarge { size: token.len() });
        }
        let envelope = Envelope::parse(signed_data(token)?)?;
        let [signer_der] = envelope.signers[..] else {
            return Err(TokenError::SignerCount { found: envelope.signers.len() });
        };
        Ok(Self {
            info: TstInfo::from_der(envelope.content).map_err(TokenError::malformed("TSTInfo"))?,
            info_der: envelope.content,
            signer: SignerInfo::from_der(signer_der)
                .map_err(TokenError::malformed("SignerInfo"))?,
            signed_attributes: signed_attributes(signer_der)?,
            certificates: envelope.certificates,
        })
    }
}

/// The same token in DER, when it came in BER.
pub(crate) fn in_der(token: &[u8]) -> Cow<'_, [u8]> {
    if token.len() > MAX_RESPONSE || Token::parse(token).is_ok() {
        return Cow::Borrowed(token);
    }
    ber::to_der(token).map_or(Cow::Borrowed(token), Cow::Owned)
}

/// The content of `ContentInfo`, which must be `SignedData` (RFC 5652 section 3).
fn signed_data(token: &[u8]) -> Result<&[u8], TokenError> {
    let malformed = TokenError::malformed("ContentInfo");
    let parts = content(token, Tag::Sequence).and_then(elements).map_err(malformed)?;
    let [kind, body] = parts[..] else {
        return Err(TokenError::Shape("ContentInfo is a type and a content"));
    };
    expect_type(kind, oid::SIGNED_DATA, "signedData")?;
    content(body, context(0))
        .and_then(|body| content(body, Tag::Sequence))
        .map_err(TokenError::malformed("SignedData"))
}

fn expect_type(
    kind: &[u8],
    expected: ObjectIdentifier,
    name: &'static str,
) -> Result<(), TokenError> {
    let found =
        ObjectIdentifier::from_der(kind).map_err(TokenError::malformed("a content type"))?;
    if found != expected {
        return Err(TokenError::ContentType { found, expected: name });
    }
    Ok(())
}

/// The fields of `SignedData` (RFC 5652 section 5.1).
struct Envelope<'a> {
    content: &'a [u8],
    certificates: Vec<&'a [u8]>,
    signers: Vec<&'a [u8]>,
}

impl<'a> Envelope<'a> {
    fn parse(body: &'a [u8]) -> Result<Self, TokenError> {
        let malformed = || TokenError::malformed("SignedData");
        let mut fields = elements(body).map_err(malformed())?.into_iter().peekable();
        let missing = TokenError::Shape("SignedData lacks a field");

        let [Some(version), Some(digests), Some(encapsulated)] =
            [fields.next(), fields.next(), fields.next()]
        else {
            return Err(missing);
        };
        let version = u8::from_der(version).map_err(malformed())?;
        if !matches!(version, 1 | 3 | 4 | 5) {
            return Err(TokenError::Version("SignedData"));
        }
        content(digests, Tag::Set).map_err(malformed())?;

        let mut optional = |number| fields.next_if(|field| has_tag(field, context(number)));
        let certificates = match optional(0) {
            Some(set) => content(set, context(0)).and_then(elements).map_err(malformed())?,
            None => Vec::new(),
        };
        let _revocations = optional(1);
        let (Some(signers), None) = (fields.next(), fields.next()) else {
            return Err(missing);
        };
        Ok(Self {
            content: encapsulated_info(encapsulated)?,
            certificates: certificates.into_iter().filter(|c| has_tag(c, Tag::Sequence)).collect(),
            signers: content(signers, Tag::Set).and_then(elements).map_err(malformed())?,
        })
    }
}

fn encapsulated_info(encapsulated: &[u8]) -> Result<&[u8], TokenError> {
    let malformed = || TokenError::malformed("EncapsulatedContentInfo");
    let parts = content(encapsulated, Tag::Sequence).and_then(elements).map_err(malformed())?;
    let [kind, body] = parts[..] else {
        return Err(TokenError::Shape("the token has no content"));
    };
    expect_type(kind, oid::TST_INFO, "id-ct-TSTInfo")?;
    let string = content(body, context(0)).and_then(OctetStringRef::from_der);
    Ok(string.map_err(malformed())?.as_bytes())
}

/// The `[0]` of a `SignerInfo` as it was received (RFC 5652 section 5.3).
fn signed_attributes(signer: &[u8]) -> Result<&[u8], TokenError> {
    let fields = content(signer, Tag::Sequence).and_then(elements);
    let fields = fields.map_err(TokenError::malformed("SignerInfo"))?;
    // The signer's identifier, at place 1, may be a `[0]` too.
    let attributes = fields.into_iter().skip(3).find(|field| has_tag(field, context(0)));
    attributes.ok_or(TokenError::Attribute { name: "signedAttrs", problem: "absent" })
}
