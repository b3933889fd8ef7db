//! TLS's first messages (RFC 8446, RFC 5246).

use crate::{
    Metadata, Tls,
    bytes::Bytes,
    inspect::{fingerprint, text},
};

/// Reads what there is of a stream; says whether that was all that is wanted.
pub(super) fn read(stream: &[u8], way: usize, metadata: &mut Option<Box<Metadata>>) -> bool {
    let message = match handshake(stream) {
        Found::Whole(message) => message,
        Found::Part => return false,
        Found::Other => return true,
    };
    if way == 0 {
        if let Some(mut hello) = client_hello(&message, false) {
            let tls = metadata.get_or_insert_default().tls.get_or_insert_default();
            hello.version = tls.version;
            hello.cipher = tls.cipher;
            hello.ja3s = tls.ja3s.take();
            *tls = hello;
        }
    } else if let Some(hello) = server_hello(&message) {
        let tls = metadata.get_or_insert_default().tls.get_or_insert_default();
        tls.version = hello.version;
        tls.cipher = hello.cipher;
        tls.ja3s = hello.ja3s;
    }
    true
}

/// What a stream starts with.
enum Found {
    /// The first message of a handshake.
    Whole(Vec<u8>),
    /// The beginning of one.
    Part,
    Other,
}

/// The first message of a handshake, out of one record or several.
fn handshake(stream: &[u8]) -> Found {
    let mut bytes = Bytes(stream);
    let mut message = Vec::new();
    while let Some(kind) = bytes.u8() {
        if kind != 22 {
            return Found::Other;
        }
        let (Some(_), Some(length)) = (bytes.u16(), bytes.u16()) else { return Found::Part };
        let length = usize::from(length).min(bytes.len());
        message.extend_from_slice(bytes.take(length).unwrap_or_default());
        if let Some([kind, high, middle, low]) = message.first_chunk::<4>() {
            if !matches!(kind, 1 | 2) {
                return Found::Other;
            }
            let whole = u32::from_be_bytes([0, *high, *middle, *low]);
            let whole = usize::try_from(whole).unwrap_or(usize::MAX).saturating_add(4);
            if message.len() >= whole {
                message.truncate(whole);
                return Found::Whole(message);
            }
        }
    }
    Found::Part
}

/// What a `ClientHello` offers, with its fingerprints.
pub(super) fn client_hello(message: &[u8], quic: bool) -> Option<Tls> {
    let mut bytes = Bytes(message);
    if bytes.u8()? != 1 {
        return None;
    }
    bytes.u24()?;
    let version = bytes.u16()?;
    bytes.take(32)?;
    bytes.short()?;
    let ciphers = numbers(bytes.long()?);
    bytes.short()?;
    let mut hello = fingerprint::Hello { quic, version, ciphers, ..Default::default() };
    let mut tls = Tls::default();
    if let Some(extensions) = bytes.long() {
        client_extensions(extensions, &mut hello, &mut tls);
    }
    tls.ja3 = Some(hello.ja3());
    tls.ja4 = Some(hello.ja4(tls.server_name.is_some()));
    Some(tls)
}

fn client_extensions(mut bytes: Bytes<'_>, hello: &mut fingerprint::Hello, tls: &mut Tls) {
    while let (Some(kind), Some(mut value)) = (bytes.u16(), bytes.long()) {
        hello.extensions.push(kind);
        match kind {
            0 => tls.server_name = server_name(value),
            10 => hello.groups = value.long().map(numbers).unwrap_or_default(),
            11 => hello.formats = value.short().map(|list| list.0.to_vec()).unwrap_or_default(),
            13 => hello.signatures = value.long().map(numbers).unwrap_or_default(),
            16 => {
                let mut list = value.long().unwrap_or(Bytes(&[]));
                while let Some(protocol) = list.short() {
                    if hello.alpn.is_none() {
                        hello.alpn = Some(protocol.0.to_vec());
                    }
                    if tls.alpn.len() < 16 {
                        tls.alpn.push(text::kept(protocol.0));
                    }
                }
            }
            43 => hello.versions = value.short().map(numbers).unwrap_or_default(),
            _ => {}
        }
    }
}

/// The host's name in its extension (RFC 6066, 3).
fn server_name(mut value: Bytes<'_>) -> Option<String> {
    let mut list = value.long()?;
    while let (Some(kind), Some(name)) = (list.u8(), list.long()) {
        if kind == 0 {
            return Some(text::kept(name.0).to_lowercase());
        }
    }
    None
}

/// What a `ServerHello` agreed to.
fn server_hello(message: &[u8]) -> Option<Tls> {
    let mut bytes = Bytes(message);
    if bytes.u8()? != 2 {
        return None;
    }
    bytes.u24()?;
    let legacy = bytes.u16()?;
    bytes.take(32)?;
    bytes.short()?;
    let cipher = bytes.u16()?;
    bytes.u8()?;
    let mut version = legacy;
    let mut kinds = Vec::new();
    if let Some(mut extensions) = bytes.long() {
        while let (Some(kind), Some(mut value)) = (extensions.u16(), extensions.long()) {
            kinds.push(kind);
            if kind == 43 {
                version = value.u16().unwrap_or(legacy);
            }
        }
    }
    Some(Tls {
        version: Some(version),
        cipher: Some(cipher),
        ja3s: Some(fingerprint::ja3s(legacy, cipher, &kinds)),
        ..Tls::default()
    })
}

fn numbers(mut list: Bytes<'_>) -> Vec<u16> {
    let mut numbers = Vec::with_capacity(list.len() / 2);
    while let Some(number) = list.u16() {
        numbers.push(number);
    }
    numbers
}
