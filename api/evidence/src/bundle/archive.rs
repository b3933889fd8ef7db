//! The zip archive itself, read within bounds (EN 319 162-1 annex A).

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

const ITEM: &str = "item.json";
const EVIDENCE: &str = "META-INF/evidencerecord.ers";
const PROOF: &str = "proof.json";
const ANSWER: &str = "root.tsr";
const AUTHORITY: &str = "authority.pem";

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
    let contents: [(&str, &[u8]); 6] = [
        MIMETYPE,
        (ITEM, &entries.item),
        (EVIDENCE, &entries.evidence),
        (PROOF, &entries.proof),
        (ANSWER, &entries.answer),
        (AUTHORITY, &entries.authority_pem),
    ];
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in contents {
        archive.start_file(name, stored).map_err(BundleError::Archive)?;
        archive.write_all(content).map_err(|error| BundleError::Archive(ZipError::Io(error)))?;
    }
    Ok(archive.finish().map_err(BundleError::Archive)?.into_inner())
}

pub(super) fn read(file: &[u8]) -> Result<Entries, BundleError> {
    if file.len() > MAX_FILE {
        return Err(BundleError::TooLarge { what: "the file".to_owned(), limit: 4 * 1024 * 1024 });
    }
    check_mimetype(file)?;
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(BundleError::Archive)?;
    check_unambiguous(&mut archive)?;
    let entries = Entries {
        item: entry(&mut archive, ITEM, 1024 * 1024)?,
        evidence: entry(&mut archive, EVIDENCE, 1024 * 1024)?,
        proof: entry(&mut archive, PROOF, 16 * 1024)?,
        answer: entry(&mut archive, ANSWER, 256 * 1024)?,
        authority_pem: entry(&mut archive, AUTHORITY, 256 * 1024)?,
    };
    Ok(entries)
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
fn check_unambiguous(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<(), BundleError> {
    let known = [MIMETYPE.0, ITEM, EVIDENCE, PROOF, ANSWER, AUTHORITY];
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

fn entry(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    name: &'static str,
    limit: u64,
) -> Result<Vec<u8>, BundleError> {
    let entry = match archive.by_name(name) {
        Ok(entry) => entry,
        Err(ZipError::FileNotFound) => return Err(BundleError::Missing(name)),
        Err(error) => return Err(BundleError::Archive(error)),
    };
    if entry.size() > limit {
        return Err(BundleError::TooLarge { what: name.to_owned(), limit });
    }
    let mut content = Vec::new();
    entry
        .take(limit)
        .read_to_end(&mut content)
        .map_err(|error| BundleError::Archive(ZipError::Io(error)))?;
    Ok(content)
}
