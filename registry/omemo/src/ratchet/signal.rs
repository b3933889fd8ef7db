//! libsignal's engine, for the older namespace.
//!
//! One value is one session: its record holds one state and none that is archived, so that a
//! message opens by this session or not at all. Who may be talked to and which prekeys are left is
//! decided elsewhere: what the engine would keep of that is not kept. Each change is saved before
//! it is sent, so the engine need not reserve counters ahead.

use std::{
    fmt, mem,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures_util::FutureExt;
use libsignal_protocol::protocol::{
    AliceSignalProtocolParameters, BobSignalProtocolParameters, CiphertextMessageType, CurveError,
    Direction, IdentityChange, IdentityKey as SignalIdentity, IdentityKeyPair, IdentityKeyStore,
    KeyPair, PrivateKey, ProtocolAddress, PublicKey as SignalKey, SessionCheckoutKey,
    SessionCheckoutStoreResult, SessionRecord, SessionState, SessionStore, SignalMessage,
    SignalProtocolError, UsePQRatchet, error, initialize_alice_session_record,
    initialize_bob_session_record, message_decrypt_signal, message_encrypt,
};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use zeroize::Zeroizing;

use super::{
    KIND_SIGNAL, MAX_SKIP, Ratchet, RatchetError, Sealed,
    exchange::Letter,
    message::{Header, Message},
};
use crate::{Bundle, Identity, IdentityKey, Namespace, Pair, PublicKey};

/// What the engine's stores are asked by; ours hold one thing each and do not look at it.
static ADDRESS: LazyLock<ProtocolAddress> =
    LazyLock::new(|| ProtocolAddress::new("peer", 1.into()));

/// A session of libsignal's engine.
pub struct Signal {
    record: Shelf,
    peer: Peer,
    base: PublicKey,
}

impl Ratchet for Signal {
    fn initiate(
        namespace: Namespace,
        own: &Identity,
        theirs: &Bundle,
        prekey: u32,
    ) -> Result<Self, RatchetError> {
        older(namespace)?;
        let number = prekey;
        let prekey =
            theirs.checked(namespace, number)?.ok_or(RatchetError::UnknownPrekey(number))?.key;
        let mut random = UnwrapErr(SysRng);
        let signed_prekey = public(&theirs.signed_prekey.key)?;
        let base = KeyPair::generate(&mut random);
        let base_key = base.public_key;
        let identity = SignalIdentity::new(public(&theirs.identity.0)?);
        let mut parameters = AliceSignalProtocolParameters::new(
            identity_pair(own)?,
            base,
            identity,
            signed_prekey,
            signed_prekey,
            UsePQRatchet::No,
        );
        parameters.set_their_one_time_pre_key(public(&prekey)?);
        let mut record = initialize_alice_session_record(&parameters, &mut random)?;
        let state = record.session_state_mut().ok_or(RatchetError::Damaged)?;
        state.set_local_registration_id(own.registration);
        state.set_unacknowledged_pre_key_message(
            Some(number.into()),
            theirs.signed_prekey.id.into(),
            &base_key,
        );
        Self::of(record)
    }

    fn respond(
        namespace: Namespace,
        own: &Identity,
        signed_prekey: &Pair,
        prekey: &Pair,
        bytes: &[u8],
    ) -> Result<(Self, Vec<u8>), RatchetError> {
        older(namespace)?;
        let letter = Letter::read(namespace, bytes)?;
        let exchange = letter.exchange(namespace)?;
        exchange.base.check()?;
        let signed_prekey = pair(signed_prekey)?;
        let parameters = BobSignalProtocolParameters::new(
            identity_pair(own)?,
            signed_prekey.clone(),
            Some(pair(prekey)?),
            signed_prekey,
            SignalIdentity::new(public(&exchange.identity.0)?),
            public(&exchange.base)?,
            UsePQRatchet::No,
        );
        let mut record = initialize_bob_session_record(&parameters)?;
        let state = record.session_state_mut().ok_or(RatchetError::Damaged)?;
        state.set_local_registration_id(own.registration);
        let mut session = Self::of(record)?;
        let plain = session.open(letter.message, false)?;
        Ok((session, plain))
    }

    fn seal(&mut self, plain: &[u8]) -> Result<Sealed, RatchetError> {
        let message = message_encrypt(plain, &ADDRESS, &mut self.record, &mut self.peer)
            .now_or_never()
            .ok_or(RatchetError::Damaged)??;
        let exchange = message.message_type() == CiphertextMessageType::PreKey;
        Ok(Sealed { bytes: message.serialize().to_vec(), exchange })
    }

    fn open(&mut self, bytes: &[u8], exchange: bool) -> Result<Vec<u8>, RatchetError> {
        let bytes = if exchange { self.unpack(bytes)? } else { bytes };
        self.check(&Message::read(Namespace::Axolotl, bytes)?.header)?;
        let message = SignalMessage::try_from(bytes)?;
        let mut random = UnwrapErr(SysRng);
        let opened = message_decrypt_signal(
            &message,
            &ADDRESS,
            &mut self.record,
            &mut self.peer,
            &mut random,
        );
        Ok(opened.now_or_never().ok_or(RatchetError::Damaged)??.plaintext)
    }

    fn base(&self) -> PublicKey {
        self.base
    }

    fn peer(&self) -> IdentityKey {
        self.peer.0
    }

    fn received(&self) -> u32 {
        let record = self.record.lock();
        let chains = record.session_state().map(SessionState::all_receiver_chain_logging_info);
        let newest = chains.and_then(|mut chains| chains.pop());
        newest.and_then(|(_, number)| number).unwrap_or_default()
    }

    fn confirmed(&self) -> bool {
        let record = self.record.lock();
        let pending =
            record.session_state().map(SessionState::unacknowledged_pre_key_message_items);
        !matches!(pending, Some(Ok(Some(_))))
    }

    fn save(&self) -> Zeroizing<Vec<u8>> {
        let record = self.record.lock();
        let mut out = Zeroizing::new(Vec::with_capacity(record.estimated_size() + 64));
        // The engine begins at the beginning, whatever is there.
        record.serialize_into(&mut out);
        out.insert(0, KIND_SIGNAL);
        out
    }

    fn load(bytes: &[u8]) -> Result<Self, RatchetError> {
        let bytes = bytes.strip_prefix(&[KIND_SIGNAL]).ok_or(RatchetError::Damaged)?;
        let record = SessionRecord::deserialize(bytes).map_err(|_| RatchetError::Damaged)?;
        Self::of(record)
    }
}

impl Signal {
    /// The session of a record that holds one state.
    fn of(mut record: SessionRecord) -> Result<Self, RatchetError> {
        record.waive_counter_lease();
        if record.previous_session_count() > 0 {
            return Err(RatchetError::Damaged);
        }
        let state = record.session_state().ok_or(RatchetError::Damaged)?;
        let key = |bytes: &[u8]| super::exchange::key(Namespace::Axolotl, bytes);
        let base = key(state.alice_base_key()).map_err(|_| RatchetError::Damaged)?;
        let peer = state.remote_identity_key().ok().flatten().ok_or(RatchetError::Damaged)?;
        let peer = key(&peer.serialize()).map_err(|_| RatchetError::Damaged)?;
        Ok(Self { record: Shelf(Mutex::new(record)), peer: Peer(IdentityKey(peer)), base })
    }

    /// The message within an exchange, which must be the one that this session began with. The
    /// engine is not asked: it would begin another session for another base key.
    fn unpack<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], RatchetError> {
        let letter = Letter::read(Namespace::Axolotl, bytes)?;
        let same = letter.base == self.base && letter.identity == self.peer.0.0.0;
        if same { Ok(letter.message) } else { Err(RatchetError::Forged) }
    }

    /// Refuses what is too far ahead: the engine would skip twice as many.
    fn check(&self, header: &Header) -> Result<(), RatchetError> {
        let record = self.record.lock();
        let state = record.session_state().ok_or(RatchetError::Damaged)?;
        let chain = state.get_receiver_chain_key(&public(&header.ratchet)?);
        let next = chain.map_err(|_| RatchetError::Damaged)?.map_or(0, |chain| chain.index());
        match header.number.saturating_sub(next) {
            ..=MAX_SKIP => Ok(()),
            gap => Err(RatchetError::TooFarAhead(gap)),
        }
    }
}

