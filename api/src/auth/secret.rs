//! The file that holds a token.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::TokenFileError;

/// What every token begins with, so that one is known when it is seen where it should not be.
const PREFIX: &str = "vdt_";
/// Random bytes in a token.
const BYTES: usize = 32;
/// Characters that they take.
const LETTERS: usize = 43;

/// The token in a file; when there is no file, a new one, which is written there for its owner only.
pub(super) fn read_or_make(file: &Path) -> Result<String, TokenFileError> {
    let failed = |cause| TokenFileError::File { file: file.to_owned(), cause };
    match fs::read_to_string(file) {
        Ok(text) if is_token(text.trim()) => Ok(text.trim().to_owned()),
        Ok(_) => Err(TokenFileError::NoToken { file: file.to_owned() }),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let token = make()?;
            write(file, &token).map_err(failed)?;
            Ok(token)
        }
        Err(cause) => Err(failed(cause)),
    }
}

fn is_token(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|rest| {
        rest.len() == LETTERS
            && rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    })
}

fn make() -> Result<String, TokenFileError> {
    let mut bytes = [0; BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| TokenFileError::Random)?;
    Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

fn write(file: &Path, token: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(file, "{token}")?;
    file.sync_all()
}
