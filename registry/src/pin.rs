//! The certificate of the authority that a token names, as the server shows it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{
        CryptoProvider, aws_lc_rs::default_provider, verify_tls12_signature, verify_tls13_signature,
    },
    version::{TLS12, TLS13},
};
use tokio_xmpp::{connect::ServerConnector, jid::BareJid, xmlstream::Timeouts};
use xmpp_parsers::ns;

use crate::{Server, connect::Connector, transcript::sha256};

/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(20);
const TIMEOUTS: Timeouts =
    Timeouts { read_timeout: Duration::from_secs(20), response_timeout: Duration::from_secs(20) };

/// Why the authority's certificate is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// Nobody vouches for the server whom the token names.
    #[error(
        "the server of `{0}` does not show the authority that the token names: it is another \
         server, or it does not send its authority's certificate along"
    )]
    OtherAuthority(String),
    /// There is no connection.
    #[error("cannot connect to the server of `{domain}`")]
    Road {
        /// Of which domain.
        domain: String,
        /// Why.
        source: tokio_xmpp::Error,
    },
    /// It took too long.
    #[error("the server of `{0}` did not answer within 20 seconds")]
    Slow(String),
    /// The library offers no protocol version.
    #[error("cannot set up TLS")]
    Versions(#[source] Error),
}

/// Connects, and returns the authority's certificate in PEM once the server has proved by it that
/// it is that of the account's domain. `pin` is SHA-256 of the certificate.
pub async fn pinned_authority(
    account: &BareJid,
    server: &Server,
    pin: [u8; 32],
) -> Result<String, PinError> {
    let domain = account.domain().to_string();
    let provider = Arc::new(default_provider());
    let verifier =
        Arc::new(Pinned { pin, provider: Arc::clone(&provider), found: Mutex::default() });
    let tls = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(PinError::Versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Pinned>::clone(&verifier))
        .with_no_client_auth();
    let connector = Connector { server: server.clone(), tls: Arc::new(tls) };
    let jid = account.clone().into();
    let connecting = connector.connect(&jid, ns::JABBER_CLIENT, TIMEOUTS);
    let connected = tokio::time::timeout(PATIENCE, connecting).await;
    match (connected, verifier.found()) {
        (Ok(Ok(_)), Some(Found::Authority(certificate))) => Ok(pem(&certificate)),
        (_, Some(Found::Other)) => Err(PinError::OtherAuthority(domain)),
        (Ok(Err(source)), _) => Err(PinError::Road { domain, source }),
        (Ok(Ok(_)) | Err(_), _) => Err(PinError::Slow(domain)),
    }
}

/// Believes the authority with that fingerprint, if the server shows it, and nobody else.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
    found: Mutex<Option<Found>>,
}

#[derive(Clone, Debug)]
enum Found {
    Authority(CertificateDer<'static>),
    Other,
}

impl Pinned {
    fn found(&self) -> Option<Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, found: Found) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authority) = intermediates.iter().find(|it| sha256(it) == self.pin) else {
            self.note(Found::Other);
            return Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let provider = Arc::clone(&self.provider);
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        webpki
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .inspect(|_| self.note(Found::Authority(authority.clone().into_owned())))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let body = BASE64_STANDARD.encode(certificate);
    let lines: Vec<String> =
        body.as_bytes().chunks(64).map(|it| String::from_utf8_lossy(it).into_owned()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
