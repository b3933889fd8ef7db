//! Logs in by SCRAM (RFC 5802, RFC 7677): the password never travels, and the server must prove
//! that it knows it too.

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    io,
    marker::PhantomData,
    str::FromStr,
    sync::{LazyLock, Mutex, PoisonError},
};

use futures_util::{SinkExt, StreamExt};
use sasl::{
    client::{Mechanism, mechanisms::Scram},
    common::{
        ChannelBinding, Credentials, Password,
        scram::{DeriveError, ScramProvider, Sha1, Sha256},
    },
};
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio_xmpp::{
    connect::ServerConnector,
    error::AuthError,
    jid::BareJid,
    xmlstream::{InitiatingStream, StreamHeader, Timeouts, XmppStream, XmppStreamElement},
};
use xmpp_parsers::{
    ns,
    sasl::{Auth, Mechanism as MechanismName, Nonza, Response},
    sasl_cb,
    stream_features::StreamFeatures,
};

use crate::{ConnectError, Secret, connect::Connector};

/// Iterations of the key derivation that we are willing to work for. RFC 7677 asks for at least
/// 4,096; a server that asks for a billion wants to keep us busy.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4_096..=1_000_000;

/// Keys that are remembered at most; then all are forgotten.
const KEYS: usize = 10_000;

/// Logs in and returns the stream before a resource is bound.
pub(crate) async fn login(
    connector: &Connector,
    account: &BareJid,
    password: &Secret,
    timeouts: Timeouts,
) -> Result<(StreamFeatures, XmppStream<<Connector as ServerConnector>::Stream>), ConnectError> {
    let of = |error| ConnectError::of(account.as_str(), error);
    let jid = account.clone().into();
    let (stream, binding) =
        connector.connect(&jid, ns::JABBER_CLIENT, timeouts).await.map_err(of)?;
    let (features, stream) = stream.recv_features().await.map_err(|it| of(it.into()))?;
    let stream = prove(stream, &features, account, password, binding).await?;
    let domain = account.domain().as_str();
    let header = StreamHeader { to: Some(Cow::Borrowed(domain)), from: None, id: None };
    let stream = stream.send_header(header).await.map_err(|it| of(it.into()))?;
    stream.recv_features().await.map_err(|it| of(it.into()))
}

/// Chooses the strongest SCRAM on offer. The channel is bound where the server says that it can
/// by our way of binding; where it only claims that it cannot, the exchange fails (RFC 5802
/// section 6).
async fn prove<S: AsyncBufRead + AsyncWrite + Unpin>(
    stream: XmppStream<S>,
    features: &StreamFeatures,
    account: &BareJid,
    password: &Secret,
    binding: ChannelBinding,
) -> Result<InitiatingStream<S>, ConnectError> {
    let offered = &features.sasl_mechanisms;
    let plus = offered.iter().any(|it| it.starts_with("SCRAM-SHA-") && it.ends_with("-PLUS"));
    let binding = match binding {
        bound @ ChannelBinding::TlsExporter(_) if plus && binds_by_exporter(features) => bound,
        // It binds, but not by TLS 1.3's way (ejabberd before 23.04), so that we claim nothing.
        _ if plus => ChannelBinding::None,
        ChannelBinding::None => ChannelBinding::None,
        _ => ChannelBinding::Unsupported,
    };
    let credentials = Credentials::default()
        .with_username(account.node().map(tokio_xmpp::jid::NodeRef::as_str).unwrap_or_default())
        .with_password(password.reveal())
        .with_channel_binding(binding);
    let sha256 = Scram::<Remembered<Sha256>>::from_credentials(credentials.clone());
    let sha1 = Scram::<Remembered<Sha1>>::from_credentials(credentials);
    let failed = |it| ConnectError::of(account.as_str(), AuthError::Sasl(it).into());
    let (sha256, sha1) = (sha256.map_err(failed)?, sha1.map_err(failed)?);
    if offered.contains(sha256.name()) {
        exchange(stream, account, sha256).await
    } else if offered.contains(sha1.name()) {
        exchange(stream, account, sha1).await
    } else {
        let offered = offered.iter().cloned().collect::<Vec<_>>().join(", ");
        Err(ConnectError::NoScram { offered })
    }
}

