//! One session: what it opens, once, and what it refuses without being moved.

use omemo::{
    Namespace, Pair,
    ratchet::{Exchange, MAX_SKIP, Own, Ratchet, RatchetError, Sealed},
};

use crate::support::{
    Device, NAMESPACES, OFF_CURVE, PREKEY, SMALL, over_engines, pair, pass, settled,
};

over_engines!(
    an_exchange_may_come_again_and_begins_one_session,
    late_messages_open_after_turns_and_restarts,
    what_came_before_is_refused,
    what_is_too_far_ahead_is_refused,
    a_thousand_may_be_missing,
    keys_of_skipped_messages_are_bounded,
    what_has_another_form_is_refused,
    an_exchange_is_what_its_keys_are,
    an_exchange_for_other_keys_is_refused,
    weak_keys_in_exchanges_are_refused,
    another_exchange_is_not_this_session,
    a_damaged_session_is_not_loaded,
);

/// Tries what must be refused, and that it moves nothing.
fn refused<R: Ratchet>(session: &mut R, bytes: &[u8], exchange: bool) -> RatchetError {
    let before = session.save();
    let error = session.open(bytes, exchange).expect_err("it is refused");
    assert_eq!(session.save(), before, "{error}");
    error
}

/// A message of the ratchet, to be written by hand.
struct Message {
    ratchet: [u8; 32],
    number: u32,
    previous: u32,
}

impl Message {
    /// With the ratchet key of a message that was sealed.
    fn like(namespace: Namespace, sealed: &Sealed) -> Self {
        assert!(!sealed.exchange);
        let key: &[u8] = match namespace {
            Namespace::Axolotl => &sealed.bytes[4..36],
            Namespace::Omemo2 => &sealed.bytes[26..58],
        };
        Self { ratchet: key.try_into().unwrap(), number: 0, previous: 0 }
    }

    fn write(&self, namespace: Namespace) -> Vec<u8> {
        let Self { ratchet, number, previous } = self;
        let (number, previous) = (varint(*number), varint(*previous));
        match namespace {
            Namespace::Axolotl => [
                &[0x33, 0x0a, 33, 5][..],
                ratchet,
                &[0x10],
                &number,
                &[0x18],
                &previous,
                &[0x22, 16],
                &[1; 16],
                &[2; 8],
            ]
            .concat(),
            Namespace::Omemo2 => {
                let inner = [
                    &[0x08][..],
                    &number,
                    &[0x10],
                    &previous,
                    &[0x1a, 32],
                    ratchet,
                    &[0x22, 16],
                    &[1; 16],
                ]
                .concat();
                let length = u8::try_from(inner.len()).unwrap();
                [&[0x0a, 16][..], &[2; 16], &[0x12, length], &inner].concat()
            }
        }
    }
}

