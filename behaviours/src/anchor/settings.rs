//! Which authorities an anchor asks, in which order, and how many must agree.

use std::{fs, sync::Arc, time::Duration};

use evidence::{
    Authority,
    client::{Client, ClientError, Endpoint},
};
use runtime::{Chain, Fields, Setting};

/// Items under one token, at most, unless said otherwise, and at most at all.
const BATCH: usize = 4096;
const LARGEST: usize = 65_535;
/// The longest that items are gathered.
const LONGEST: Duration = Duration::from_hours(1);

/// What can be set.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "url",
        about: "where a time-stamping authority answers (RFC 3161 over HTTP)",
        example: "url = \"http://127.0.0.1:8000/tsr\"",
        required: false,
    },
    Setting {
        key: "anchor",
        about: "PEM file of the certificates that its answers must lead to",
        example: "anchor = \"tsa/authority.pem\"",
        required: false,
    },
    Setting {
        key: "authority",
        about: "what the authority is called; `tsa` unless said otherwise",
        example: "authority = \"own\"",
        required: false,
    },
    Setting {
        key: "interval",
        about: "least time between two requests; none unless said otherwise",
        example: "interval = \"15s\"",
        required: false,
    },
    Setting {
        key: "policies",
        about: "policies of which a token must have one; any unless said otherwise",
        example: "policies = [\"1.3.6.1.4.1.13762.3\"]",
        required: false,
    },
    Setting {
        key: "extra",
        about: "PEM file of further certificates, where tokens come without",
        example: "extra = \"tsa/signer.pem\"",
        required: false,
    },
    Setting {
        key: "authorities",
        about: "several authorities, each with the keys above, in the order in which they are \
                asked; instead of them",
        example: "authorities = [{ authority = \"one\", url = \"https://one.example/tsr\", \
                  anchor = \"tsa/one.pem\" }]",
        required: false,
    },
    Setting {
        key: "quorum",
        about: "how many different authorities must stamp each batch; 1 unless said otherwise",
        example: "quorum = 2",
        required: false,
    },
    Setting {
        key: "batch",
        about: "items under one token, at most; 4096 unless said otherwise",
        example: "batch = 1000",
        required: false,
    },
    Setting {
        key: "gather",
        about: "how long the first item of a batch waits for others; not at all unless said \
                otherwise",
        example: "gather = \"1s\"",
        required: false,
    },
];

/// The keys of one authority.
const OF_ONE: [&str; 6] = ["url", "anchor", "authority", "interval", "policies", "extra"];

/// Which authorities are asked, and when.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(super) client: Arc<Client>,
    /// Items under one token, at most.
    pub(super) batch: usize,
    /// How long the first item of a batch waits.
    pub(super) gather: Duration,
}

impl Settings {
    /// Reads which authorities are asked, and their certificates.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let batch = fields.take("batch", "a number");
        if batch.is_some_and(|it: usize| !(1..=LARGEST).contains(&it)) {
            fields.complain("batch", format!("must be 1 to {LARGEST}"));
        }
        let gather = time(fields, "gather").unwrap_or_default();
        if gather > LONGEST {
            fields.complain("gather", "must not be more than 1h".to_owned());
        }
        let quorum = fields.take("quorum", "a number").unwrap_or(1);
        let endpoints = if fields.has("authorities") { several(fields) } else { one(fields) }?;
        let client = Client::new(endpoints).and_then(|it| it.with_quorum(quorum));
        match client {
            Ok(client) => {
                Some(Self { client: Arc::new(client), batch: batch.unwrap_or(BATCH), gather })
            }
            Err(error) => {
                let key =
                    if matches!(error, ClientError::Quorum { .. }) { "quorum" } else { "url" };
                fields.complain(key, Chain(&error).to_string());
                None
            }
        }
    }
}

fn several(fields: &mut Fields<'_>) -> Option<Vec<Endpoint>> {
    for key in OF_ONE {
        if fields.has(key) {
            fields.complain(key, "stands in each of `authorities` then".to_owned());
        }
    }
    let tables: Vec<toml::Table> = fields.take("authorities", "a list of tables")?;
    if tables.is_empty() {
        fields.complain("authorities", "names none".to_owned());
    }
    let known: Vec<Setting> =
        SETTINGS.iter().filter(|it| OF_ONE.contains(&it.key)).copied().collect();
    let (mut endpoints, mut is_whole) = (Vec::<Endpoint>::new(), true);
    for (number, table) in tables.into_iter().enumerate() {
        let path = fields.path(&format!("authorities[{number}]"));
        let folder = fields.folder().to_owned();
        let mut inner = Fields::new(&path, table, &known, fields.problems()).in_folder(&folder);
        let read = one(&mut inner);
        is_whole &= read.is_some();
        for endpoint in read.into_iter().flatten() {
            if endpoints.iter().any(|it| it.name == endpoint.name) {
                inner.complain("authority", format!("another is called `{}`", endpoint.name));
            }
            endpoints.push(endpoint);
        }
    }
    (is_whole && !endpoints.is_empty()).then_some(endpoints)
}

fn one(fields: &mut Fields<'_>) -> Option<Vec<Endpoint>> {
    for it in SETTINGS.iter().filter(|it| ["url", "anchor"].contains(&it.key)) {
        if !fields.has(it.key) {
            fields.complain(it.key, format!("missing; for example `{}`", it.example));
        }
    }
    let url: Option<String> = fields.take("url", "a URL that starts with http:// or https://");
    let name = fields.take("authority", "text").unwrap_or_else(|| "tsa".to_owned());
    let min_interval = time(fields, "interval").unwrap_or_default();
    let policies: Vec<String> =
        fields.take("policies", "a list of object identifiers").unwrap_or_default();
    let anchor = pem(fields, "anchor");
    let extra = pem(fields, "extra");
    let (path, anchor) = anchor?;
    let authority = Authority::from_pem(&name, &anchor)
        .map_err(|error| fields.complain("anchor", format!("`{path}`: {}", Chain(&error))))
        .ok()?;
    let authority = match extra {
        Some((path, extra)) => authority
            .with_extra_pem(&extra)
            .map_err(|error| fields.complain("extra", format!("`{path}`: {}", Chain(&error))))
            .ok()?,
        None => authority,
    };
    let authority = authority
        .with_policies(policies)
        .map_err(|error| fields.complain("policies", Chain(&error).to_string()))
        .ok()?;
    Some(vec![Endpoint { name, url: url?, authority, min_interval }])
}

fn time(fields: &mut Fields<'_>, key: &str) -> Option<Duration> {
    fields.parse(key, "a time such as \"15s\"", |it| humantime::parse_duration(it).ok())
}

fn pem(fields: &mut Fields<'_>, key: &str) -> Option<(String, Vec<u8>)> {
    let path = fields.file(key)?;
    let shown = path.display().to_string();
    match fs::read(&path) {
        Ok(pem) => Some((shown, pem)),
        Err(error) => {
            fields.complain(key, format!("cannot read `{shown}`: {error}"));
            None
        }
    }
}
