//! Payloads of both namespaces.

use omemo::{
    Namespace,
    payload::{self, Payload, PayloadError},
};

use crate::support::NAMESPACES;

fn open(namespace: Namespace, payload: &Payload) -> Result<Vec<u8>, PayloadError> {
    payload::open(namespace, &payload.cipher, &payload.iv, &payload.key)
}

/// XEP-0384 section 4.4, and 4.5 of version 0.3.
#[test]
fn what_is_sealed_is_opened() {
    for namespace in NAMESPACES {
        for length in [0, 1, 15, 16, 17, 1000] {
            let plain = vec![7; length];
            let sealed = payload::seal(namespace, &plain);
            assert_eq!(open(namespace, &sealed), Ok(plain.clone()));
            assert_ne!(sealed.key, payload::seal(namespace, &plain).key);
        }
    }
}

#[test]
fn keys_have_the_length_of_their_namespace() {
    let [old, new] = NAMESPACES.map(|it| payload::seal(it, b"text"));
    assert_eq!((old.key.len(), old.iv.len(), old.cipher.len()), (32, 12, 4));
    assert_eq!((new.key.len(), new.iv.len(), new.cipher.len()), (48, 0, 16));
    let empty = NAMESPACES.map(|it| (payload::empty(it).len(), payload::empty_iv(it).len()));
    assert_eq!(empty, [(16, 12), (32, 0)]);
    assert_eq!(*payload::empty(Namespace::Omemo2), [0; 32]);
}

/// Whatever is changed, cut off or added.
#[test]
fn what_is_changed_is_refused() {
    for namespace in NAMESPACES {
        let sealed = payload::seal(namespace, b"the door is open");
        let open = |cipher: &[u8], iv: &[u8], key: &[u8]| payload::open(namespace, cipher, iv, key);
        let parts = [&sealed.cipher, &sealed.iv, &*sealed.key];
        for (place, part) in parts.into_iter().enumerate() {
            let try_with = |changed: &[u8]| {
                let [mut cipher, mut iv, mut key] = parts.map(Vec::as_slice);
                *[&mut cipher, &mut iv, &mut key][place] = changed;
                assert_eq!(open(cipher, iv, key), Err(PayloadError), "{place} {changed:?}");
            };
            for bit in 0..part.len() * 8 {
                let mut changed = part.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                try_with(&changed);
            }
            (0..part.len()).for_each(|length| try_with(&part[..length]));
            try_with(&[part.as_slice(), &[0]].concat());
        }
    }
}

/// XEP-0384 before 0.3 sent the tag at the end of the payload.
#[test]
fn the_old_place_of_the_tag_is_known() {
    let sealed = payload::seal(Namespace::Axolotl, b"text");
    let (key, tag) = sealed.key.split_at(16);
    let cipher = [&sealed.cipher, tag].concat();
    let opened = payload::open(Namespace::Axolotl, &cipher, &sealed.iv, key);
    assert_eq!(opened.as_deref(), Ok(&b"text"[..]));
}

/// Clients of the first years sent IVs of 16 bytes. AES-128-GCM with such, by OpenSSL.
#[test]
fn long_vectors_are_known() {
    let hex = |text| hex::decode(text).unwrap();
    let iv = "101112131415161718191a1b1c1d1e1f";
    let key = "000102030405060708090a0b0c0d0e0f0d00dbd1ddb9c70b4f4e5d923d19a322";
    let cipher = "b1f6929619dd4bfaf671b0a2ce5f4ab9";
    let opened = payload::open(Namespace::Axolotl, &hex(cipher), &hex(iv), &hex(key));
    assert_eq!(opened.as_deref(), Ok(&b"the door is open"[..]));
}

#[test]
fn the_key_is_not_shown() {
    let sealed = payload::seal(Namespace::Omemo2, b"text");
    assert_eq!(format!("{sealed:?}"), "Payload { bytes: 16, .. }");
}
