//! Fingerprints of TLS: JA3 and JA3S (<https://github.com/salesforce/ja3>), JA4
//! (<https://github.com/FoxIO-LLC/ja4>, the part that is under the BSD licence).

use md5::{Digest, Md5};
use sha2::Sha256;

/// What a client offers, in its order.
#[derive(Debug, Default)]
pub(super) struct Hello {
    pub(super) quic: bool,
    pub(super) version: u16,
    pub(super) ciphers: Vec<u16>,
    pub(super) extensions: Vec<u16>,
    pub(super) groups: Vec<u16>,
    pub(super) formats: Vec<u8>,
    pub(super) signatures: Vec<u16>,
    pub(super) versions: Vec<u16>,
    pub(super) alpn: Option<Vec<u8>>,
}

/// Values that mean nothing and only keep the other side flexible (RFC 8701).
fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

fn real(values: &[u16]) -> impl Iterator<Item = u16> {
    values.iter().copied().filter(|value| !is_grease(*value))
}

fn joined(values: impl Iterator<Item = u16>) -> String {
    values.map(|value| value.to_string()).collect::<Vec<_>>().join("-")
}

/// JA3S: version, cipher, extensions.
pub(super) fn ja3s(version: u16, cipher: u16, extensions: &[u16]) -> String {
    let text = format!("{version},{cipher},{}", joined(extensions.iter().copied()));
    hex::encode(Md5::digest(text))
}

impl Hello {
    /// JA3: version, ciphers, extensions, groups, point formats.
    pub(super) fn ja3(&self) -> String {
        let text = format!(
            "{},{},{},{},{}",
            self.version,
            joined(real(&self.ciphers)),
            joined(real(&self.extensions)),
            joined(real(&self.groups)),
            joined(self.formats.iter().map(|format| (*format).into())),
        );
        hex::encode(Md5::digest(text))
    }

    /// JA4: what can be read at a glance, the ciphers, the extensions with the signatures.
    pub(super) fn ja4(&self, has_name: bool) -> String {
        let ciphers: Vec<u16> = real(&self.ciphers).collect();
        let extensions: Vec<u16> = real(&self.extensions).collect();
        let version = real(&self.versions).max().unwrap_or(self.version);
        let version = match version {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            0x0002 => "s2",
            _ => "00",
        };
        let rest: Vec<u16> =
            extensions.iter().copied().filter(|kind| !matches!(kind, 0x0000 | 0x0010)).collect();
        let mut second = sorted(&rest);
        let signatures: Vec<String> =
            real(&self.signatures).map(|value| format!("{value:04x}")).collect();
        if !signatures.is_empty() {
            second = format!("{second}_{}", signatures.join(","));
        }
        format!(
            "{}{version}{}{:02}{:02}{}_{}_{}",
            if self.quic { 'q' } else { 't' },
            if has_name { 'd' } else { 'i' },
            ciphers.len().min(99),
            extensions.len().min(99),
            ends(self.alpn.as_deref()),
            short(&sorted(&ciphers), ciphers.is_empty()),
            short(&second, rest.is_empty()),
        )
    }
}

/// Numbers in hex and in order.
fn sorted(values: &[u16]) -> String {
    let mut words: Vec<String> = values.iter().map(|value| format!("{value:04x}")).collect();
    words.sort_unstable();
    words.join(",")
}

/// The first twelve signs of a SHA-256.
fn short(text: &str, empty: bool) -> String {
    if empty {
        return "0".repeat(12);
    }
    let mut hash = hex::encode(Sha256::digest(text));
    hash.truncate(12);
    hash
}

/// The first and the last sign of the protocol that is offered first; in hex where they are neither
/// letters nor figures.
fn ends(alpn: Option<&[u8]>) -> String {
    let (Some(first), Some(last)) = (alpn.and_then(<[u8]>::first), alpn.and_then(<[u8]>::last))
    else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return format!("{}{}", char::from(*first), char::from(*last));
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}