/// Whether the server names RFC 9266 among its ways of binding (XEP-0440).
fn binds_by_exporter(features: &StreamFeatures) -> bool {
    let ways = features.sasl_cb.as_ref();
    ways.is_some_and(|it| it.types.contains(&sasl_cb::Type::TlsExporter))
}

async fn exchange<S: AsyncBufRead + AsyncWrite + Unpin>(
    mut stream: XmppStream<S>,
    account: &BareJid,
    mut mechanism: impl Mechanism,
) -> Result<InitiatingStream<S>, ConnectError> {
    let of = |error: tokio_xmpp::Error| ConnectError::of(account.as_str(), error);
    let name = MechanismName::from_str(mechanism.name())
        .map_err(|_| ConnectError::NoScram { offered: mechanism.name().to_owned() })?;
    let auth = Auth { mechanism: name, data: mechanism.initial() };
    stream.send(&XmppStreamElement::Sasl(Nonza::Auth(auth))).await.map_err(|it| of(it.into()))?;
    loop {
        let element = stream.next().await.ok_or_else(|| of(tokio_xmpp::Error::Disconnected))?;
        let element = element.map(tokio_xmpp::xmlstream::FallibleStreamElement::into_read_error);
        match element {
            Ok(Ok(XmppStreamElement::Sasl(Nonza::Challenge(challenge)))) => {
                let data = mechanism
                    .response(&challenge.data)
                    .map_err(|it| of(AuthError::Sasl(it).into()))?;
                let response = XmppStreamElement::Sasl(Nonza::Response(Response { data }));
                stream.send(&response).await.map_err(|it| of(it.into()))?;
            }
            Ok(Ok(XmppStreamElement::Sasl(Nonza::Success(success)))) => {
                return match mechanism.success(&success.data) {
                    Ok(()) => Ok(stream.initiate_reset()),
                    Err(_) => Err(ConnectError::Impostor(account.to_string())),
                };
            }
            Ok(Ok(XmppStreamElement::Sasl(Nonza::Failure(failure)))) => {
                return Err(of(AuthError::Fail(failure.defined_condition).into()));
            }
            other => {
                let what = format!("unexpected answer during login: {other:?}");
                return Err(of(io::Error::new(io::ErrorKind::InvalidData, what).into()));
            }
        }
    }
}

/// A SCRAM whose derived keys are remembered for the life of the process, so that reconnecting
/// costs no key derivation.
struct Remembered<P>(PhantomData<P>);

/// Which key: password (hashed), hash, salt, iterations.
type Which = (u64, &'static str, Vec<u8>, u32);

static DERIVED: LazyLock<Mutex<HashMap<Which, Vec<u8>>>> = LazyLock::new(Mutex::default);
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl<P: ScramProvider> ScramProvider for Remembered<P> {
    type Secret = P::Secret;

    fn name() -> &'static str {
        P::name()
    }

    fn hash(data: &[u8]) -> Vec<u8> {
        P::hash(data)
    }

    fn hmac(data: &[u8], key: &[u8]) -> Result<Vec<u8>, hmac::digest::InvalidLength> {
        P::hmac(data, key)
    }

    fn derive(data: &Password, salt: &[u8], iterations: u32) -> Result<Vec<u8>, DeriveError> {
        if !ITERATIONS.contains(&iterations) {
            return Err(DeriveError::IncompatibleIterationCount(*ITERATIONS.end(), iterations));
        }
        let Password::Plain(password) = data else { return P::derive(data, salt, iterations) };
        let which = (fingerprint(password), P::name(), salt.to_vec(), iterations);
        let remembered = DERIVED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = remembered.get(&which) {
            return Ok(key.clone());
        }
        drop(remembered);
        let key = P::derive(data, salt, iterations)?;
        let mut remembered = DERIVED.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= KEYS {
            remembered.clear();
        }
        remembered.insert(which, key.clone());
        Ok(key)
    }
}

/// Tells passwords apart without keeping them.
fn fingerprint(password: &str) -> u64 {
    SEED.hash_one(password)
}
