//! Asks authorities over HTTP (RFC 3161 section 3.4), one after the other, until one has stamped.
//!
//! An answer counts only once it has been verified; one that does not hold is a failure like a
//! lost connection, and the next authority is asked.

mod error;
mod exchange;
mod turn;

use std::time::Duration;

use tokio::time::Instant;

pub use error::{ClientError, Failure, Reason, StampError};

use crate::clock::system_time;
use crate::digest::{Digest, HashAlgorithm};
use crate::request::Request;
use crate::trust::{Authority, Trust};
use crate::verify::{Verified, accept};
use turn::Turn;

/// How far the clock of an authority may be off ours.
const SKEW: Duration = Duration::from_mins(5);
/// How long an endpoint may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Where an authority is asked.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// What the operator calls it.
    pub name: String,
    /// `http` or `https`; the answer is signed either way.
    pub url: String,
    /// Who must have signed the answer.
    pub authority: Authority,
    /// The least time between two requests, as the authority's terms demand it.
    pub min_interval: Duration,
}

/// Endpoints in the order in which they are asked.
///
/// Connections are kept; dropping a request in flight loses nothing but its answer.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    timeout: Duration,
    quorum: usize,
    endpoints: Vec<(Endpoint, Turn)>,
}

/// A digest that has been stamped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Name of the authority that did it.
    pub authority: String,
    /// How far its word carries.
    pub trust: Trust,
    /// The token, in DER.
    pub token: Vec<u8>,
    /// What the token says.
    pub verified: Verified,
}

impl Client {
    /// A client of these endpoints, the preferred one first.
    pub fn new(endpoints: Vec<Endpoint>) -> Result<Self, ClientError> {
        for endpoint in &endpoints {
            exchange::check_url(endpoint)?;
        }
        let http = exchange::http(&endpoints)?;
        let endpoints = endpoints.into_iter().map(|endpoint| (endpoint, Turn::default()));
        Ok(Self { http, timeout: TIMEOUT, quorum: 1, endpoints: endpoints.collect() })
    }

    /// The same, with this much time for an endpoint from the first byte sent to the last byte
    /// read; otherwise 15 seconds.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same, with time stamps of so many different authorities wanted for a digest, at least
    /// one; otherwise one.
    pub fn with_quorum(mut self, quorum: usize) -> Result<Self, ClientError> {
        let names = self.endpoints.iter().map(|(it, _)| it.authority.name());
        let authorities = names.collect::<std::collections::BTreeSet<_>>().len();
        if !(1..=authorities).contains(&quorum) {
            return Err(ClientError::Quorum { quorum, authorities });
        }
        self.quorum = quorum;
        Ok(self)
    }

    /// A time stamp over `digest` from the first endpoint that gives one that holds.
    pub async fn stamp(&self, digest: &Digest) -> Result<Stamp, StampError> {
        let mut stamps = Vec::new();
        self.ask_for(HashAlgorithm::Sha256, digest, 1, &mut stamps).await?;
        stamps.pop().ok_or(StampError { retry_after: Duration::ZERO, failures: Vec::new() })
    }

    /// Adds to the time stamps over `digest` until there are those of enough authorities. Those
    /// that were got stay when others fail, and need not be asked for again.
    pub async fn stamps(&self, digest: &Digest, stamps: &mut Vec<Stamp>) -> Result<(), StampError> {
        self.ask_for(HashAlgorithm::Sha256, digest, self.quorum, stamps).await
    }

    /// A time stamp over a digest by another hash function.
    pub async fn stamp_over(
        &self,
        hash: HashAlgorithm,
        digest: &[u8],
    ) -> Result<Stamp, StampError> {
        let mut stamps = Vec::new();
        self.ask_for(hash, digest, 1, &mut stamps).await?;
        stamps.pop().ok_or(StampError { retry_after: Duration::ZERO, failures: Vec::new() })
    }

    async fn ask_for(
        &self,
        hash: HashAlgorithm,
        digest: &[u8],
        quorum: usize,
        stamps: &mut Vec<Stamp>,
    ) -> Result<(), StampError> {
        let mut failures = Vec::new();
        for (endpoint, turn) in &self.endpoints {
            if stamps.len() >= quorum {
                return Ok(());
            }
            // By authority: two tokens of one are the word of one.
            if stamps.iter().any(|it| it.authority == endpoint.authority.name()) {
                continue;
            }
            let asked = match turn.take(Instant::now(), endpoint.min_interval) {
                Ok(()) => self.ask(endpoint, hash, digest).await,
                Err(wait) => Err(Reason::NotYet { wait }),
            };
            match asked {
                Ok(stamp) => {
                    turn.succeeded();
                    stamps.push(stamp);
                }
                Err(reason) => {
                    if !matches!(reason, Reason::NotYet { .. }) {
                        turn.failed(Instant::now(), reason.retry_after());
                    }
                    failures.push(Failure { endpoint: endpoint.name.clone(), reason });
                }
            }
        }
        if stamps.len() >= quorum {
            return Ok(());
        }
        let has = |it: &Endpoint| stamps.iter().any(|got| got.authority == it.authority.name());
        let missing = self.endpoints.iter().filter(|(it, _)| !has(it));
        let waits = missing.map(|(_, turn)| turn.wait(Instant::now()));
        Err(StampError { retry_after: waits.min().unwrap_or_default(), failures })
    }

    async fn ask(
        &self,
        endpoint: &Endpoint,
        hash: HashAlgorithm,
        digest: &[u8],
    ) -> Result<Stamp, Reason> {
        let authority = &endpoint.authority;
        let request = match authority.policies() {
            [only] => Request::under_policy(hash, digest, *only),
            _ => Request::over(hash, digest),
        };
        let answer = exchange::post(&self.http, endpoint, request.to_der(), self.timeout).await?;
        let now = system_time().as_secs();
        let (token, verified) =
            accept(&answer, &request, authority, now, SKEW).map_err(Reason::Refused)?;
        Ok(Stamp {
            authority: authority.name().to_owned(),
            trust: authority.trust(),
            token,
            verified,
        })
    }
}
