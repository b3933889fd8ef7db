//! What the tests share: devices, and chance that can be had again.

use omemo::{
    Bundle, Identity, Namespace, Pair, Prekey, SignedPrekey,
    ratchet::{Exchange, Ratchet, RatchetError},
};

/// Both namespaces.
pub(crate) const NAMESPACES: [Namespace; 2] = [Namespace::Axolotl, Namespace::Omemo2];

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
