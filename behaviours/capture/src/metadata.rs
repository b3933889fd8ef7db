//! What the two sides of a conversation say of themselves. Never a payload, never a secret.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Endpoint, Moment};

/// What was read from the first bytes of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Of TLS, on TCP or in QUIC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Of HTTP/1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// Of SSH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<Ssh>,
    /// A login that everybody on the way could read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// How many logins were refused: HTTP's 401 and 407, FTP's 530, SMTP's 535, POP's `-ERR`, IMAP's `NO`.
    #[serde(skip_serializing_if = "is_zero")]
    pub refused: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// TLS's handshake, and its fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tls {
    /// The name that the client asked for (SNI).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The protocols that the client offered (ALPN).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<String>,
    /// The version that was agreed on, as in `0x0303`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u16>,
    /// The cipher that was agreed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher: Option<u16>,
    /// The client's fingerprint: MD5 of its JA3 string, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja3: Option<String>,
    /// The server's fingerprint: MD5 of its JA3S string, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja3s: Option<String>,
    /// The client's fingerprint: JA4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja4: Option<String>,
}

/// HTTP/1 as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Http {
    /// The first requests; at most eight.
    pub requests: Vec<Request>,
    /// How many requests there were.
    pub count: u32,
    /// The first of the server's status codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the server says that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

/// One request of HTTP.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// `GET` and the like.
    pub method: String,
    /// The host that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path, without what follows a question mark; at most 256 bytes.
    pub path: String,
    /// What the client says that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// What the two sides of SSH say that they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ssh {
    /// The client's line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The server's line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The client's fingerprint: HASSH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hassh: Option<String>,
}

/// A login in the clear: who, never with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// How: `http-basic`, `ftp`, `pop3`, `imap`, `telnet`, `smtp`.
    pub scheme: String,
    /// Who, its middle blotted out: `ad***n`.
    pub user: String,
}

/// A question to the domain name system and its answer; an answer of nothing while `code` is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dns {
    /// When.
    pub at: Moment,
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// What was asked for, in small letters, without the last dot.
    pub name: String,
    /// The type of record that was asked for.
    pub kind: u16,
    /// How it went; `None` in a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// What was answered; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<DnsAnswer>,
    /// Bytes of the message.
    pub bytes: u16,
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsAnswer {
    /// An address.
    Address(IpAddr),
    /// Another name (`CNAME`, `NS`, `MX`, `PTR`, `SRV`).
    Name(String),
    /// Something else: its type and its length.
    Other(u16, u16),
}

/// Who has an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arp {
    /// When.
    pub at: Moment,
    /// What is said.
    pub kind: ArpKind,
    /// The Ethernet address that the frame came from, where the link has them.
    pub from: Option<[u8; 6]>,
    /// The Ethernet address of who speaks, as the message says.
    pub sender: [u8; 6],
    /// The address that who speaks claims.
    pub sender_address: IpAddr,
    /// The address that it is about.
    pub target_address: IpAddr,
}

/// What an ARP message is; IPv6's neighbour solicitations and advertisements are the same two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArpKind {
    /// Who has it?
    Request,
    /// I have it.
    Reply,
}

/// A host that asked for an address, or was given one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dhcp {
    /// When.
    pub at: Moment,
    /// The client's Ethernet address.
    pub client: [u8; 6],
    /// DHCP's message type (RFC 2132, 9.6).
    pub kind: u8,
    /// The name that the client gives itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// The address asked for or given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The kind of client that it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The routers that it was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routers: Vec<IpAddr>,
}