fn older(namespace: Namespace) -> Result<(), RatchetError> {
    match namespace {
        Namespace::Axolotl => Ok(()),
        Namespace::Omemo2 => Err(RatchetError::Namespace),
    }
}

fn public(key: &PublicKey) -> Result<SignalKey, CurveError> {
    SignalKey::from_djb_public_key_bytes(&key.0)
}

fn pair(pair: &Pair) -> Result<KeyPair, CurveError> {
    let secret = PrivateKey::deserialize(pair.secret.expose())?;
    Ok(KeyPair::new(public(&pair.public)?, secret))
}

fn identity_pair(own: &Identity) -> Result<IdentityKeyPair, CurveError> {
    let secret = PrivateKey::deserialize(own.pair.secret.expose())?;
    Ok(IdentityKeyPair::new(SignalIdentity::new(public(&own.pair.public)?), secret))
}

/// Where the engine takes the record from while it works, and puts it back.
struct Shelf(Mutex<SessionRecord>);

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, SessionRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionStore for Shelf {
    async fn load_session(&self, _: &ProtocolAddress) -> error::Result<Option<SessionRecord>> {
        Ok(Some(self.lock().clone()))
    }

    async fn has_session(&self, _: &ProtocolAddress) -> error::Result<bool> {
        Ok(true)
    }

    async fn store_session(
        &mut self,
        _: &ProtocolAddress,
        mut record: SessionRecord,
    ) -> error::Result<()> {
        record.waive_counter_lease();
        *self.lock() = record;
        Ok(())
    }

    /// Without a copy, and without a box for the future.
    fn try_load_session_for_update(
        &self,
        _: &ProtocolAddress,
    ) -> Option<error::Result<(Option<SessionRecord>, Option<SessionCheckoutKey>)>> {
        let record = mem::replace(&mut *self.lock(), SessionRecord::new_fresh());
        Some(Ok((Some(record), None)))
    }

    fn try_store_session_from_checkout(
        &mut self,
        _: &ProtocolAddress,
        mut record: SessionRecord,
        _: Option<SessionCheckoutKey>,
        _: bool,
    ) -> SessionCheckoutStoreResult {
        record.waive_counter_lease();
        *self.lock() = record;
        SessionCheckoutStoreResult::Stored
    }
}

