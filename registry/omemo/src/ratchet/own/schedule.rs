//! Which key comes of which: X3DH, the root chain, the chains of messages.

use hmac::Mac;
use zeroize::Zeroizing;

use crate::{
    Namespace, Secret,
    cipher::{Keys, derive, hmac},
};

/// What both namespaces derive for: the same steps under other names.
struct Names {
    exchange: &'static [u8],
    root: &'static [u8],
    message: &'static [u8],
}

impl Namespace {
    fn names(self) -> Names {
        match self {
            Self::Axolotl => Names {
                exchange: b"WhisperText",
                root: b"WhisperRatchet",
                message: b"WhisperMessageKeys",
            },
            Self::Omemo2 => Names {
                exchange: b"OMEMO X3DH",
                root: b"OMEMO Root Chain",
                message: b"OMEMO Message Key Material",
            },
        }
    }
}

/// The first root key, from the four agreements of an exchange (X3DH, sections 2.2 and 3.3).
pub(super) fn first_root(namespace: Namespace, agreements: &[Secret; 4]) -> Secret {
    let mut material = Zeroizing::new([[0xff; 32]; 5]);
    let places = material.iter_mut().skip(1);
    places.zip(agreements).for_each(|(place, agreement)| *place = *agreement.expose());
    let root: Zeroizing<[_; 1]> =
        derive(&[0; 32], material.as_flattened(), namespace.names().exchange);
    let [root] = *root;
    Secret::new(root)
}

/// The next root key and the chain that it begins, after a turn of the ratchet.
pub(super) fn turn(namespace: Namespace, root: &Secret, agreement: &Secret) -> (Secret, Secret) {
    let both = derive(root.expose(), agreement.expose(), namespace.names().root);
    let [root, chain] = *both;
    (Secret::new(root), Secret::new(chain))
}

/// The next key of a chain, and the secret of the message before it.
pub(super) fn step(chain: &Secret) -> (Secret, Secret) {
    let mac = hmac(chain.expose());
    let [message, next] = [1, 2]
        .map(|byte| Secret::new(mac.clone().chain_update([byte]).finalize().into_bytes().into()));
    (next, message)
}

/// The keys that seal one message.
pub(super) fn keys(namespace: Namespace, message: &Secret) -> Keys {
    Keys::derive(message.expose(), namespace.names().message)
}
