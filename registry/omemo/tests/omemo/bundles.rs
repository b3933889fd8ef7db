//! What another device may publish, and what is refused of it.

use omemo::{Bundle, BundleError, IdentityKey, Namespace, Pair, Prekey, PublicKey};

use crate::support::{Device, NAMESPACES, OFF_CURVE, SMALL};

fn key(text: &str) -> PublicKey {
    PublicKey(hex::decode(text).unwrap().try_into().unwrap())
}

fn refused(change: impl Fn(&Device, Namespace, &mut Bundle)) -> [Result<(), BundleError>; 2] {
    NAMESPACES.map(|namespace| {
        let device = Device::new();
        let mut bundle = device.bundle(namespace);
        assert_eq!(bundle.check(namespace), Ok(()));
        change(&device, namespace, &mut bundle);
        bundle.check(namespace)
    })
}

/// XEP-0384 section 4.2.
#[test]
fn the_signed_prekey_must_be_signed() {
    let wrong = [Err(BundleError::Signature); 2];
    assert_eq!(refused(|_, _, bundle| bundle.signed_prekey.signature[40] ^= 4), wrong);
    assert_eq!(refused(|_, _, bundle| bundle.signed_prekey.key = Pair::random().public), wrong);
    assert_eq!(refused(|_, _, bundle| bundle.identity = Device::new().identity.key()), wrong);
    // As the other namespace wants it.
    let other = |device: &Device, namespace, bundle: &mut Bundle| {
        let other = NAMESPACES.into_iter().find(|it| *it != namespace).unwrap();
        let key = bundle.signed_prekey.key;
        bundle.signed_prekey.signature = device.identity.sign_prekey(other, &key);
    };
    assert_eq!(refused(other), wrong);
}

/// XEP-0384 section 4.2: the newer namespace sends the Ed25519 form, and what was sent counts.
#[test]
fn the_sign_of_the_identity_counts() {
    let changed = refused(|_, _, bundle| bundle.sign = Some(1));
    assert_eq!(changed, [Ok(()), Err(BundleError::Signature)]);
    let changed = refused(|_, _, bundle| bundle.signed_prekey.signature[63] |= 0x80);
    assert_eq!(changed, [Err(BundleError::Signature); 2]);
}

/// XEP-0384 section 4.2, and RFC 7748 section 6.1.
#[test]
fn weak_keys_are_refused() {
    let weak = [Err(BundleError::WeakKey); 2];
    let mut twice = Pair::random().public;
    twice.0[31] |= 0x80;
    for bad in SMALL.into_iter().chain([OFF_CURVE]).map(key).chain([twice]) {
        let prekey = |_: &Device, _, bundle: &mut Bundle| {
            bundle.prekeys.push(Prekey { id: 9, key: bad });
        };
        assert_eq!(refused(prekey), weak, "{bad:?}");
        assert_eq!(refused(|_, _, bundle| bundle.identity = IdentityKey(bad)), weak, "{bad:?}");
        let signed = |device: &Device, namespace, bundle: &mut Bundle| {
            bundle.signed_prekey.key = bad;
            bundle.signed_prekey.signature = device.identity.sign_prekey(namespace, &bad);
        };
        assert_eq!(refused(signed), weak, "{bad:?}");
    }
}

/// XEP-0384 section 5.3.2. The signed prekey has the number 0 with some clients.
#[test]
fn numbers_are_within_bounds_and_come_once() {
    for number in [0, 1 << 31, u32::MAX] {
        let prekey = |_: &Device, _, bundle: &mut Bundle| bundle.prekeys[0].id = number;
        assert_eq!(refused(prekey), [Err(BundleError::Number(number)); 2]);
    }
    let again = |_: &Device, _, bundle: &mut Bundle| bundle.prekeys.push(bundle.prekeys[0]);
    assert_eq!(refused(again), [Err(BundleError::Number(crate::support::PREKEY)); 2]);
    assert_eq!(refused(|_, _, bundle| bundle.prekeys.clear()), [Err(BundleError::NoPrekey); 2]);
    assert_eq!(refused(|_, _, bundle| bundle.prekeys[0].id = i32::MAX.unsigned_abs()), [Ok(()); 2]);
    assert_eq!(refused(|_, _, bundle| bundle.signed_prekey.id = 0), [Ok(()); 2]);
    let signed = |_: &Device, _, bundle: &mut Bundle| bundle.signed_prekey.id = u32::MAX;
    assert_eq!(refused(signed), [Err(BundleError::Number(u32::MAX)); 2]);
}
