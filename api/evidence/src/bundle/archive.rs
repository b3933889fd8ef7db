//! The zip archive itself, written and read within bounds (EN 319 162-1 annex A).

use std::io::{Cursor, Read, Write};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::BundleError;

/// Most bytes of a bundle.
const MAX_FILE: usize = 4 * 1024 * 1024;
const MIMETYPE: (&str, &[u8]) = ("mimetype", b"application/vnd.etsi.asic-s+zip");
/// Where the name of the first entry begins: behind the fixed part of its header.
const FIRST_NAME: usize = 30;

/// An entry, and how many bytes of it are read at most.
type Kind = (&'static str, usize);
const ITEM: Kind = ("item.json", 1024 * 1024);
const EVIDENCE: Kind = ("META-INF/evidencerecord.ers", 1024 * 1024);
const PROOF: Kind = ("proof.json", 1024 * 1024);
const ANSWER: Kind = ("root.tsr", 256 * 1024);
const AUTHORITY: Kind = ("authority.pem", 256 * 1024);

/// The contents of a bundle.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) item: Vec<u8>,
    pub(super) evidence: Vec<u8>,
    pub(super) proof: Vec<u8>,
    pub(super) answer: Vec<u8>,
    pub(super) authority_pem: Vec<u8>,
}

pub(super) fn write(entries: &Entries) -> Result<Vec<u8>, BundleError> {
    let contents = [
        (ITEM, &entries.item),
        (EVIDENCE, &entries.evidence),
        (PROOF, &entries.proof),
        (ANSWER, &entries.answer),
        (AUTHORITY, &entries.authority_pem),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    add(&mut archive, MIMETYPE.0, MIMETYPE.1)?;
    for (kind, content) in contents {
        within_limit(kind, content.len())?;
        add(&mut archive, kind.0, content)?;
    }
    Ok(archive.finish().map_err(BundleError::Archive)?.into_inner())
}

pub(super) fn read(file: &[u8]) -> Result<Entries, BundleError> {
    if file.len() > MAX_FILE {
        return Err(BundleError::TooLarge { what: "the bundle".to_owned(), limit: MAX_FILE });
    }
    check_mimetype(file)?;
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(BundleError::Archive)?;
    check_names(&mut archive)?;
    Ok(Entries {
        item: entry(&mut archive, ITEM)?,
        evidence: entry(&mut archive, EVIDENCE)?,
        proof: entry(&mut archive, PROOF)?,
        answer: entry(&mut archive, ANSWER)?,
        authority_pem: entry(&mut archive, AUTHORITY)?,
    })
}

fn add(
    archive: &mut ZipWriter<Cursor<Vec<u8>>>,
    name: &str,
    content: &[u8],
) -> Result<(), BundleError> {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    archive.start_file(name, stored).map_err(BundleError::Archive)?;
    archive.write_all(content).map_err(|error| BundleError::Archive(ZipError::Io(error)))
}

/// The first entry, at the place where tools look for it.
fn check_mimetype(file: &[u8]) -> Result<(), BundleError> {
    let (name, content) = MIMETYPE;
    let rest = file.get(FIRST_NAME..).and_then(|rest| rest.strip_prefix(name.as_bytes()));
    if !rest.is_some_and(|rest| rest.starts_with(content)) {
        return Err(BundleError::Mimetype);
    }
    Ok(())
}

/// Tools differ in which of two entries of one name they take, so there must be no such entries.
fn check_names(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<(), BundleError> {
    let known = [MIMETYPE.0, ITEM.0, EVIDENCE.0, PROOF.0, ANSWER.0, AUTHORITY.0];
    for name in archive.file_names() {
        let name = name.map_err(BundleError::Archive)?;
        if !known.contains(&name.as_ref()) {
            return Err(BundleError::Unexpected(name.into_owned()));
        }
    }
    let overlap = archive.has_overlapping_entries().map_err(BundleError::Archive)?;
    if archive.has_duplicate_names() || overlap {
        return Err(BundleError::Ambiguous);
    }
    archive.validate_header_consistency().map_err(BundleError::Archive)
}

fn entry(archive: &mut ZipArchive<Cursor<&[u8]>>, kind: Kind) -> Result<Vec<u8>, BundleError> {
    let mut entry = match archive.by_name(kind.0) {
        Ok(entry) => entry,
        Err(ZipError::FileNotFound) => return Err(BundleError::Missing(kind.0)),
        Err(error) => return Err(BundleError::Archive(error)),
    };
    within_limit(kind, usize::try_from(entry.size()).unwrap_or(usize::MAX))?;
    // Entries are stored as they are, so there is never more to read than the file is long.
    let mut content = Vec::new();
    match entry.read_to_end(&mut content) {
        Ok(_) => Ok(content),
        Err(error) => Err(BundleError::Archive(ZipError::Io(error))),
    }
}

fn within_limit((name, limit): Kind, size: usize) -> Result<(), BundleError> {
    if size > limit {
        return Err(BundleError::TooLarge { what: format!("`{name}`"), limit });
    }
    Ok(())
}
