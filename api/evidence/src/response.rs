//! The answer of an authority: a status, and a token when it was granted (RFC 3161 section 2.4.2).

use std::borrow::Cow;

use der::asn1::BitString;
use der::{Any, Decode, Encode, Reader, Sequence, SliceReader};

use crate::ber;
use crate::token::TokenError;
use crate::wire::PkiStatusInfo;

/// Most bytes of an answer or a token that are looked at.
pub const MAX_RESPONSE: usize = 256 * 1024;

/// Why an authority refuses a request (RFC 3161 section 2.4.2, `PKIFailureInfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailInfo {
    /// Unknown hash function.
    BadAlg,
    /// The request is not allowed.
    BadRequest,
    /// The request cannot be read.
    BadDataFormat,
    /// The authority's clock is not available.
    TimeNotAvailable,
    /// The policy is not offered.
    UnacceptedPolicy,
    /// An extension is not supported.
    UnacceptedExtension,
    /// Further information was asked for and is not available.
    AddInfoNotAvailable,
    /// The authority itself failed.
    SystemFailure,
}

impl FailInfo {
    const ALL: [Self; 8] = [
        Self::BadAlg,
        Self::BadRequest,
        Self::BadDataFormat,
        Self::TimeNotAvailable,
        Self::UnacceptedPolicy,
        Self::UnacceptedExtension,
        Self::AddInfoNotAvailable,
        Self::SystemFailure,
    ];

    /// Its name in RFC 3161.
    const fn name(self) -> &'static str {
        match self {
            Self::BadAlg => "badAlg",
            Self::BadRequest => "badRequest",
            Self::BadDataFormat => "badDataFormat",
            Self::TimeNotAvailable => "timeNotAvailable",
            Self::UnacceptedPolicy => "unacceptedPolicy",
            Self::UnacceptedExtension => "unacceptedExtension",
            Self::AddInfoNotAvailable => "addInfoNotAvailable",
            Self::SystemFailure => "systemFailure",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::BadAlg => 0,
            Self::BadRequest => 2,
            Self::BadDataFormat => 5,
            Self::TimeNotAvailable => 14,
            Self::UnacceptedPolicy => 15,
            Self::UnacceptedExtension => 16,
            Self::AddInfoNotAvailable => 17,
            Self::SystemFailure => 25,
        }
    }

    fn named_in(bits: &BitString) -> Vec<&'static str> {
        let is_set = |kind: &Self| bits.bits().nth(kind.bit().into()) == Some(true);
        Self::ALL.into_iter().filter(is_set).map(Self::name).collect()
    }

    fn to_bits(self) -> der::Result<BitString> {
        let mut bytes = vec![0; usize::from(self.bit() / 8)];
        bytes.push(0x80 >> (self.bit() % 8));
        BitString::new(7 - self.bit() % 8, bytes)
    }
}

/// The status and the bytes of the token, which are never encoded again.
pub(crate) fn split(response: &[u8]) -> der::Result<(PkiStatusInfo, Option<&[u8]>)> {
    let mut reader = SliceReader::new(response)?;
    let parts = reader.sequence(|reader| {
        let status = PkiStatusInfo::decode(reader)?;
        let token = if reader.is_finished() { None } else { Some(reader.tlv_bytes()?) };
        Ok((status, token))
    })?;
    reader.finish(parts)
}

/// The same answer in DER, when it came in BER.
pub(crate) fn in_der(response: &[u8]) -> Cow<'_, [u8]> {
    if split(response).is_ok() {
        return Cow::Borrowed(response);
    }
    ber::to_der(response).map_or(Cow::Borrowed(response), Cow::Owned)
}

/// Fails with the authority's reasons unless the status is "granted" or "granted with changes".
pub(crate) fn check(status: &PkiStatusInfo) -> Result<(), TokenError> {
    if status.status <= 1 {
        return Ok(());
    }
    Err(TokenError::Refused {
        status: status.status,
        fail_info: status.fail_info.as_ref().map(FailInfo::named_in).unwrap_or_default(),
        text: status.status_string.clone().unwrap_or_default().join("; "),
    })
}

/// An answer that carries this token.
pub(crate) fn granted(token: &[u8]) -> der::Result<Vec<u8>> {
    let status = PkiStatusInfo { status: 0, status_string: None, fail_info: None };
    TimeStampResp { status, token: Some(Any::from_der(token)?) }.to_der()
}

/// An answer that says why there is no token.
pub(crate) fn rejected(fail_info: FailInfo, text: &str) -> der::Result<Vec<u8>> {
    let status = PkiStatusInfo {
        status: 2,
        status_string: Some(vec![text.to_owned()]),
        fail_info: Some(fail_info.to_bits()?),
    };
    TimeStampResp { status, token: None }.to_der()
}

#[derive(Sequence)]
struct TimeStampResp {
    status: PkiStatusInfo,
    #[asn1(optional = "true")]
    token: Option<Any>,
}
