//! Whom we believe: an authority with its anchors, as one thing that is never taken apart.

use der::Decode;
use der::asn1::ObjectIdentifier;
use der::pem::{self, LineEnding};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use serde::{Deserialize, Serialize};
use x509_cert::Certificate;

/// How far a time stamp carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Made by an authority of our own: shows order and integrity to whoever believes us.
    SelfSigned,
    /// Made by an authority that the operator anchored.
    Anchored,
}

/// A time-stamping authority as the operator trusts it.
///
/// Anchors, further certificates and policies belong to this authority alone: certificates of
/// several authorities in one pool would let one borrow the validity of another.
#[derive(Clone, Debug)]
pub struct Authority {
    name: String,
    anchors: Vec<Anchor>,
    extra: Vec<Vec<u8>>,
    policies: Vec<ObjectIdentifier>,
    trust: Trust,
}

/// One anchor, in the forms in which it is needed.
#[derive(Clone, Debug)]
pub(crate) struct Anchor {
    pub(crate) der: Vec<u8>,
    /// The whole certificate, as webpki forgets how long an anchor is valid.
    pub(crate) certificate: Certificate,
    pub(crate) trusted: TrustAnchor<'static>,
}

/// Why an authority cannot be made of what was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// No certificate in the PEM.
    #[error("no certificate for `{authority}`; expected PEM with `-----BEGIN CERTIFICATE-----`")]
    Empty {
        /// The authority.
        authority: String,
    },
    /// The PEM is broken.
    #[error("cannot read the PEM for `{authority}`")]
    Pem {
        /// The authority.
        authority: String,
        /// What is wrong.
        source: rustls_pki_types::pem::Error,
    },
    /// One of the certificates is broken.
    #[error("cannot read certificate {number} for `{authority}`")]
    Certificate {
        /// The authority.
        authority: String,
        /// Which one, from 1.
        number: usize,
        /// What is wrong.
        source: der::Error,
    },
    /// One of the certificates cannot be an anchor.
    #[error("certificate {number} for `{authority}` cannot be an anchor")]
    Unusable {
        /// The authority.
        authority: String,
        /// Which one, from 1.
        number: usize,
        /// What is wrong.
        source: webpki::Error,
    },
    /// A policy is not an object identifier.
    #[error("policy `{policy}` of `{authority}` is not an object identifier like `1.3.6.1.4.1`")]
    Policy {
        /// The authority.
        authority: String,
        /// What was given.
        policy: String,
    },
}

impl Authority {
    /// An authority of this name whose tokens must lead to one of these certificates.
    pub fn from_pem(name: &str, anchors_pem: &[u8]) -> Result<Self, AnchorError> {
        let mut anchors = Vec::new();
        for (number, der) in (1..).zip(certificates(name, anchors_pem)?) {
            anchors.push(Anchor::new(name, number, der)?);
        }
        Ok(Self::of(name, anchors))
    }

    /// Adds certificates that are not believed by themselves: intermediates, or the signer's own
    /// where tokens come without.
    pub fn with_extra_pem(mut self, extra_pem: &[u8]) -> Result<Self, AnchorError> {
        for (number, der) in (1..).zip(certificates(&self.name, extra_pem)?) {
            parse(&self.name, number, &der)?;
            self.extra.push(der);
        }
        Ok(self)
    }

    /// Accepts only tokens under one of these policies (object identifiers with dots).
    pub fn with_policies<S: AsRef<str>>(
        mut self,
        policies: impl IntoIterator<Item = S>,
    ) -> Result<Self, AnchorError> {
        for policy in policies {
            let policy = policy.as_ref();
            let oid = ObjectIdentifier::new(policy).map_err(|_| AnchorError::Policy {
                authority: self.name.clone(),
                policy: policy.to_owned(),
            })?;
            self.policies.push(oid);
        }
        Ok(self)
    }

