//! Who may do what: roles, tokens, and the gate in front of every route.

mod secret;

use std::{collections::HashMap, io, path::PathBuf};

use actix_web::{
    HttpMessage, HttpRequest,
    http::{StatusCode, header},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use evidence::{Digest, sha256};

use crate::{
    config::{self, Anonymous},
    problem::Problem,
    scandale,
    store::Credential,
};

/// What the bearer of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Read.
    Reader,
    /// Read, and send what agents send.
    Agent,
    /// The same, and hear who is to be let in, and say who was.
    Registrar,
    /// Read, send, and act.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    const ALL: [Self; 5] =
        [Self::Reader, Self::Agent, Self::Registrar, Self::Operator, Self::Admin];

    /// Its name, as in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Agent => "agent",
            Self::Registrar => "registrar",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: everybody may.
    Nothing,
    /// To be allowed to read.
    Read,
    /// To be allowed to send what agents send.
    Send,
    /// To be allowed to let others in.
    Register,
    /// To be allowed to act.
    Act,
}

impl Need {
    fn met_by(self, role: Role) -> bool {
        match self {
            Self::Nothing | Self::Read => true,
            Self::Send => role != Role::Reader,
            Self::Register => matches!(role, Role::Registrar | Role::Admin),
            Self::Act => matches!(role, Role::Operator | Role::Admin),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Nothing | Self::Read => "`reader` or better",
            Self::Send => "`agent`, `registrar`, `operator` or `admin`",
            Self::Register => "`registrar` or `admin`",
            Self::Act => "`operator` or `admin`",
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) role: Option<Role>,
    /// The name of its token; empty: it has none.
    pub(crate) name: String,
}

impl Caller {
    /// Who asks, as the gate found out.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_else(Self::nobody)
    }

    fn nobody() -> Self {
        Self { role: None, name: String::new() }
    }

    pub(crate) fn may(&self, need: Need) -> bool {
        self.role.is_some_and(|role| need.met_by(role))
    }
}

/// Why a token could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFileError {
    /// The file could not be read or made.
    #[error("could not read or make the token file `{}`", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// What is in the file is no token.
    #[error("`{}` holds no token; it would be `vdt_` and 43 letters and digits", file.display())]
    NoToken {
        /// Which.
        file: PathBuf,
    },
    /// No random numbers could be had.
    #[error("the system gives no random numbers")]
    Random,
}

/// Reads or makes the tokens of a configuration.
pub(crate) fn credentials(tokens: &[config::Token]) -> Result<Vec<Credential>, TokenFileError> {
    tokens
        .iter()
        .map(|token| {
            let secret = secret::read_or_make(&token.file)?;
            Ok(Credential {
                name: token.name.clone(),
                role: token.role.name().to_owned(),
                sha256: sha256(secret.as_bytes()),
            })
        })
        .collect()
}

/// Knows every token, by its digest.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    anonymous: Anonymous,
    /// Finding a digest takes as long for a good guess as for a bad one: who guesses chooses the
    /// token, and not its digest.
    known: HashMap<Digest, (String, Role)>,
}

/// What a request says of who sent it.
#[derive(Debug, PartialEq, Eq)]
enum Claim {
    Nothing,
    Token(String),
    Named { name: String, token: String },
    Unreadable,
}

impl Gate {
    pub(crate) fn new(anonymous: Anonymous, credentials: Vec<Credential>) -> Self {
        let known = credentials
            .into_iter()
            .filter_map(|known| Some((known.sha256, (known.name, Role::named(&known.role)?))));
        Self { anonymous, known: known.collect() }
    }

    /// Whether who says nothing of itself may read.
    pub(crate) fn is_open(&self) -> bool {
        self.anonymous == Anonymous::Read
    }

    /// Lets a request pass, or says why not.
    pub(crate) fn admit(&self, request: &HttpRequest, need: Need) -> Result<Caller, Problem> {
        let known = match claim(request) {
            Claim::Nothing if need == Need::Nothing => return Ok(Caller::nobody()),
            Claim::Nothing if need == Need::Read && self.anonymous == Anonymous::Read => {
                return Ok(Caller::nobody());
            }
            Claim::Nothing => return Err(unknown("Not authenticated", scheme(request))),
            claim => self.known(&claim),
        };
        match known {
            Some((name, role)) if need.met_by(role) => {
                Ok(Caller { role: Some(role), name: name.to_owned() })
            }
            None if need == Need::Nothing => Ok(Caller::nobody()),
            None => Err(unknown("Incorrect email or password", scheme(request))),
            Some((_, role)) => {
                let detail = format!("this needs {}; the token is `{}`", need.words(), role.name());
                Err(Problem::new(StatusCode::FORBIDDEN, detail))
            }
        }
    }

    fn known(&self, claim: &Claim) -> Option<(&str, Role)> {
        let (Claim::Token(token) | Claim::Named { token, .. }) = claim else { return None };
        let (known, role) = self.known.get(&sha256(token.as_bytes()))?;
        match claim {
            Claim::Named { name, .. } if name != known => None,
            _ => Some((known, *role)),
        }
    }
}

/// Nobody knows who asks. The words are SCANDALE's, which its clients show.
fn unknown(detail: &'static str, scheme: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail).with_header(header::WWW_AUTHENTICATE, scheme)
}

/// The scheme to ask for. A browser that is asked for `Basic` opens a window of its own over the
/// dashboard, so only those are asked for it who use it: SCANDALE's clients, and who just did.
fn scheme(request: &HttpRequest) -> &'static str {
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = value.is_some_and(|value| value.to_ascii_lowercase().starts_with("basic"));
    if basic || scandale::owns(request.path()) {
        "Basic realm=\"vedette\""
    } else {
        "Bearer realm=\"vedette\""
    }
}

/// Reads the header, or for streams, which browsers open without headers, the query.
fn claim(request: &HttpRequest) -> Claim {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else {
        return in_query(request).map_or(Claim::Nothing, Claim::Token);
    };
    let Some((scheme, rest)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
        return Claim::Unreadable;
    };
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Claim::Token(rest.to_owned());
    }
    let decoded = BASE64_STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((name, token)) if scheme.eq_ignore_ascii_case("basic") => {
            Claim::Named { name: name.to_owned(), token: token.to_owned() }
        }
        _ => Claim::Unreadable,
    }
}

fn in_query(request: &HttpRequest) -> Option<String> {
    if !matches!(request.path(), "/pubsub" | "/api/v1/events") {
        return None;
    }
    let mut pairs = request.query_string().split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == "token").map(|(_, token)| token.to_owned())
}
