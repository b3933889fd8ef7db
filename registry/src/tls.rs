//! TLS towards the server: always verified, one configuration for all agents of a process.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, crypto::aws_lc_rs::default_provider, version::TLS12,
    version::TLS13,
};

/// Who may vouch for a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Roots {
    /// The authorities that browsers trust.
    Public,
    /// The certificates in this PEM file, and nobody else.
    File(PathBuf),
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read, or is not PEM.
    #[error("cannot read certificates from `{}`", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls_pki_types::pem::Error,
    },
    /// The file holds no certificate.
    #[error("`{}` holds no certificate; it should hold the authority's in PEM", .0.display())]
    Empty(PathBuf),
    /// A certificate in it is none that can vouch for others.
    #[error("cannot trust a certificate of `{}`", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: tokio_rustls::rustls::Error,
    },
    /// The library offers no protocol version.
    #[error("cannot set up TLS")]
    Versions(#[source] tokio_rustls::rustls::Error),
}

static CONFIGS: LazyLock<Mutex<HashMap<Roots, Arc<ClientConfig>>>> = LazyLock::new(Mutex::default);

impl Roots {
    /// The configuration for these roots; made once in a process, so that its agents share the
    /// certificates and the session tickets.
    pub fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let mut configs = CONFIGS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(self) {
            return Ok(Arc::clone(config));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(TlsError::Versions)?
            .with_root_certificates(self.store()?)
            .with_no_client_auth();
        let config = Arc::new(config);
        configs.insert(self.clone(), Arc::clone(&config));
        Ok(config)
    }

    fn store(&self) -> Result<RootCertStore, TlsError> {
        let mut store = RootCertStore::empty();
        match self {
            Self::Public => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Self::File(path) => {
                let unreadable = |source| TlsError::File { path: path.clone(), source };
                for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                    store
                        .add(certificate.map_err(unreadable)?)
                        .map_err(|source| TlsError::Certificate { path: path.clone(), source })?;
                }
                if store.is_empty() {
                    return Err(TlsError::Empty(path.clone()));
                }
            }
        }
        Ok(store)
    }
}
