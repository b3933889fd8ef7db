//! What the tests share: devices, and chance that can be had again.

use omemo::{
    Bundle, Identity, Namespace, Pair, Prekey, SignedPrekey,
    ratchet::{Exchange, Ratchet, RatchetError},
};

/// Both namespaces.
pub(crate) const NAMESPACES: [Namespace; 2] = Namespace::ALL;

/// Keys of small order (RFC 7748 section 7), some in forms that are not the proper one.
pub(crate) const SMALL: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// A key that is no point of the curve, but of its twist.
pub(crate) const OFF_CURVE: &str =
    "0200000000000000000000000000000000000000000000000000000000000000";

/// Runs tests with each engine, in each namespace that it knows: each is a function that takes a
/// namespace.
macro_rules! over_engines {
    ($($name:ident),+ $(,)?) => {
        mod by_our_own {
            $(#[test]
            fn $name() {
                for namespace in crate::support::NAMESPACES {
                    super::$name::<omemo::ratchet::Own>(namespace);
                }
            })+
        }

        #[cfg(feature = "signal")]
        mod by_libsignals {
            $(#[test]
            fn $name() {
                super::$name::<omemo::ratchet::Signal>(omemo::Namespace::Axolotl);
            })+
        }
    };
}
pub(crate) use over_engines;

/// The number of the only prekey of a [`Device`].
pub(crate) const PREKEY: u32 = 7;

/// A device with one prekey.
pub(crate) struct Device {
    pub(crate) identity: Identity,
    pub(crate) signed_prekey: Pair,
    pub(crate) prekey: Pair,
}

impl Device {
    pub(crate) fn new() -> Self {
        let identity = Identity::random();
        Self { identity, signed_prekey: Pair::random(), prekey: Pair::random() }
    }

    pub(crate) fn bundle(&self, namespace: Namespace) -> Bundle {
        let key = self.signed_prekey.public;
        Bundle {
            identity: self.identity.key(),
            sign: Some(0),
            signed_prekey: SignedPrekey {
                id: 1,
                key,
                signature: self.identity.sign_prekey(namespace, &key),
            },
            prekeys: vec![Prekey { id: PREKEY, key: self.prekey.public }],
        }
    }

    pub(crate) fn initiate<R: Ratchet>(&self, namespace: Namespace, to: &Self) -> R {
        R::initiate(namespace, &self.identity, &to.bundle(namespace), PREKEY).unwrap()
    }

    pub(crate) fn respond<R: Ratchet>(
        &self,
        namespace: Namespace,
        bytes: &[u8],
    ) -> Result<(R, Vec<u8>), RatchetError> {
        let exchange = Exchange::read(namespace, bytes)?;
        match (exchange.prekey, exchange.signed_prekey) {
            (PREKEY, 1) => {}
            (PREKEY, other) => return Err(RatchetError::UnknownSignedPrekey(other)),
            (other, _) => return Err(RatchetError::UnknownPrekey(other)),
        }
        R::respond(namespace, &self.identity, &self.signed_prekey, &self.prekey, bytes)
    }
}

/// Two sessions with each other, the first of which has not had an answer yet. One message was
/// opened.
pub(crate) fn pair<A: Ratchet, B: Ratchet>(namespace: Namespace) -> (A, B) {
    let (a, b) = (Device::new(), Device::new());
    let mut one = a.initiate::<A>(namespace, &b);
    let first = one.seal(b"first").unwrap();
    assert!(first.exchange);
    let (other, plain) = b.respond(namespace, &first.bytes).unwrap();
    assert_eq!(plain, b"first");
    (one, other)
}

/// Two sessions that have each had a message of the other.
pub(crate) fn settled<A: Ratchet, B: Ratchet>(namespace: Namespace) -> (A, B) {
    let (mut a, mut b) = pair::<A, B>(namespace);
    pass(&mut b, &mut a, "answer");
    pass(&mut a, &mut b, "thanks");
    (a, b)
}

/// A message from one to the other.
pub(crate) fn pass<A: Ratchet, B: Ratchet>(from: &mut A, to: &mut B, text: &str) {
    let sealed = from.seal(text.as_bytes()).unwrap();
    assert_eq!(to.open(&sealed.bytes, sealed.exchange).unwrap(), text.as_bytes());
}

/// Chance, the same for the same seed (xorshift64). The seed is told when a test fails.
pub(crate) struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// From the environment (`SEED=…`), so that a failure can be had again, or another each time.
    pub(crate) fn new() -> Self {
        let given = std::env::var("SEED").ok().map(|it| it.parse().expect("a number"));
        let mut fresh = [0; 8];
        getrandom::fill(&mut fresh).unwrap();
        let seed = given.unwrap_or_else(|| u64::from_le_bytes(fresh)) | 1;
        Self { seed, state: seed }
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % u64::try_from(bound).unwrap()).unwrap()
    }
}

impl Drop for Dice {
    #[expect(clippy::print_stderr, reason = "a failure wants its seed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to have it again: SEED={}", self.seed);
        }
    }
}
