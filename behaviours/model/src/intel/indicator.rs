//! What tells somebody bad: an address, a name, a fingerprint.

use std::net::{IpAddr, SocketAddr};

use capture::Moment;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// By what somebody is recognised.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum What {
    /// An address.
    Address(IpAddr),
    /// A network.
    Network(IpNet),
    /// A domain and all below it, in small letters.
    Domain(String),
    /// A host and a path below it, as `host/path`; seen in HTTP only. One without a path is a domain.
    Url(String),
    /// The MD5 of a JA3 string, in hex.
    Ja3(String),
    /// A JA4 fingerprint.
    Ja4(String),
    /// A file's MD5, SHA-1 or SHA-256, in hex. It is not kept: no files are looked at.
    Hash(String),
}

/// One indicator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Indicator {
    /// By what it recognises.
    pub what: What,
    /// Which list says so.
    pub source: String,
    /// How sure the list is, from 0 to 1.
    pub confidence: f64,
    /// Until when it holds; `None` for ever.
    pub valid_until: Option<Moment>,
}

/// Why a text is no indicator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// It looks like none of them.
    #[error(
        "`{0}` is none of: an address, a network as `192.0.2.0/24`, a domain as `bad.example`, a \
         URL as `http://bad.example/x`, a hash in hex, a JA4 fingerprint"
    )]
    Nothing(String),
    /// It is not what its list says that it is.
    #[error("`{value}` is no {kind}; right would be one as `{right}`")]
    NotThat {
        /// What was read.
        value: String,
        /// What it should have been.
        kind: &'static str,
        /// An example.
        right: &'static str,
    },
    /// It would match everybody.
    #[error("`{0}` is too wide; the widest that are taken are /8 of IPv4 and /16 of IPv6")]
    TooWide(IpNet),
    /// It is nobody's, or everybody's own.
    #[error(
        "`{0}` is an address of this host, of many or of nobody; right would be one of somebody"
    )]
    Nobody(IpAddr),
}

/// The longest text that is looked at, in bytes.
const LONGEST: usize = 2_048;

impl What {
    /// Reads whatever it is. 32 digits are taken for a hash: a JA3 looks the same and must be
    /// called so.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let text = plain(text)?;
        if let Some(found) = address(&text) {
            return found;
        }
        if text.contains("://") {
            return Self::url(&text);
        }
        if let Ok(hash) = Self::hash(&text) {
            return Ok(hash);
        }
        if let Ok(print) = Self::ja4(&text) {
            return Ok(print);
        }
        Self::domain(&text).map_err(|_| Unreadable::Nothing(text))
    }

    /// Reads an address, also one with a port, or a network.
    pub fn address(text: &str) -> Result<Self, Unreadable> {
        let text = plain(text)?;
        let wrong = || not_that(&text, "address", "192.0.2.1");
        address(&text).unwrap_or_else(|| Err(wrong()))
    }

    /// Reads a domain.
    pub fn domain(text: &str) -> Result<Self, Unreadable> {
        let text = plain(text)?.to_ascii_lowercase();
        let name = text.trim_start_matches("*.").trim_matches('.');
        let fine = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || !byte.is_ascii()
                })
        };
        let top_is_no_number =
            name.rsplit('.').next().is_some_and(|top| top.parse::<u64>().is_err());
        let right = name.len() <= 253
            && name.contains('.')
            && name.split('.').all(fine)
            && top_is_no_number;
        if right {
            Ok(Self::Domain(name.to_owned()))
        } else {
            Err(not_that(&text, "domain", "bad.example"))
        }
    }

    /// Reads a URL. What follows a question mark or a number sign is left out: it is not seen.
    pub fn url(text: &str) -> Result<Self, Unreadable> {
        let text = plain(text)?;
        let wrong = || not_that(&text, "URL", "http://bad.example/x");
        if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(wrong());
        }
        let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = host.rsplit('@').next().unwrap_or(host);
        let bare = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let bare = bare.map_or(host, |(bare, _)| bare).trim_matches(['[', ']']);
        let (known, bare) = match address(bare) {
            Some(found) => (found?, bare.to_owned()),
            None => match Self::domain(bare).map_err(|_| wrong())? {
                Self::Domain(name) => (Self::Domain(name.clone()), name),
                other => (other, bare.to_owned()),
            },
        };
        if path.is_empty() { Ok(known) } else { Ok(Self::Url(format!("{bare}/{path}"))) }
    }

    /// Reads a file's hash.
    pub fn hash(text: &str) -> Result<Self, Unreadable> {
        let text = plain(text)?.to_ascii_lowercase();
        let right =
            matches!(text.len(), 32 | 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if right {
            Ok(Self::Hash(text))
        } else {
            Err(not_that(&text, "hash", "d41d8cd98f00b204e9800998ecf8427e"))
        }
    }

    /// Reads a JA3 fingerprint.
    pub fn ja3(text: &str) -> Result<Self, Unreadable> {
        match Self::hash(text) {
            Ok(Self::Hash(print)) if print.len() == 32 => Ok(Self::Ja3(print)),
            _ => Err(not_that(text, "JA3", "e7d705a3286e19ea42f587b344ee6865")),
        }
    }

    /// Reads a JA4 fingerprint.
    pub fn ja4(text: &str) -> Result<Self, Unreadable> {
        let text = plain(text)?.to_ascii_lowercase();
        let parts: Vec<&str> = text.split('_').collect();
        let right = match parts.as_slice() {
            [first, second, third] => {
                first.len() == 10
                    && first.starts_with(['t', 'q', 'd'])
                    && first.bytes().all(|byte| byte.is_ascii_alphanumeric())
                    && [second, third]
                        .iter()
                        .all(|part| part.len() == 12 && part.bytes().all(|b| b.is_ascii_hexdigit()))
            }
            _ => false,
        };
        if right {
            Ok(Self::Ja4(text))
        } else {
            Err(not_that(&text, "JA4", "t13d1516h2_8daaf6152771_b186095e22b6"))
        }
    }

    /// The value as it is written.
    pub fn value(&self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Network(network) => network.to_string(),
            Self::Domain(text)
            | Self::Url(text)
            | Self::Ja3(text)
            | Self::Ja4(text)
            | Self::Hash(text) => text.clone(),
        }
    }
}