fn varint(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 127 {
        bytes.push(number.to_le_bytes()[0] | 128);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

/// Sections 4.3 and 5.5.3: who has no answer yet sends the exchange with each message.
fn an_exchange_may_come_again_and_begins_one_session<R: Ratchet>(namespace: Namespace) {
    let (a, b) = (Device::new(), Device::new());
    let mut one = a.initiate::<R>(namespace, &b);
    let sent: Vec<Sealed> = (0..3).map(|it| one.seal(&[it]).unwrap()).collect();
    for sealed in &sent {
        let exchange = Exchange::read(namespace, &sealed.bytes).unwrap();
        assert!(sealed.exchange && !one.confirmed());
        assert_eq!((exchange.prekey, exchange.signed_prekey), (PREKEY, 1));
        assert_eq!((exchange.identity, exchange.base), (a.identity.key(), one.base()));
    }
    let (mut other, plain) = b.respond::<R>(namespace, &sent[1].bytes).unwrap();
    assert_eq!((plain, other.base()), (vec![1], one.base()));
    assert_eq!((one.peer(), other.peer()), (b.identity.key(), a.identity.key()));
    assert_eq!(other.open(&sent[0].bytes, true), Ok(vec![0]));
    assert_eq!(other.open(&sent[2].bytes, true), Ok(vec![2]));
    assert_eq!(other.received(), 3);
    for sealed in &sent {
        assert_eq!(refused(&mut other, &sealed.bytes, true), RatchetError::Duplicate);
    }
    pass(&mut other, &mut one, "answer");
    assert!(one.confirmed() && !one.seal(b"").unwrap().exchange);
}

/// Section 4.3.
fn late_messages_open_after_turns_and_restarts<R: Ratchet>(namespace: Namespace) {
    let (mut a, mut b) = pair::<R, R>(namespace);
    let mut late = Vec::new();
    for turn in 0..4 {
        let sent: Vec<Sealed> = (0..5).map(|it| a.seal(&[turn, it]).unwrap()).collect();
        assert_eq!(b.open(&sent[3].bytes, sent[3].exchange), Ok(vec![turn, 3]));
        late.extend(
            [0, 1, 2, 4].map(|it| (vec![turn, u8::try_from(it).unwrap()], sent[it].clone())),
        );
        pass(&mut b, &mut a, "a turn");
        a = R::load(&a.save()).unwrap();
        b = R::load(&b.save()).unwrap();
    }
    for (plain, sealed) in late.iter().rev() {
        assert_eq!(b.open(&sealed.bytes, sealed.exchange).as_ref(), Ok(plain));
        assert!(b.open(&sealed.bytes, sealed.exchange).is_err());
        b = R::load(&b.save()).unwrap();
    }
}

/// Section 6: a replay, by the server or by a client, must not be seen.
fn what_came_before_is_refused<R: Ratchet>(namespace: Namespace) {
    let (mut a, mut b) = settled::<R, R>(namespace);
    let sealed = a.seal(b"once").unwrap();
    let skipped = a.seal(b"late").unwrap();
    let next = a.seal(b"next").unwrap();
    for (sealed, plain) in [(&sealed, b"once"), (&next, b"next"), (&skipped, b"late")] {
        assert_eq!(b.open(&sealed.bytes, false).as_deref(), Ok(&plain[..]));
        assert_eq!(refused(&mut b, &sealed.bytes, false), RatchetError::Duplicate);
    }
    // And in the chain before.
    pass(&mut b, &mut a, "a turn");
    pass(&mut a, &mut b, "another");
    for sealed in [sealed, next, skipped] {
        assert_eq!(refused(&mut b, &sealed.bytes, false), RatchetError::Duplicate);
    }
    // One's own, that comes back.
    let own = b.seal(b"own").unwrap();
    assert_eq!(refused(&mut b, &own.bytes, false), RatchetError::Forged);
}

/// Section 4.3: at once, whatever the numbers are.
fn what_is_too_far_ahead_is_refused<R: Ratchet>(namespace: Namespace) {
    let (mut a, mut b) = settled::<R, R>(namespace);
    let sealed = a.seal(b"next").unwrap();
    let mut message = Message::like(namespace, &sealed);
    let next = b.received();
    for number in [MAX_SKIP + 1, 1 << 20, u32::MAX - next] {
        message.number = next + number;
        let error = refused(&mut b, &message.write(namespace), false);
        assert_eq!(error, RatchetError::TooFarAhead(number));
    }
    // Of a chain that begins.
    message.ratchet = Pair::random().public.0;
    for number in [MAX_SKIP + 1, u32::MAX] {
        message.number = number;
        let error = refused(&mut b, &message.write(namespace), false);
        assert_eq!(error, RatchetError::TooFarAhead(number));
    }
    // What the chain before is said to have had; libsignal's engine does not look at it.
    (message.number, message.previous) = (0, u32::MAX);
    let error = refused(&mut b, &message.write(namespace), false);
    assert!(matches!(error, RatchetError::TooFarAhead(_) | RatchetError::Forged), "{error:?}");
    assert_eq!(b.open(&sealed.bytes, false).as_deref(), Ok(&b"next"[..]));
}

/// Section 4.3.
fn a_thousand_may_be_missing<R: Ratchet>(namespace: Namespace) {
    let (mut a, mut b) = settled::<R, R>(namespace);
    let sent: Vec<Sealed> = (0..=MAX_SKIP + 1).map(|_| a.seal(b"x").unwrap()).collect();
    let [first @ .., last, over] = &sent[..] else { panic!("many") };
    assert_eq!(refused(&mut b, &over.bytes, false), RatchetError::TooFarAhead(MAX_SKIP + 1));
    assert!(b.open(&last.bytes, false).is_ok());
    for sealed in first.iter().rev() {
        assert!(b.open(&sealed.bytes, false).is_ok());
    }
    assert!(b.open(&over.bytes, false).is_ok());
}

/// How much a session may come to.
trait Bounded: Ratchet {
    const MOST: usize;
}

impl Bounded for Own {
    const MOST: usize = 2000 * 36 + 1000;
}

/// It keeps more of each, of five chains.
#[cfg(feature = "signal")]
impl Bounded for omemo::ratchet::Signal {
    const MOST: usize = 5 * 1000 * 130;
}

/// Section 4.3: the oldest go first.
fn keys_of_skipped_messages_are_bounded<R: Bounded>(namespace: Namespace) {
    let (mut a, mut b) = settled::<R, R>(namespace);
    let mut chains = Vec::new();
    let mut longest = 0;
    for _ in 0..8 {
        let sent: Vec<Sealed> = (0..950).map(|_| a.seal(b"x").unwrap()).collect();
        assert!(b.open(&sent[949].bytes, false).is_ok());
        pass(&mut b, &mut a, "a turn");
        longest = longest.max(b.save().len());
        chains.push(sent);
    }
    assert!(longest <= R::MOST, "{longest} bytes");
    assert!(b.open(&chains[0][0].bytes, false).is_err(), "the oldest is gone");
    for sealed in &chains[7][..949] {
        assert!(b.open(&sealed.bytes, false).is_ok());
    }
}

/// Section 4.4, and what Protocol Buffers say of fields.
fn what_has_another_form_is_refused<R: Ratchet>(namespace: Namespace) {
    let (mut a, mut b) = settled::<R, R>(namespace);
    let sealed = a.seal(b"text").unwrap().bytes;
    for length in 0..sealed.len() {
        refused(&mut b, &sealed[..length], false);
        refused(&mut b, &sealed[..length], true);
    }
    // What is added is a field that is not known, or no field at all.
    for more in [&[0][..], &[0x7a], &[0x7a, 1], &[0x7b], &[0x07], &[0xff; 11]] {
        refused(&mut b, &[&sealed, more].concat(), false);
    }
    if namespace == Namespace::Axolotl {
        for version in [0x23, 0x32, 0x34, 0x44] {
            let bytes = [&[version], &sealed[1..]].concat();
            assert_eq!(refused(&mut b, &bytes, false), RatchetError::Malformed);
        }
        // An unknown field is passed over, but was not sealed.
        let (message, mac) = sealed.split_at(sealed.len() - 8);
        let bytes = [message, &[0x7a, 1, 0], mac].concat();
        assert_eq!(refused(&mut b, &bytes, false), RatchetError::Forged);
    } else {
        // Outside of what is sealed it does no harm.
        let bytes = [&sealed[..], &[0x7a, 1, 0]].concat();
        assert_eq!(b.open(&bytes, false).as_deref(), Ok(&b"text"[..]));
        return;
    }
    assert_eq!(b.open(&sealed, false).as_deref(), Ok(&b"text"[..]));
}

/// Section 4.3: what is not authenticated of an exchange must not make another of it.
fn an_exchange_is_what_its_keys_are<R: Ratchet>(namespace: Namespace) {
    let (a, b) = (Device::new(), Device::new());
    let mut one = a.initiate::<R>(namespace, &b);
    let (first, second) = (one.seal(b"first").unwrap().bytes, one.seal(b"second").unwrap().bytes);
    let (other, _) = b.respond::<R>(namespace, &first).unwrap();
    let saved = other.save();
    let mut taken = 0;
    for bit in 0..first.len() * 8 {
        let change = |bytes: &[u8]| {
            let mut changed = bytes.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            changed
        };
        if let Ok((begun, plain)) = b.respond::<R>(namespace, &change(&first)) {
            assert_eq!((plain.as_slice(), begun.base()), (&b"first"[..], one.base()), "bit {bit}");
            assert_eq!(begun.peer(), a.identity.key(), "bit {bit}");
            taken += 1;
        }
        let mut other = R::load(&saved).unwrap();
        match other.open(&change(&second), true) {
            Ok(plain) => assert_eq!(plain, b"second", "bit {bit}"),
            Err(_) => assert_eq!(other.save(), saved, "bit {bit}"),
        }
    }
    // The "registration id", and no more.
    let free = if namespace == Namespace::Axolotl { 4..=40 } else { 0..=0 };
    assert!(free.contains(&taken), "{taken} bits");
    // The bit of the base key that nobody looks at when two agree.
    let at = first.windows(32).position(|it| it == one.base().0).unwrap();
    let mut changed = first;
    changed[at + 31] ^= 0x80;
    assert_eq!(Exchange::read(namespace, &changed), Err(RatchetError::WeakKey));
}

/// Section 4.3, and 5 of version 0.3.
fn an_exchange_for_other_keys_is_refused<R: Ratchet>(namespace: Namespace) {
    let (a, b) = (Device::new(), Device::new());
    let bytes = a.initiate::<R>(namespace, &b).seal(b"first").unwrap().bytes;
    let own = &b.identity;
    let begin = |signed: &Pair, prekey: &Pair| {
        R::respond(namespace, own, signed, prekey, &bytes).map(|(_, plain)| plain)
    };
    let (signed, prekey) = (&b.signed_prekey, &b.prekey);
    assert_eq!(begin(&Pair::random(), prekey), Err(RatchetError::Forged));
    assert_eq!(begin(signed, &Pair::random()), Err(RatchetError::Forged));
    assert_eq!(begin(signed, prekey), Ok(b"first".to_vec()));
    let stranger = R::respond(namespace, &Device::new().identity, signed, prekey, &bytes);
    assert_eq!(stranger.map(|(_, plain)| plain), Err(RatchetError::Forged));
    // Without a prekey: its field is the first.
    let start = usize::from(namespace == Namespace::Axolotl);
    let without = [&bytes[..start], &bytes[start + 2..]].concat();
    assert_eq!(bytes[start..start + 2], [0x08, 7]);
    assert_eq!(Exchange::read(namespace, &without).map(|it| it.prekey), Ok(0));
    let unknown = b.respond::<R>(namespace, &without).map(drop);
    assert_eq!(unknown, Err(RatchetError::UnknownPrekey(0)));
}

/// RFC 7748 section 6.1.
fn weak_keys_in_exchanges_are_refused<R: Ratchet>(namespace: Namespace) {
    let (a, b) = (Device::new(), Device::new());
    let mut one = a.initiate::<R>(namespace, &b);
    let bytes = one.seal(b"first").unwrap().bytes;
    let identity = match namespace {
        Namespace::Axolotl => a.identity.key().0.0,
        Namespace::Omemo2 => a.identity.key().to_ed25519().unwrap(),
    };
    for key in [one.base().0, identity] {
        let at = bytes.windows(32).position(|it| it == key).unwrap();
        for weak in SMALL.into_iter().chain([OFF_CURVE]) {
            let mut changed = bytes.clone();
            hex::decode_to_slice(weak, &mut changed[at..at + 32]).unwrap();
            let begun = b.respond::<R>(namespace, &changed).map(drop);
            let off = weak == OFF_CURVE && (key != identity || namespace == Namespace::Omemo2);
            let expected = [Err(RatchetError::WeakKey), Err(RatchetError::Forged)];
            assert!(begun == expected[0] || off && begun == expected[1], "{weak}: {begun:?}");
        }
    }
}

/// Section 5.6: another exchange of the same device is another session.
fn another_exchange_is_not_this_session<R: Ratchet>(namespace: Namespace) {
    let (a, b) = (Device::new(), Device::new());
    let mut one = a.initiate::<R>(namespace, &b);
    let (mut other, _) = b.respond::<R>(namespace, &one.seal(b"").unwrap().bytes).unwrap();
    let mut again = a.initiate::<R>(namespace, &b);
    let sealed = again.seal(b"again").unwrap();
    assert_ne!(one.base(), again.base());
    assert_eq!(refused(&mut other, &sealed.bytes, true), RatchetError::Forged);
    // The other way round.
    let mut back = b.initiate::<R>(namespace, &a);
    let sealed = back.seal(b"back").unwrap();
    assert_eq!(refused(&mut one, &sealed.bytes, true), RatchetError::Forged);
}

fn a_damaged_session_is_not_loaded<R: Ratchet>(namespace: Namespace) {
    let (mut a, mut b) = settled::<R, R>(namespace);
    drop(a.seal(b"lost").unwrap());
    pass(&mut a, &mut b, "next");
    let saved = b.save();
    assert_eq!(R::load(&saved).unwrap().save(), saved);
    assert_eq!(R::load(&[]).map(drop), Err(RatchetError::Damaged));
    assert_eq!(R::load(&[&[99], &saved[1..]].concat()).map(drop), Err(RatchetError::Damaged));
}

/// Each byte of it is needed, and no more.
#[test]
fn what_our_own_engine_saves_is_read_strictly() {
    for namespace in NAMESPACES {
        let (mut a, mut b) = settled::<Own, Own>(namespace);
        drop(a.seal(b"lost").unwrap());
        pass(&mut a, &mut b, "next");
        let saved = b.save();
        for length in 0..saved.len() {
            assert!(Own::load(&saved[..length]).is_err(), "{length}");
        }
        assert!(Own::load(&[&saved[..], &[0]].concat()).is_err());
        assert!(Own::load(&[&[1, 0x80], &saved[2..]].concat()).is_err());
    }
}

#[cfg(feature = "signal")]
#[test]
fn libsignals_engine_knows_the_older_namespace_only() {
    use omemo::ratchet::{Engine, Signal};
    let (a, b) = (Device::new(), Device::new());
    let new = Namespace::Omemo2;
    let begun = Signal::initiate(new, &a.identity, &b.bundle(new), PREKEY).map(drop);
    assert_eq!(begun, Err(RatchetError::Namespace));
    let bytes = a.initiate::<Own>(new, &b).seal(b"").unwrap().bytes;
    assert_eq!(b.respond::<Signal>(new, &bytes).map(drop), Err(RatchetError::Namespace));
    for (namespace, kind) in [(Namespace::Axolotl, "Signal("), (new, "Own(")] {
        let (mut one, mut other) = settled::<Engine, Engine>(namespace);
        one = Engine::load(&one.save()).unwrap();
        other = Engine::load(&other.save()).unwrap();
        pass(&mut one, &mut other, "text");
        assert!(format!("{one:?}").starts_with(kind), "{one:?}");
    }
}
