//! SSH's first lines (RFC 4253, 4.2), and the client's fingerprint (HASSH).

use md5::{Digest, Md5};

use crate::{Metadata, bytes::Bytes, inspect::text};

/// The longest line (RFC 4253, 4.2).
const LONGEST: usize = 255;

/// Reads what there is; says whether that was all that is wanted.
pub(super) fn read(stream: &[u8], way: usize, metadata: &mut Option<Box<Metadata>>) -> bool {
    let Some(end) = stream.iter().position(|byte| *byte == b'\n') else {
        return stream.len() > LONGEST;
    };
    let (line, rest) = stream.split_at(end + 1);
    if !line.starts_with(b"SSH-") {
        return true;
    }
    let ssh = metadata.get_or_insert_default().ssh.get_or_insert_default();
    let line = text::kept(line.trim_ascii_end());
    if way == 1 {
        ssh.server = Some(line);
        return true;
    }
    ssh.client = Some(line);
    let hassh = hassh(rest);
    ssh.hassh.clone_from(&hassh);
    hassh.is_some()
}

/// The MD5 of the algorithms that the client offers (key exchange, ciphers, MACs, compression).
fn hassh(packet: &[u8]) -> Option<String> {
    let mut bytes = Bytes(packet);
    let length = bytes.u32()?;
    bytes.u8()?;
    if bytes.u8()? != 20 || length > 65_536 {
        return None;
    }
    bytes.take(16)?;
    let mut lists = Vec::with_capacity(10);
    for _ in 0..8 {
        let length = usize::try_from(bytes.u32()?).ok()?;
        lists.push(bytes.take(length)?);
    }
    let wanted = [lists.first()?, lists.get(2)?, lists.get(4)?, lists.get(6)?];
    let mut hash = Md5::new();
    for (place, list) in wanted.into_iter().enumerate() {
        if place > 0 {
            hash.update(b";");
        }
        hash.update(list);
    }
    Some(hex::encode(hash.finalize()))
}
