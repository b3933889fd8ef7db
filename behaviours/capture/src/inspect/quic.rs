//! QUIC's first packets (RFC 9001, 5): everybody on the way can open them, and the client's hello of
//! TLS is in there.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::{
    aead::{self, LessSafeKey, Nonce, UnboundKey, quic::HeaderProtectionKey},
    hkdf,
};

use crate::bytes::Bytes;

/// How much of a handshake is put together, at most.
const MOST: usize = 16_384;
/// How many packets one after the other in a datagram are opened.
const PACKETS: usize = 8;

/// What a version calls its things.
#[derive(Clone, Copy)]
struct Version {
    salt: [u8; 20],
    key: &'static [u8],
    iv: &'static [u8],
    protection: &'static [u8],
    /// The two bits of an initial packet.
    initial: u8,
}

const ONE: Version = Version {
    salt: [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c,
        0xad, 0xcc, 0xbb, 0x7f, 0x0a,
    ],
    key: b"quic key",
    iv: b"quic iv",
    protection: b"quic hp",
    initial: 0,
};

/// RFC 9369, 3.
const TWO: Version = Version {
    salt: [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d,
        0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
    ],
    key: b"quicv2 key",
    iv: b"quicv2 iv",
    protection: b"quicv2 hp",
    initial: 1,
};

/// The last draft that was much in use.
const DRAFT_29: Version = Version {
    salt: [
        0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11,
        0xe0, 0x43, 0x90, 0xa8, 0x99,
    ],
    ..ONE
};

impl Version {
    fn numbered(number: u32) -> Option<Self> {
        match number {
            1 => Some(ONE),
            0x6b33_43cf => Some(TWO),
            0xff00_001d => Some(DRAFT_29),
            _ => None,
        }
    }
}

/// The client's first packets, as far as they came.
#[derive(Debug, Default)]
pub(super) struct Initial {
    keys: Option<Keys>,
    pieces: BTreeMap<u64, Vec<u8>>,
    held: usize,
}

struct Keys {
    packet: LessSafeKey,
    iv: [u8; 12],
    header: HeaderProtectionKey,
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys")
    }
}

impl Initial {
    /// Reads a datagram of the client; gives its hello when that is whole.
    pub(super) fn read(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut rest = datagram;
        for _ in 0..PACKETS {
            let (plain, next) = self.open(rest)?;
            if let Some(plain) = plain {
                self.frames(&plain);
            }
            if let Some(hello) = self.hello() {
                return Some(hello);
            }
            rest = next;
        }
        None
    }

    /// Opens the packet at the start: its frames where it is an initial one, and what follows it.
    fn open<'a>(&mut self, packet: &'a [u8]) -> Option<(Option<Vec<u8>>, &'a [u8])> {
        let mut bytes = Bytes(packet);
        let first = bytes.u8()?;
        if first & 0xc0 != 0xc0 {
            return None;
        }
        let version = Version::numbered(bytes.u32()?)?;
        let destination = bytes.short()?;
        bytes.short()?;
        if (first >> 4) & 0x03 != version.initial {
            return None;
        }
        let token = usize::try_from(number(&mut bytes)?).ok()?;
        bytes.take(token)?;
        let length = usize::try_from(number(&mut bytes)?).ok()?;
        let start = packet.len() - bytes.len();
        bytes.take(length)?;
        let (this, next) = packet.split_at_checked(start + length)?;
        if let Some(plain) = self.keys.as_ref().and_then(|keys| keys.open(this, start)) {
            return Some((Some(plain), next));
        }
        let keys = Keys::new(version, destination.0)?;
        let plain = keys.open(this, start);
        if plain.is_some() {
            self.keys = Some(keys);
        }
        Some((plain, next))
    }

    fn frames(&mut self, plain: &[u8]) {
        let mut bytes = Bytes(plain);
        while let Some(kind) = bytes.u8() {
            let read = match kind {
                0 | 1 => Some(()),
                2 | 3 => acknowledgement(&mut bytes, kind == 3),
                6 => self.piece(&mut bytes),
                _ => None,
            };
            if read.is_none() {
                return;
            }
        }
    }

    fn piece(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let offset = number(bytes)?;
        let length = usize::try_from(number(bytes)?).ok()?;
        let piece = bytes.take(length)?;
        if self.held + length > MOST {
            return None;
        }
        let kept = self.pieces.entry(offset).or_default();
        if kept.len() < piece.len() {
            self.held += piece.len() - kept.len();
            *kept = piece.to_vec();
        }
        Some(())
    }

    /// The hello, when it is there without a hole.
    fn hello(&self) -> Option<Vec<u8>> {
        let mut whole = Vec::new();
        for (offset, piece) in &self.pieces {
            let offset = usize::try_from(*offset).ok()?;
            let known = whole.len().checked_sub(offset)?;
            whole.extend_from_slice(piece.get(known..).unwrap_or_default());
        }
        let [_, high, middle, low] = *whole.first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()? + 4;
        (whole.len() >= length).then(|| {
            whole.truncate(length);
            whole
        })
    }
}

