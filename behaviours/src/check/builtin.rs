//! Checks that need no program: an HTTP answer, an open port, a certificate.

use std::{io, sync::Arc, time::Duration};

use runtime::{Chain, Clock, Fields, Setting};
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::Instant};
use tokio_rustls::{
    TlsConnector,
    rustls::{self, ClientConfig, RootCertStore, crypto::aws_lc_rs::default_provider},
};
use x509_cert::{Certificate, der::Decode};

use super::{Facts, Observation, output::Captured};
use crate::http::client;

/// A bound on one HTTP answer beside the check's own.
const HTTP: Duration = Duration::from_mins(10);

const SETTINGS: &[Setting] = &[
    Setting {
        key: "http",
        about: "a URL that answers",
        example: "http = \"https://example.org/health\"",
        required: false,
    },
    Setting {
        key: "status",
        about: "the status that it answers; 200 unless said otherwise",
        example: "status = 200",
        required: false,
    },
    Setting {
        key: "tcp",
        about: "a host and port that take connections",
        example: "tcp = \"127.0.0.1:22\"",
        required: false,
    },
    Setting {
        key: "tls",
        about: "a host and port with a certificate that holds",
        example: "tls = \"example.org:443\"",
        required: false,
    },
    Setting {
        key: "days",
        about: "for how many days at least the certificate must still hold; 14 unless said",
        example: "days = 14",
        required: false,
    },
];

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    Http { url: String, status: u16 },
    Tcp { address: String },
    Tls { address: String, days: u32 },
}

impl Builtin {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let table = fields.table("check")?;
        let path = fields.path("check");
        let mut fields = Fields::new(&path, table, SETTINGS, fields.problems());
        let kinds = ["http", "tcp", "tls"].into_iter().filter(|it| fields.has(it)).count();
        if kinds != 1 {
            fields.complain("http", "exactly one of `http`, `tcp` and `tls` must be there");
            return None;
        }
        let url = fields.parse("http", "a URL that starts with http:// or https://", |text| {
            let url = reqwest::Url::parse(text).ok()?;
            matches!(url.scheme(), "http" | "https").then(|| text.to_owned())
        });
        let status = fields.take("status", "a status such as 200").unwrap_or(200);
        let right = "a host and port such as \"example.org:443\"";
        let address = |text: &str| {
            let (host, port) = text.rsplit_once(':')?;
            (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| text.to_owned())
        };
        let tcp = fields.parse("tcp", right, address);
        let tls = fields.parse("tls", right, address);
        let days = fields.take("days", "a number of days").unwrap_or(14);
        url.map(|url| Self::Http { url, status })
            .or(tcp.map(|address| Self::Tcp { address }))
            .or(tls.map(|address| Self::Tls { address, days }))
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Http { url, status } => json!({ "http": url, "status": status }),
            Self::Tcp { address } => json!({ "tcp": address }),
            Self::Tls { address, days } => json!({ "tls": address, "days": days }),
        }
    }

    /// Looks. What goes wrong is a result too.
    pub(super) async fn look(&self, timeout: Duration, limit: usize) -> Observation {
        let started = Instant::now();
        let looking = async {
            match self {
                Self::Http { url, status } => http(url, *status, limit).await,
                Self::Tcp { address } => tcp(address).await,
                Self::Tls { address, days } => tls(address, *days).await,
            }
        };
        let seen = tokio::time::timeout(timeout, looking).await.unwrap_or_else(|_elapsed| {
            let limit = humantime::format_duration(timeout);
            Observation::trouble(format!("no answer within {limit}"))
        });
        Observation { took: started.elapsed(), ..seen }
    }
}

/// What was found, and whether it is as it should be.
fn found(text: String, good: bool, facts: Facts) -> Observation {
    let unexpected = (!good).then(|| text.clone());
    let output = Captured { bytes: text.into_bytes(), cut: false };
    Observation { output, facts, unexpected, ..Observation::default() }
}

async fn http(url: &str, wanted: u16, limit: usize) -> Observation {
    let client = reqwest::Url::parse(url).map(|url| client(&url, HTTP));
    let answer = match client {
        Ok(Ok(client)) => client.get(url).send().await,
        Ok(Err(error)) => Err(error),
        Err(error) => return Observation::trouble(format!("`{url}` is no URL: {error}")),
    };
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Observation::trouble(format!("no answer: {}", Chain(&error))),
    };
    let status = answer.status();
    let mut body = Vec::new();
    let mut cut = false;
    loop {
        match answer.chunk().await {
            Ok(None) => break,
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) => {
                return Observation::trouble(format!("its answer broke off: {}", Chain(&error)));
            }
        }
        if body.len() > limit {
            cut = true;
            body.truncate(limit);
            break;
        }
    }
    let facts = Facts::from([("status".to_owned(), status.as_u16().into())]);
    let unexpected =
        (status.as_u16() != wanted).then(|| format!("it answers {status}, not {wanted}"));
    let said = format!("HTTP {status}\n\n");
    let head = said.len();
    let output = Captured { bytes: [said.into_bytes(), body].concat(), cut };
    Observation { output, head, facts, unexpected, ..Observation::default() }
}

async fn tcp(address: &str) -> Observation {
    let started = Instant::now();
    match TcpStream::connect(address).await {
        Ok(_) => {
            let took = started.elapsed().as_micros();
            found(format!("`{address}` takes connections ({took} µs)"), true, Facts::new())
        }
        Err(error) => found(format!("`{address}`: {error}"), false, Facts::new()),
    }
}

async fn tls(address: &str, days: u32) -> Observation {
    match certificate(address).await {
        Err(error) => found(format!("`{address}`: {error}"), false, Facts::new()),
        Ok(certificate) => {
            let validity = certificate.tbs_certificate.validity;
            let ends = validity.not_after.to_system_time();
            let left = ends.duration_since(Clock::system().now()).unwrap_or_default();
            let left = left.as_secs() / (24 * 60 * 60);
            let until = humantime::format_rfc3339_seconds(ends).to_string();
            let facts = Facts::from([
                ("days_left".to_owned(), left.into()),
                ("not_after".to_owned(), until.clone().into()),
            ]);
            let text = format!("the certificate of `{address}` holds {left} days, until {until}");
            found(text, left >= u64::from(days), facts)
        }
    }
}

/// The certificate that a server proves itself with, verified for its name.
async fn certificate(address: &str) -> io::Result<Certificate> {
    let host = address.rsplit_once(':').map_or(address, |(host, _port)| host);
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(address).await?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name.map_err(io::Error::other)?, tcp).await?;
    let (_, session): (_, &rustls::ClientConnection) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    let first = chain.first().ok_or_else(|| io::Error::other("it shows no certificate"))?;
    Certificate::from_der(first).map_err(io::Error::other)
}
