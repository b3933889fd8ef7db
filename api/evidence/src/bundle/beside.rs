//! What stands beside the token in a bundle: further tokens, the log, and what was before.

use super::{
    BundleError,
    proof::{After, LogPlace, Proof},
    verdict::{Before, Place, Word},
};
use crate::batch::fold;
use crate::digest::Digest;
use crate::link::Link;
use crate::log::{Signed, verify_inclusion};
use crate::token::TokenError;
use crate::trust::Authority;
use crate::verify::verify_any;

/// What a token over a root says, if one of these authorities made it.
pub(super) fn word(
    token: &[u8],
    root: &Digest,
    authorities: &[Authority],
) -> Result<Word, TokenError> {
    let (authority, verified) = verify_any(token, root, authorities)?;
    Ok(Word { authority: authority.name().to_owned(), trust: authority.trust(), verified })
}

/// Where the record is in a log, and whether that log is under the same root as it.
pub(super) fn place(place: &LogPlace, proof: &Proof) -> Result<Place, BundleError> {
    let no = BundleError::Log;
    let note = Signed::read(&place.checkpoint).map_err(|_| no("its checkpoint cannot be read"))?;
    if fold(&note.digest(), &place.checkpoint_path) != proof.root {
        return Err(no("its checkpoint was not stamped with the record"));
    }
    let log = note.checkpoint;
    verify_inclusion(&proof.leaf, place.index, log.size, &place.inclusion, &log.root)
        .map_err(|_| no("the record is not at that place in it"))?;
    Ok(Place { origin: log.origin, size: log.size, index: place.index })
}

/// When the checkpoint that the record names was stamped.
pub(super) fn before(
    after: &After,
    link: &Link,
    authorities: &[Authority],
) -> Result<Before, BundleError> {
    let no = BundleError::After;
    let note = Signed::read(&after.checkpoint).map_err(|_| no("it is no checkpoint"))?;
    if link.after != Some(note.digest()) {
        return Err(no("the record names another checkpoint"));
    }
    let root = fold(&note.digest(), &after.path);
    let word = word(&after.token, &root, authorities).map_err(BundleError::AfterToken)?;
    Ok(Before { origin: note.checkpoint.origin, size: note.checkpoint.size, word })
}