/// The only one whom this session is with.
struct Peer(IdentityKey);

impl Peer {
    fn is(&self, identity: &SignalIdentity) -> bool {
        identity.public_key().public_key_bytes() == self.0.0.0
    }
}

#[async_trait]
impl IdentityKeyStore for Peer {
    async fn get_identity_key_pair(&self) -> error::Result<IdentityKeyPair> {
        Err(SignalProtocolError::InvalidState("get_identity_key_pair", "not kept here".to_owned()))
    }

    async fn get_local_registration_id(&self) -> error::Result<u32> {
        Err(SignalProtocolError::InvalidState(
            "get_local_registration_id",
            "not kept here".to_owned(),
        ))
    }

    async fn save_identity(
        &mut self,
        _: &ProtocolAddress,
        _: &SignalIdentity,
    ) -> error::Result<IdentityChange> {
        Ok(IdentityChange::NewOrUnchanged)
    }

    /// Nothing is saved: whom to trust is not the engine's to say.
    fn try_save_identity(
        &mut self,
        _: &ProtocolAddress,
        _: &SignalIdentity,
    ) -> Option<error::Result<IdentityChange>> {
        Some(Ok(IdentityChange::NewOrUnchanged))
    }

    async fn is_trusted_identity(
        &self,
        _: &ProtocolAddress,
        identity: &SignalIdentity,
        _: Direction,
    ) -> error::Result<bool> {
        Ok(self.is(identity))
    }

    fn try_is_trusted_identity(
        &self,
        _: &ProtocolAddress,
        identity: &SignalIdentity,
        _: Direction,
    ) -> Option<error::Result<bool>> {
        Some(Ok(self.is(identity)))
    }

    async fn get_identity(&self, _: &ProtocolAddress) -> error::Result<Option<SignalIdentity>> {
        Ok(Some(SignalIdentity::new(public(&self.0.0)?)))
    }
}

impl From<CurveError> for RatchetError {
    fn from(_: CurveError) -> Self {
        Self::WeakKey
    }
}

impl From<SignalProtocolError> for RatchetError {
    fn from(error: SignalProtocolError) -> Self {
        use SignalProtocolError as Error;
        match error {
            Error::BadMac(_) | Error::UntrustedIdentity(_) | Error::InvalidMessage(..) => {
                Self::Forged
            }
            Error::DuplicatedMessage(..) => Self::Duplicate,
            Error::KeyAgreementFailed(_) => Self::WeakKey,
            Error::InvalidState(..)
            | Error::InvalidSessionStructure(_)
            | Error::SessionNotFound(_)
            | Error::BackendError(..) => Self::Damaged,
            _ => Self::Malformed,
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("peer", &self.peer.0)
            .field("base", &self.base)
            .field("confirmed", &self.confirmed())
            .field("received", &self.received())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// libsignal's signatures carry the sign of the key, ours need not.
    #[test]
    fn signatures_are_verified_by_the_other() {
        let mut signs = [false; 2];
        for _ in 0..20 {
            let own = Identity::random();
            let theirs = identity_pair(&own).unwrap();
            let ours = own.sign(b"a message");
            assert!(theirs.public_key().verify_signature(b"a message", &ours));
            let signature = theirs
                .private_key()
                .calculate_signature(b"a message", &mut UnwrapErr(SysRng))
                .unwrap();
            assert!(own.key().verify(b"a message", &signature));
            assert!(!own.key().verify(b"another", &signature));
            signs[usize::from(signature[63] >> 7)] = true;
        }
        assert_eq!(signs, [true; 2], "both were seen");
    }

    /// The engine reserves no counters: after loading, the next message has the next number.
    #[test]
    fn no_counter_is_lost_by_a_restart() {
        let (own, signed, prekey) = (Identity::random(), Pair::random(), Pair::random());
        let other = Identity::random();
        let bundle = Bundle {
            identity: other.key(),
            sign: None,
            signed_prekey: crate::SignedPrekey {
                id: 1,
                key: signed.public,
                signature: other.sign_prekey(Namespace::Axolotl, &signed.public),
            },
            prekeys: vec![crate::Prekey { id: 1, key: prekey.public }],
        };
        let mut session = Signal::initiate(Namespace::Axolotl, &own, &bundle, 1).unwrap();
        for number in 0..70 {
            let bytes = session.seal(b"").unwrap().bytes;
            let letter = Letter::read(Namespace::Axolotl, &bytes).unwrap();
            let message = Message::read(Namespace::Axolotl, letter.message).unwrap();
            assert_eq!(message.header.number, number);
            session = Signal::load(&session.save()).unwrap();
        }
        assert!(session.save().len() < 1000);
    }
}
