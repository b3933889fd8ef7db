//! What reads bytes of others, as targets for fuzzing.
//!
//! A target takes any bytes and panics when something that must hold does not. Where they are no
//! text, the lowest bit of the first says of which namespace the others are, and the next whether
//! they carry an exchange.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "what must not happen is to be found"
)]

mod established;
mod recipient;

use std::fmt;

use minidom::Element;

#[cfg(feature = "signal")]
use self::recipient::LIBSIGNALS;
use self::{
    established::Established,
    recipient::{Recipient, bundles, elements, messages, payloads, sessions},
};
#[cfg(feature = "signal")]
use crate::ratchet::Signal;
use crate::{
    Bundle, IdentityKey, Namespace, Prekey, PublicKey, SignedPrekey, envelope, payload,
    ratchet::{Exchange, Own, Ratchet, RatchetError},
    wire::{self, Encrypted},
};

/// Something that reads what others wrote.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Reads it, and panics when something that must hold does not.
    pub read: fn(&[u8]),
    /// What it reads when all is well, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    Target { name: "exchange", read: exchange, seeds: messages },
    Target { name: "session", read: session, seeds: messages },
    #[cfg(feature = "signal")]
    Target { name: "libsignal", read: libsignal, seeds: messages },
    Target { name: "saved", read: saved, seeds: sessions },
    Target { name: "bundle", read: bundle, seeds: bundles },
    Target { name: "payload", read: sealed, seeds: payloads },
    Target { name: "omemo", read: element, seeds: elements },
    Target { name: "envelope", read: inside, seeds: envelopes },
    Target { name: "unseal", read: message, seeds: || Established::get().seeds() },
];

/// When the envelopes were written that it begins with.
const NOW: i64 = 1_800_000_000;

/// An exchange that is read is by an identity that can be one, and both engines begin the same
/// session of it, or none.
pub fn exchange(bytes: &[u8]) {
    let Some((namespace, _, bytes)) = begin(bytes) else { return };
    let Ok(exchange) = Exchange::read(namespace, bytes) else { return };
    assert_eq!(exchange.identity.0.check(), Ok(()));
    let ed25519 = exchange.identity.to_ed25519().expect("it is a point of the curve");
    assert_eq!(IdentityKey::from_ed25519(&ed25519), Ok(exchange.identity));
    let begun = Recipient::of(namespace).answer::<Own>(namespace, bytes);
    #[cfg(feature = "signal")]
    if namespace == Namespace::Axolotl {
        let other = Recipient::of(namespace).answer::<Signal>(namespace, bytes);
        assert_eq!(other.map(|(_, plain)| plain), begun.as_ref().map(|(_, plain)| plain.clone()));
    }
    if let Some((session, _)) = begun {
        assert_eq!((session.peer(), session.base()), (exchange.identity, exchange.base));
    }
}

/// What our own engine refuses moves nothing, and what it opens it opens once.
pub fn session(bytes: &[u8]) {
    let Some((namespace, exchange, bytes)) = begin(bytes) else { return };
    open_once::<Own>(&Recipient::of(namespace).saved, bytes, exchange);
}

/// The same of libsignal's engine.
#[cfg(feature = "signal")]
pub fn libsignal(bytes: &[u8]) {
    let Some((_, exchange, bytes)) = begin(bytes) else { return };
    open_once::<Signal>(&LIBSIGNALS, bytes, exchange);
}

fn open_once<R: Ratchet>(saved: &[u8], bytes: &[u8], exchange: bool) {
    let mut session = R::load(saved).expect("it was saved");
    if session.open(bytes, exchange).is_err() {
        assert_eq!(*session.save(), saved);
        return;
    }
    assert_eq!(session.open(bytes, exchange), Err(RatchetError::Duplicate));
}

/// What is loaded is saved as it was, and works or says that it does not.
pub fn saved(bytes: &[u8]) {
    if let Ok(session) = Own::load(bytes) {
        assert_eq!(*session.save(), bytes);
        try_out(session);
    }
    #[cfg(feature = "signal")]
    if let Ok(session) = Signal::load(bytes) {
        let again = session.save();
        assert_eq!(Signal::load(&again).expect("it was loaded before").save(), again);
        try_out(session);
    }
}

fn try_out<R: Ratchet>(mut session: R) {
    let message = Recipient::of(Namespace::Axolotl).messages.last().cloned().unwrap_or_default();
    drop(session.open(&message, false));
    drop(session.seal(b"text"));
    drop(session.open(&message, true));
    let _ = (session.received(), session.confirmed());
}

/// A bundle that is sound can be used.
pub fn bundle(bytes: &[u8]) {
    let Some((namespace, sign, rest)) = begin(bytes) else { return };
    let Some(bundle) = read_bundle(rest, sign) else { return };
    let own = &Recipient::of(namespace).identity;
    let prekey = bundle.prekeys.last().map_or(1, |prekey| prekey.id);
    let begun = Own::initiate(namespace, own, &bundle, prekey);
    if bundle.check(namespace).is_ok() {
        assert_eq!(begun.expect("it is sound").peer(), bundle.identity);
    }
}

