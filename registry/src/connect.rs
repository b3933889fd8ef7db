//! From an address to an encrypted stream whose server has proved its name.

use std::{borrow::Cow, fmt, io, sync::Arc};

use futures_util::{SinkExt, StreamExt};
use rustls_pki_types::ServerName;
use sasl::common::ChannelBinding;
use tokio::{io::BufStream, net::TcpStream};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, ProtocolVersion},
};
use tokio_xmpp::{
    connect::{DnsConfig, ServerConnector},
    error::{AuthError, ProtocolError},
    jid::Jid,
    xmlstream::{
        FallibleStreamElement, PendingFeaturesRecv, StreamHeader, Timeouts, XmppStream,
        XmppStreamElement, initiate_stream,
    },
};
use xmpp_parsers::{sasl::DefinedCondition, starttls, stream_features::StreamFeatures};

use crate::{Server, guard::Guard};

/// Bytes gathered before they become a TLS record, each way.
const BUFFER: usize = 16 * 1024;

/// Why an agent is not connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server does not take the password.
    #[error("the server refuses `{account}`: {condition}; is the password right?")]
    Refused {
        /// Who tried to log in.
        account: String,
        /// What the server said (RFC 6120 section 6.5).
        condition: String,
    },
    /// The server offers no login that keeps the password to ourselves.
    #[error("the server offers no SCRAM login; it offers {offered}, and PLAIN is never used")]
    NoScram {
        /// What it offers.
        offered: String,
    },
    /// The server did not prove that it knows the password too.
    #[error("the server could not prove that it knows the password of `{0}`")]
    Impostor(String),
    /// There is nobody, or nobody who can be trusted.
    #[error("cannot connect")]
    Road(#[source] tokio_xmpp::Error),
    /// It took too long.
    #[error("the server did not answer within {0} seconds")]
    Slow(u64),
}

impl ConnectError {
    /// Whether trying again with the same account is pointless.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::NoScram { .. } | Self::Impostor(_))
    }

    pub(crate) fn of(account: &str, error: tokio_xmpp::Error) -> Self {
        match error {
            tokio_xmpp::Error::Auth(AuthError::Fail(condition)) if is_refusal(&condition) => {
                Self::Refused { account: account.to_owned(), condition: format!("{condition:?}") }
            }
            other => Self::Road(other),
        }
    }
}

/// A server that is starting up or overloaded says `temporary-auth-failure`: that will pass.
fn is_refusal(condition: &DefinedCondition) -> bool {
    !matches!(condition, DefinedCondition::TemporaryAuthFailure | DefinedCondition::Aborted)
}

/// Connects to a server by STARTTLS (RFC 6120 section 5) and verifies it for the account's
/// domain. There is no way around TLS.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) server: Server,
    pub(crate) tls: Arc<ClientConfig>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("server", &self.server).finish_non_exhaustive()
    }
}

impl ServerConnector for Connector {
    type Stream = BufStream<Guard<TlsStream<TcpStream>>>;

    async fn connect(
        &self,
        jid: &Jid,
        namespace: &'static str,
        timeouts: Timeouts,
    ) -> Result<(PendingFeaturesRecv<Self::Stream>, ChannelBinding), tokio_xmpp::Error> {
        let header = || StreamHeader {
            to: Some(Cow::Owned(jid.domain().to_string())),
            from: None,
            id: None,
        };
        let tcp = self.dial(jid).await?;
        tcp.set_nodelay(true)?;
        let plain = initiate_stream(BufStream::new(tcp), namespace, header(), timeouts).await?;
        let tcp = start_tls(plain).await?;
        let name = ServerName::try_from(jid.domain().to_string()).map_err(io::Error::other)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await?;
        let binding = binding(&tls)?;
        let buffered = BufStream::with_capacity(BUFFER, BUFFER, Guard::new(tls));
        Ok((initiate_stream(buffered, namespace, header(), timeouts).await?, binding))
    }
}

impl Connector {
    async fn dial(&self, jid: &Jid) -> Result<TcpStream, tokio_xmpp::Error> {
        match &self.server {
            Server::Srv => DnsConfig::srv_default_client(jid.domain().as_str()).resolve().await,
            Server::At(address) => Ok(TcpStream::connect(address.as_str()).await?),
        }
    }
}

async fn start_tls(
    stream: PendingFeaturesRecv<BufStream<TcpStream>>,
) -> Result<TcpStream, tokio_xmpp::Error> {
    let no_tls = || tokio_xmpp::Error::from(ProtocolError::NoTls);
    let (features, mut stream): (StreamFeatures, XmppStream<_>) = stream.recv_features().await?;
    if !features.can_starttls() {
        return Err(no_tls());
    }
    let request = starttls::Nonza::Request(starttls::Request);
    stream.send(&XmppStreamElement::Starttls(request)).await?;
    match stream.next().await {
        Some(Ok(FallibleStreamElement::Ok(XmppStreamElement::Starttls(
            starttls::Nonza::Proceed(_),
        )))) => Ok(stream.into_inner().into_inner()),
        _ => Err(no_tls()),
    }
}

/// What ties the login to this very TLS session (RFC 9266); TLS 1.2 offers nothing safe.
fn binding(tls: &TlsStream<TcpStream>) -> Result<ChannelBinding, tokio_xmpp::Error> {
    let (_, session) = tls.get_ref();
    if session.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Ok(ChannelBinding::None);
    }
    let exported = session
        .export_keying_material(vec![0_u8; 32], b"EXPORTER-Channel-Binding", None)
        .map_err(io::Error::other)?;
    Ok(ChannelBinding::TlsExporter(exported))
}
