//! A device as people compare it: its fingerprint as text, as a URI, and as a QR code of that.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};
use serde::Serialize;
use types::Device;

/// The digits of a key.
const DIGITS: usize = 64;
/// The highest number of a device.
const HIGHEST: u32 = 0x7fff_ffff;
/// Devices that one URI names, at most.
const DEVICES: usize = 8;
/// In a URI, what stands before a device's number.
const SID: &str = "omemo-sid-";

/// A device as people compare it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    device: u32,
    identity: String,
    /// The same digits in groups, as clients show them.
    fingerprint: String,
    /// As clients read it from a QR code.
    uri: String,
}

/// A QR code, dark modules as one path of squares.
#[derive(Debug, Serialize)]
pub(crate) struct Qr {
    /// Modules a side, with the quiet zone that readers need.
    size: usize,
    path: String,
}

/// Around a code nothing is dark, this wide (ISO/IEC 18004).
const QUIET: usize = 4;

impl Shown {
    pub(crate) fn of(jid: &str, Device { device, identity }: &Device) -> Self {
        let groups = identity.as_bytes().chunks(8).map(String::from_utf8_lossy);
        Self {
            device: *device,
            identity: identity.clone(),
            fingerprint: groups.collect::<Vec<_>>().join(" "),
            uri: format!("xmpp:{}?{SID}{device}={identity}", escape(jid)),
        }
    }

    pub(crate) fn qr(&self) -> Option<Qr> {
        let code = QrCode::with_error_correction_level(&self.uri, EcLevel::M).ok()?;
        let width = code.width();
        let mut path = String::new();
        for (row, modules) in code.to_colors().chunks(width).enumerate() {
            let mut from = 0;
            for run in modules.chunk_by(|one, next| one == next) {
                if run.first() == Some(&Color::Dark) {
                    let (x, y, long) = (from + QUIET, row + QUIET, run.len());
                    // Writing to a string does not fail.
                    let _ = write!(path, "M{x} {y}h{long}v1h-{long}z");
                }
                from += run.len();
            }
        }
        Some(Qr { size: width + 2 * QUIET, path })
    }
}

/// What may not stand in the path of a URI as it is (RFC 5122).
fn escape(jid: &str) -> String {
    let may = |it: u8| it.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@".contains(&it);
    let one = |it: u8| if may(it) { char::from(it).to_string() } else { format!("%{it:02X}") };
    jid.bytes().map(one).collect()
}

/// A fingerprint as clients show it: 64 hexadecimal digits, in groups or not, perhaps with the
/// byte 5 before it that some keys carry.
pub(crate) fn read_fingerprint(text: &str) -> Option<String> {
    let digits: String =
        text.chars().filter(|it| !it.is_whitespace() && !matches!(it, ':' | '-')).collect();
    let digits = digits.to_ascii_lowercase();
    let digits = match digits.strip_prefix("05") {
        Some(rest) if rest.len() == DIGITS => rest,
        _ => &digits,
    };
    (digits.len() == DIGITS && hex::decode(digits).is_ok()).then(|| digits.to_owned())
}

/// A device of which only the key is known; its number is made of it.
pub(crate) fn of_key(identity: String) -> Device {
    let number = identity.get(..8).and_then(|it| u32::from_str_radix(it, 16).ok());
    Device { device: number.unwrap_or(0) % HIGHEST + 1, identity }
}

/// An account and its devices, from a URI as clients show it.
pub(crate) fn read_uri(text: &str) -> Option<(String, Vec<Device>)> {
    let (account, query) = text.trim().strip_prefix("xmpp:")?.split_once('?')?;
    let account = unescape(account.trim_start_matches('/'))?.to_lowercase();
    let mut devices: Vec<Device> = Vec::new();
    for part in query.split([';', '&']) {
        let Some(named) = part.strip_prefix(SID) else { continue };
        let (number, key) = named.split_once('=')?;
        let device = number.parse().ok().filter(|it| (1..=HIGHEST).contains(it))?;
        let identity = read_fingerprint(key)?;
        if devices.iter().all(|it| it.identity != identity) {
            devices.push(Device { device, identity });
        }
    }
    ((1..=DEVICES).contains(&devices.len())).then_some((account, devices))
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_clients_show_it() {
        let key = "0123456789abcdef".repeat(4);
        let groups = key.to_uppercase();
        let groups: Vec<_> = groups.as_bytes().chunks(8).map(String::from_utf8_lossy).collect();
        for text in [key.clone(), groups.join(" "), groups.join(":"), format!("05{key}")] {
            assert_eq!(read_fingerprint(&text), Some(key.clone()), "{text}");
        }
        for text in [&key[1..], &format!("{key}0"), &format!("06{key}"), &key.replace('0', "g")] {
            assert_eq!(read_fingerprint(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_as_a_uri_is_read_again() {
        let device = of_key("fe".repeat(32));
        let shown = Shown::of("ops%1@test", &device);
        assert_eq!(read_uri(&shown.uri), Some(("ops%1@test".to_owned(), vec![device])));
        let two =
            format!("xmpp:a@test?omemo-sid-7={};omemo-sid-8={}", "a".repeat(64), "b".repeat(64));
        assert_eq!(read_uri(&two).unwrap().1.len(), 2);
        for wrong in [
            "xmpp:a@test",
            "xmpp:a@test?join",
            "xmpp:a@test?omemo-sid-0=aa",
            "mailto:a@test?omemo-sid-7=aa",
            "xmpp:a%@test?omemo-sid-7=aa",
        ] {
            assert_eq!(read_uri(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_code_has_its_quiet_zone() {
        let qr = Shown::of("ops@test", &of_key("01".repeat(32))).qr().unwrap();
        assert!(qr.size >= 21 + 2 * QUIET);
        assert!(qr.path.starts_with("M4 4h7v1h-7z"), "{}", qr.path);
    }
}