fn read_bundle(mut rest: &[u8], sign: bool) -> Option<Bundle> {
    let identity = IdentityKey(PublicKey(take(&mut rest)?));
    let signed_prekey = SignedPrekey {
        id: u32::from_le_bytes(take(&mut rest)?),
        key: PublicKey(take(&mut rest)?),
        signature: take(&mut rest)?,
    };
    let mut prekeys = Vec::new();
    while let (Some(id), Some(key)) = (take(&mut rest), take(&mut rest)) {
        prekeys.push(Prekey { id: u32::from_le_bytes(id), key: PublicKey(key) });
    }
    Some(Bundle { identity, sign: Some(sign.into()), signed_prekey, prekeys })
}

fn write_bundle(namespace: Namespace, bundle: &Bundle) -> Vec<u8> {
    let SignedPrekey { id, key, signature } = &bundle.signed_prekey;
    let flags = flag(namespace) | bundle.sign.unwrap_or_default() << 1;
    let mut out = vec![flags];
    out.extend([&bundle.identity.0.0[..], &id.to_le_bytes(), &key.0, signature].concat());
    for Prekey { id, key } in &bundle.prekeys {
        out.extend([&id.to_le_bytes()[..], &key.0].concat());
    }
    out
}

/// A payload opens or does not; the next two bytes are the lengths of its IV and key. And whatever
/// is sealed is opened.
pub fn sealed(bytes: &[u8]) {
    let Some((namespace, _, rest)) = begin(bytes) else { return };
    let again = payload::seal(namespace, rest);
    let opened = payload::open(namespace, &again.cipher, &again.iv, &again.key);
    assert_eq!(opened.as_deref(), Ok(rest));
    let [iv, key, rest @ ..] = rest else { return };
    let Some((iv, rest)) = rest.split_at_checked(usize::from(*iv)) else { return };
    let Some((key, cipher)) = rest.split_at_checked(usize::from(*key)) else { return };
    drop(payload::open(namespace, cipher, iv, key));
}

/// Reads an element of OMEMO; what a list or a bundle says is judged as well.
pub fn element(bytes: &[u8]) {
    let Some(element) = std::str::from_utf8(bytes).ok().and_then(|it| it.parse().ok()) else {
        return;
    };
    let element: Element = element;
    drop(Encrypted::read(&element, "a@test", 7));
    drop(wire::read_devices(&element));
    if let Ok((namespace, bundle)) = wire::read_bundle(&element) {
        let _ = bundle.check(namespace);
    }
}

/// What is read of the inside of a message is of who sent it, for us, and nests no deeper than we
/// look.
pub fn inside(bytes: &[u8]) {
    let Ok(elements) = envelope::read(bytes, "a@test", "b@test", NOW) else { return };
    let whole = Element::from_reader(bytes).expect("it was read before");
    assert!(depth(&whole) <= envelope::DEEPEST);
    let child = |name| whole.children().find(|it| it.is(name, "urn:xmpp:sce:1"));
    let jid = |name| child(name).and_then(|it| it.attr("jid")).and_then(|it| it.split('/').next());
    assert_eq!(jid("from"), Some("a@test"));
    assert!(child("to").is_none() || jid("to") == Some("b@test"));
    let content: Vec<&Element> = child("content").into_iter().flat_map(Element::children).collect();
    assert_eq!(elements.iter().collect::<Vec<_>>(), content);
}

fn depth(element: &Element) -> usize {
    1 + element.children().map(depth).max().unwrap_or_default()
}

fn envelopes() -> Vec<Vec<u8>> {
    let nested = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let form = "<x xmlns='jabber:x:data' type='form'><field var='act'/></x>";
    let contents =
        ["<body xmlns='jabber:client'>\"&lt;' a/></body>", form, &nested(30), &nested(31)];
    contents.map(|it| envelope::write(it, "a@test", "b@test", NOW).into_bytes()).into()
}

/// A message for somebody who has sessions: as XML, or as the bytes that it is made of. It is
/// opened if it was sealed by whom it should, and once; and what comes after it is opened.
pub fn message(bytes: &[u8]) {
    let text = || std::str::from_utf8(bytes).ok()?.parse().ok();
    let element = if bytes.starts_with(b"<") { text() } else { established::unpack(bytes) };
    if let Some(element) = element {
        established::check(&element);
    }
}

fn begin(bytes: &[u8]) -> Option<(Namespace, bool, &[u8])> {
    let (flags, rest) = bytes.split_first()?;
    let namespace = if flags & 1 == 0 { Namespace::Axolotl } else { Namespace::Omemo2 };
    Some((namespace, flags & 2 != 0, rest))
}

fn flag(namespace: Namespace) -> u8 {
    u8::from(namespace == Namespace::Omemo2)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_others_write_is_read_or_refused() {
        for target in TARGETS {
            // A whole device begins anew each time.
            let step = if target.name == "unseal" { 41 } else { 1 };
            for seed in (target.seeds)() {
                (target.read)(&seed);
                for place in (0..seed.len().min(400)).step_by(step) {
                    (target.read)(&seed[..place]);
                    let mut changed = seed.clone();
                    for change in [1, 0x7f, 0xff] {
                        changed[place] = seed[place] ^ change;
                        (target.read)(&changed);
                    }
                }
            }
        }
    }

    #[test]
    fn seeds_are_what_is_read() {
        for seed in bundles() {
            let (namespace, sign, rest) = begin(&seed).unwrap();
            assert_eq!(read_bundle(rest, sign).unwrap().check(namespace), Ok(()));
        }
        for recipient in Namespace::ALL.map(Recipient::of) {
            assert_eq!(recipient.saved, *Own::load(&recipient.saved).unwrap().save());
        }
    }
}
