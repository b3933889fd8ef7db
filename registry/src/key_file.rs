//! Files that hold keys: for their owner only, whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// The longest file of a key that is read, in bytes.
const LONGEST: u64 = 16 * 1024;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is no file.
    #[error("there is no `{}`", .0.display())]
    Absent(PathBuf),
    /// It cannot be read or written.
    #[error("cannot read or write `{}`", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else.
    #[error("`{}` holds no {what}; it is damaged, or no file of ours", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// Reads a file that holds a key.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    read_up_to(path, LONGEST)
}

/// Reads a file that is not longer than `most` bytes.
pub(crate) fn read_up_to(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeyFileError::Absent(path.to_owned()),
        _ => KeyFileError::File { path: path.to_owned(), source },
    };
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).map_err(failed)?.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).map_or(true, |it| it > most) {
        return Err(KeyFileError::Damaged { path: path.to_owned(), what: "key" });
    }
    Ok(bytes)
}

/// Writes a file in one step: after a crash the old one is there, or the new one. Its folder is
/// made where there is none.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    replace(path, bytes).map_err(|source| KeyFileError::File { path: path.to_owned(), source })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let unfinished = path.with_extension("unfinished");
    // What an earlier run left there may belong to everybody.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}