    /// Marks it as our own, so that nobody takes its word for more than that.
    #[must_use]
    pub fn self_signed(mut self) -> Self {
        self.trust = Trust::SelfSigned;
        self
    }

    /// What the operator calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far its time stamps carry.
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// Its anchors and further certificates as PEM.
    pub fn to_pem(&self) -> String {
        let anchors = self.anchors.iter().map(|anchor| &anchor.der);
        anchors.chain(&self.extra).map(|der| certificate_pem(der)).collect()
    }

    /// An authority made of certificates from outside: those that are issued by themselves are
    /// the anchors, the others are not believed by themselves.
    pub(crate) fn from_bag(name: &str, pem: &[u8]) -> Result<Self, AnchorError> {
        let (mut anchors, mut extra) = (Vec::new(), Vec::new());
        for (number, der) in (1..).zip(certificates(name, pem)?) {
            let tbs = parse(name, number, &der)?.tbs_certificate;
            if tbs.subject == tbs.issuer {
                anchors.push(Anchor::new(name, number, der)?);
            } else {
                extra.push(der);
            }
        }
        if anchors.is_empty() {
            return Self::from_pem(name, pem);
        }
        Ok(Self { extra, ..Self::of(name, anchors) })
    }

    pub(crate) fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    pub(crate) fn extra(&self) -> &[Vec<u8>] {
        &self.extra
    }

    pub(crate) fn policies(&self) -> &[ObjectIdentifier] {
        &self.policies
    }

    fn of(name: &str, anchors: Vec<Anchor>) -> Self {
        Self {
            name: name.to_owned(),
            anchors,
            extra: Vec::new(),
            policies: Vec::new(),
            trust: Trust::Anchored,
        }
    }
}

impl Anchor {
    fn new(authority: &str, number: usize, der: Vec<u8>) -> Result<Self, AnchorError> {
        let certificate = parse(authority, number, &der)?;
        let unusable =
            |source| AnchorError::Unusable { authority: authority.to_owned(), number, source };
        let borrowed = CertificateDer::from(der.as_slice());
        let trusted = webpki::anchor_from_trusted_cert(&borrowed).map_err(unusable)?.to_owned();
        Ok(Self { der, certificate, trusted })
    }

    /// Whether webpki speaks of this anchor: same name and same key.
    pub(crate) fn is(&self, trusted: &TrustAnchor<'_>) -> bool {
        self.trusted.subject == trusted.subject
            && self.trusted.subject_public_key_info == trusted.subject_public_key_info
    }

    /// Whether it is valid at this time, in seconds since 1970 (RFC 5280 section 4.1.2.5).
    pub(crate) fn is_valid_at(&self, unix_seconds: u64) -> bool {
        let validity = &self.certificate.tbs_certificate.validity;
        let from = validity.not_before.to_unix_duration().as_secs();
        let until = validity.not_after.to_unix_duration().as_secs();
        (from..=until).contains(&unix_seconds)
    }

    pub(crate) fn subject(&self) -> String {
        self.certificate.tbs_certificate.subject.to_string()
    }
}

/// The PEM of one certificate.
pub(crate) fn certificate_pem(der: &[u8]) -> String {
    pem::encode_string("CERTIFICATE", LineEnding::LF, der).unwrap_or_default()
}

fn certificates(authority: &str, pem: &[u8]) -> Result<Vec<Vec<u8>>, AnchorError> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate
            .map_err(|source| AnchorError::Pem { authority: authority.to_owned(), source })?;
        found.push(certificate.as_ref().to_vec());
    }
    if found.is_empty() {
        return Err(AnchorError::Empty { authority: authority.to_owned() });
    }
    Ok(found)
}

fn parse(authority: &str, number: usize, der: &[u8]) -> Result<Certificate, AnchorError> {
    Certificate::from_der(der).map_err(|source| AnchorError::Certificate {
        authority: authority.to_owned(),
        number,
        source,
    })
}