/// Without blanks, quotes and the brackets that keep people from clicking (`bad[.]example`).
fn plain(text: &str) -> Result<String, Unreadable> {
    let text = text.trim().trim_matches(['"', '\'']);
    if text.len() > LONGEST {
        return Err(Unreadable::Nothing(start(text)));
    }
    let text = text.replace("[.]", ".").replace("[:]", ":");
    Ok(match text.strip_prefix("hxxp") {
        Some(rest) => format!("http{rest}"),
        None => text,
    })
}

/// Reads an address, one with a port, or a network; `None` where it looks like neither.
fn address(text: &str) -> Option<Result<What, Unreadable>> {
    let alone = text.parse::<IpAddr>().ok();
    if let Some(address) = alone.or_else(|| text.parse::<SocketAddr>().ok().map(|end| end.ip())) {
        let address = address.to_canonical();
        let nobody = address.is_unspecified() || address.is_loopback() || address.is_multicast();
        return Some(if nobody {
            Err(Unreadable::Nobody(address))
        } else {
            Ok(What::Address(address))
        });
    }
    let network = text.parse::<IpNet>().ok()?.trunc();
    let (widest, single) = match network {
        IpNet::V4(_) => (8, 32),
        IpNet::V6(_) => (16, 128),
    };
    Some(match network.prefix_len() {
        length if length < widest => Err(Unreadable::TooWide(network)),
        length if length == single => Ok(What::Address(network.addr())),
        _ => Ok(What::Network(network)),
    })
}

fn not_that(value: &str, kind: &'static str, right: &'static str) -> Unreadable {
    Unreadable::NotThat { value: start(value), kind, right }
}

/// The first 80 characters.
pub(super) fn start(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_by_its_look() {
        let read = |text: &str| What::read(text).unwrap();
        assert_eq!(read("192.0.2.1"), What::Address("192.0.2.1".parse().unwrap()));
        assert_eq!(read("192.0.2.1:443"), read("192.0.2.1"));
        assert_eq!(read("192.0.2.1/32"), read("::ffff:192.0.2.1"));
        assert_eq!(read("192.0.2.77/24"), What::Network("192.0.2.0/24".parse().unwrap()));
        assert_eq!(read("Bad.Example."), What::Domain("bad.example".to_owned()));
        assert_eq!(read("*.bad[.]example"), What::Domain("bad.example".to_owned()));
        assert_eq!(read("hxxp://Bad.example:8080/X?y"), What::Url("bad.example/X".to_owned()));
        assert_eq!(read("https://bad.example"), What::Domain("bad.example".to_owned()));
        assert_eq!(read("http://192.0.2.1/"), read("192.0.2.1"));
        assert!(matches!(read(&"a".repeat(64)), What::Hash(_)));
        assert!(matches!(read("t13d1516h2_8daaf6152771_b186095e22b6"), What::Ja4(_)));
    }

    #[test]
    fn what_would_match_everybody_or_nobody_is_refused() {
        for wrong in ["0.0.0.0/0", "::/0", "10.0.0.0/7", "127.0.0.1", "0.0.0.0", "224.0.0.1", "::1"]
        {
            assert!(What::read(wrong).is_err(), "{wrong}");
        }
        for wrong in [
            "",
            "com",
            "a b.com",
            "1.2.3",
            "999.1.1.1",
            "-",
            "..",
            "http://",
            "x".repeat(9_000).as_str(),
        ] {
            assert!(What::read(wrong).is_err(), "{wrong}");
        }
        assert!(What::ja3("bad.example").is_err());
    }
}
