//! Has batches of items time-stamped: one token a batch (RFC 3161 over an RFC 4998 tree).

use std::{fs, sync::Arc, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine};
use evidence::{
    Authority, BatchTree, Digest,
    client::{Client, Endpoint},
};
use runtime::{Behaviour, Context, Failure, Fields, Kept, Setting, StoreError, states};
use types::Proof;
use uuid::Uuid;

use crate::{
    patience::Patience,
    queue::{self, ANCHOR, FORWARD, Parcel, Pending},
};

/// Items under one token, at most.
const BATCH: usize = 4096;
/// The longest rest after a failure.
const LONGEST: Duration = Duration::from_mins(1);
/// How long to wait when there is no room for a proof.
const NO_ROOM: Duration = Duration::from_secs(1);

/// What can be set.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "url",
        about: "where a time-stamping authority answers (RFC 3161 over HTTP)",
        example: "url = \"http://127.0.0.1:8000/tsr\"",
        required: true,
    },
    Setting {
        key: "anchor",
        about: "PEM file of the certificates that its answers must lead to",
        example: "anchor = \"tsa/authority.pem\"",
        required: true,
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
];

/// Which authority is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    client: Arc<Client>,
}

impl Settings {
    /// Reads which authority is asked, and its certificates.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let url: Option<String> = fields.take("url", "a URL that starts with http:// or https://");
        let name = fields.take("authority", "text").unwrap_or_else(|| "tsa".to_owned());
        let min_interval = fields
            .parse("interval", "a time such as \"15s\"", |it| humantime::parse_duration(it).ok())
            .unwrap_or_default();
        let anchor = fields.file("anchor")?;
        let pem = match fs::read(&anchor) {
            Ok(pem) => pem,
            Err(error) => {
                fields.complain("anchor", format!("cannot read `{}`: {error}", anchor.display()));
                return None;
            }
        };
        let authority = match Authority::from_pem(&name, &pem) {
            Ok(authority) => authority,
            Err(error) => {
                fields.complain("anchor", format!("`{}`: {error}", anchor.display()));
                return None;
            }
        };
        match Client::new(vec![Endpoint { name, url: url?, authority, min_interval }]) {
            Ok(client) => Some(Self { client: Arc::new(client) }),
            Err(error) => {
                fields.complain("url", runtime::Chain(&error).to_string());
                None
            }
        }
    }
}

states! {
    /// Where an anchor is.
    pub enum State {
        /// Waits for items.
        Waiting => [Stamping],
        /// Builds the tree and asks the authority; its answer is verified before it counts.
        Stamping => [Keeping, Resting, Waiting],
        /// Writes the proof to disk.
        Keeping => [Waiting, NoRoom],
        /// The disk queue is full; waits until results have left.
        NoRoom => [Keeping],
        /// The authority does not stamp now; tries again soon.
        Resting => [Stamping],
    }
}

/// An anchor at work.
#[derive(Debug)]
pub struct Anchor {
    settings: Settings,
    patience: Patience,
    rest: Duration,
    stamped: Option<(Vec<Kept>, Proof)>,
}

impl From<Settings> for Anchor {
    fn from(settings: Settings) -> Self {
        let patience = Patience::new(LONGEST);
        Self { settings, patience, rest: Duration::ZERO, stamped: None }
    }
}

impl Behaviour for Anchor {
    type State = State;
    const NAME: &'static str = "anchor";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Waiting => {
                queue::wait_for(ctx, ANCHOR).await?;
                State::Stamping
            }
            State::Stamping => self.stamp(ctx).await?,
            State::Keeping => {
                if let Some((entries, proof)) = &self.stamped {
                    let mut changes = queue::drop_all(ANCHOR, entries);
                    let key = proof.batch.to_string();
                    changes.push(queue::push(FORWARD, key, &Parcel::Proof(proof.clone()))?);
                    match ctx.store().commit(changes).await {
                        Err(StoreError::Full { .. }) => return Ok(State::NoRoom),
                        kept => kept?,
                    }
                }
                self.stamped = None;
                State::Waiting
            }
            State::NoRoom => {
                ctx.sleep(NO_ROOM).await?;
                State::Keeping
            }
            State::Resting => {
                ctx.sleep(self.rest).await?;
                State::Stamping
            }
        })
    }
}

impl Anchor {
    async fn stamp(&mut self, ctx: &Context) -> Result<State, Failure> {
        let (mut entries, mut leaves, mut digests) = (Vec::new(), Vec::new(), Vec::new());
        for entry in ctx.store().read(ANCHOR, 0, BATCH, usize::MAX)? {
            let Some((leaf, digest)) = read(&entry) else {
                // It was written by a version that knew more than this one: kept aside.
                tracing::warn!(entry.key, "an item that waits for a time stamp cannot be read");
                queue::settle(ctx, queue::set_aside(ANCHOR, &entry).into()).await?;
                continue;
            };
            entries.push(entry);
            leaves.push(leaf);
            digests.push(digest);
        }
        let Some(tree) = BatchTree::new(digests) else { return Ok(State::Waiting) };
        let root = tree.root();
        match ctx.until_stopped(self.settings.client.stamp(&root)).await? {
            Ok(stamp) => {
                self.patience.restore();
                let proof = Proof {
                    batch: Uuid::new_v4(),
                    authority: stamp.authority,
                    leaves,
                    root: hex::encode(root),
                    token: BASE64_STANDARD.encode(stamp.token),
                };
                self.stamped = Some((entries, proof));
                Ok(State::Keeping)
            }
            Err(error) => {
                self.rest = self.patience.lose().max(error.retry_after);
                if self.patience.is_first() {
                    tracing::warn!(%error, "no time stamp now; the items wait");
                }
                Ok(State::Resting)
            }
        }
    }
}

fn read(entry: &Kept) -> Option<(Pending, Digest)> {
    let leaf: Pending = serde_json::from_slice(&entry.value).ok()?;
    let mut digest = Digest::default();
    hex::decode_to_slice(&leaf.sha256, &mut digest).ok()?;
    Some((leaf, digest))
}