impl Keys {
    /// What both sides derive from the connection's first name.
    fn new(version: Version, destination: &[u8]) -> Option<Self> {
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, &version.salt).extract(destination);
        let mut client = [0; 32];
        expand(&secret, b"client in", &mut client)?;
        let client = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &client);
        let (mut key, mut iv, mut protection) = ([0; 16], [0; 12], [0; 16]);
        expand(&client, version.key, &mut key)?;
        expand(&client, version.iv, &mut iv)?;
        expand(&client, version.protection, &mut protection)?;
        let packet = LessSafeKey::new(UnboundKey::new(&aead::AES_128_GCM, &key).ok()?);
        let header = HeaderProtectionKey::new(&aead::quic::AES_128, &protection).ok()?;
        Some(Self { packet, iv, header })
    }

    /// Opens a packet whose number starts at `start`.
    fn open(&self, packet: &[u8], start: usize) -> Option<Vec<u8>> {
        let mask = self.header.new_mask(packet.get(start + 4..start + 20)?).ok()?;
        let mut packet = packet.to_vec();
        let [first_mask, number_mask @ ..] = mask;
        let first = packet.first_mut()?;
        *first ^= first_mask & 0x0f;
        let length = usize::from(*first & 0x03) + 1;
        let mut number = 0_u64;
        for (byte, mask) in packet.get_mut(start..start + length)?.iter_mut().zip(number_mask) {
            *byte ^= mask;
            number = number << 8 | u64::from(*byte);
        }
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
            *byte ^= number;
        }
        let (header, sealed) = packet.split_at_mut_checked(start + length)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain = self.packet.open_in_place(nonce, aead::Aad::from(header), sealed).ok()?;
        Some(plain.to_vec())
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// TLS's `HKDF-Expand-Label` (RFC 8446, 7.1) without a context.
fn expand(secret: &hkdf::Prk, label: &[u8], output: &mut [u8]) -> Option<()> {
    let length = u16::try_from(output.len()).ok()?.to_be_bytes();
    let label_length = [u8::try_from(label.len() + 6).ok()?];
    let info: [&[u8]; 5] = [&length, &label_length, b"tls13 ", label, &[0]];
    secret.expand(&info, Length(output.len())).ok()?.fill(output).ok()
}

/// A number of variable length (RFC 9000, 16).
fn number(bytes: &mut Bytes<'_>) -> Option<u64> {
    let first = bytes.u8()?;
    let mut number = u64::from(first & 0x3f);
    for _ in 1..1 << (first >> 6) {
        number = number << 8 | u64::from(bytes.u8()?);
    }
    Some(number)
}

fn acknowledgement(bytes: &mut Bytes<'_>, with_counts: bool) -> Option<()> {
    number(bytes)?;
    number(bytes)?;
    let ranges = number(bytes)?;
    number(bytes)?;
    for _ in 0..ranges.min(256) {
        number(bytes)?;
        number(bytes)?;
    }
    if with_counts {
        for _ in 0..3 {
            number(bytes)?;
        }
    }
    Some(())
}
