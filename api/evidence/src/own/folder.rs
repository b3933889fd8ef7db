//! Keeps an own authority in a folder: `tsa.pem` (key and certificates, 0600) and `anchor.pem`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use der::pem::{self, LineEnding};
use der::{Decode, Encode};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use x509_cert::Certificate;

use super::certificate::Issued;
use super::key::Key;
use super::{OwnAuthority, OwnAuthorityError};
use crate::random;
use crate::trust::certificate_pem;

const SECRET: &str = "tsa.pem";
const ANCHOR: &str = "anchor.pem";

/// What an own authority keeps.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Files {
    /// The key, its certificate and the anchor, in PEM: for its owner's eyes only. One file, so
    /// that it is there as a whole or not at all.
    pub secret_pem: String,
    /// The anchor in PEM: for everybody who checks a token.
    pub anchor_pem: String,
}

impl Files {
    pub(super) fn of(issued: &Issued) -> Result<Self, OwnAuthorityError> {
        let anchor_pem = certificate_pem(&issued.anchor.to_der()?);
        let key = pem::encode_string("PRIVATE KEY", LineEnding::LF, issued.key.pkcs8())
            .map_err(der::Error::from)?;
        let certificate = certificate_pem(&issued.certificate.to_der()?);
        Ok(Self { secret_pem: key + &certificate + &anchor_pem, anchor_pem })
    }

    pub(super) fn parse(&self) -> Result<Issued, OwnAuthorityError> {
        let secret = self.secret_pem.as_bytes();
        let key = PrivatePkcs8KeyDer::from_pem_slice(secret)
            .map_err(|_| OwnAuthorityError::Part("private key"))?;
        let mut certificates = CertificateDer::pem_slice_iter(secret)
            .map_while(Result::ok)
            .filter_map(|der| Certificate::from_der(&der).ok());
        let (Some(certificate), Some(anchor), None) =
            (certificates.next(), certificates.next(), certificates.next())
        else {
            return Err(OwnAuthorityError::Part("pair of certificates"));
        };
        Ok(Issued { key: Key::from_pkcs8(key.secret_pkcs8_der())?, certificate, anchor })
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("anchor_pem", &self.anchor_pem).finish_non_exhaustive()
    }
}

pub(super) fn open(folder: &Path) -> Result<OwnAuthority, OwnAuthorityError> {
    let (secret, anchor) = (folder.join(SECRET), folder.join(ANCHOR));
    // In this order, as another process that makes the two makes the secret first.
    let has_anchor = exists(&anchor)?;
    if !exists(&secret)? {
        if has_anchor {
            return Err(OwnAuthorityError::KeyMissing { missing: secret, present: anchor });
        }
        let (_, files) = OwnAuthority::create()?;
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        sync(folder.parent().unwrap_or(folder))?;
        // Another process may have been faster; then its key is the one.
        write_new(&secret, files.secret_pem.as_bytes(), 0o600)?;
    }
    let own = read(&secret)?;
    publish(&own, &anchor, &secret)?;
    Ok(own)
}

fn read(secret: &Path) -> Result<OwnAuthority, OwnAuthorityError> {
    let failed = failed("read", secret);
    let mode = fs::metadata(secret).map_err(&failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(OwnAuthorityError::Exposed { path: secret.to_owned(), mode });
    }
    let broken =
        |source| OwnAuthorityError::Broken { path: secret.to_owned(), source: Box::new(source) };
    let secret_pem = fs::read_to_string(secret).map_err(&failed)?;
    let mut files = Files { secret_pem, anchor_pem: String::new() };
    let anchor = files.parse().map_err(broken)?.anchor;
    files.anchor_pem = certificate_pem(&anchor.to_der()?);
    OwnAuthority::from_files(&files).map_err(broken)
}

/// Sees to it that the anchor lies beside the key.
fn publish(own: &OwnAuthority, anchor: &Path, secret: &Path) -> Result<(), OwnAuthorityError> {
    write_new(anchor, own.anchor_pem().as_bytes(), 0o644)?;
    let found = fs::read(anchor).map_err(failed("read", anchor))?;
    if found != own.anchor_pem().as_bytes() {
        return Err(OwnAuthorityError::OtherAnchor {
            anchor: anchor.to_owned(),
            secret: secret.to_owned(),
        });
    }
    Ok(())
}

/// Writes a file that is not there yet, durably and as a whole; leaves one that is there alone.
fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), OwnAuthorityError> {
    if exists(path)? {
        return Ok(());
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}", hex::encode(random::positive::<8>())));
    let temporary = PathBuf::from(temporary);
    let written = write_synced(&temporary, content, mode).and_then(|()| {
        // A link, unlike a rename, never replaces what is there.
        match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    });
    let removed = fs::remove_file(&temporary);
    written.and(removed).map_err(failed("write", path))?;
    sync(path.parent().unwrap_or(path))
}

/// Makes the names in a folder durable.
fn sync(folder: &Path) -> Result<(), OwnAuthorityError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write", folder))
}

fn write_synced(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn exists(path: &Path) -> Result<bool, OwnAuthorityError> {
    path.try_exists().map_err(failed("look for", path))
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> OwnAuthorityError {
    move |source| OwnAuthorityError::Io { action, path: path.to_owned(), source }
}
