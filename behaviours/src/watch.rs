//! Watches packets: an interface, or captures. What it finds becomes items, and what it sees can be
//! sent to an analyzer.

use std::{path::PathBuf, time::Duration};

use runtime::{
    Address, Behaviour, Context, Failure, Fields, Message, Performative, Setting, states,
};
use serde_json::Value;
use types::Traffic;

use crate::{
    finding::{self, Finding, Kept},
    sight::{self, Sight},
};

pub(crate) mod batch;
mod eye;
mod outlet;
mod pressure;
mod tally;

use eye::{Eye, Source, Target};
use outlet::News;

/// How often it tells what it saw, unless its file says otherwise.
const EVERY: Duration = Duration::from_mins(1);
/// How long to wait when there is no room for a finding.
const NO_ROOM: Duration = Duration::from_secs(1);

/// How long the end may take.
const LAST_WORDS: Duration = Duration::from_millis(900);

/// What can be set.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "interface",
        about: "the network interface that is watched",
        example: "interface = \"eth0\"",
        required: false,
    },
    Setting {
        key: "file",
        about: "a capture instead of an interface (pcap, pcapng, gzipped or not), or a list of them",
        example: "file = \"traffic.pcap\"",
        required: false,
    },
    Setting {
        key: "follow",
        about: "whether to wait for more at the end of the file; false unless said otherwise",
        example: "follow = true",
        required: false,
    },
    Setting {
        key: "filter",
        about: "what is captured, in libpcap's language; everything unless said otherwise",
        example: "filter = \"not port 22\"",
        required: false,
    },
    Setting {
        key: "snaplen",
        about: "bytes of each packet that are captured; 65535 unless said otherwise",
        example: "snaplen = 2048",
        required: false,
    },
    Setting {
        key: "buffer",
        about: "bytes of packets that the kernel keeps; 67108864 unless said otherwise",
        example: "buffer = 134217728",
        required: false,
    },
    Setting {
        key: "promiscuous",
        about: "whether packets for others are captured too; true unless said otherwise",
        example: "promiscuous = false",
        required: false,
    },
    Setting {
        key: "analyze",
        about: "where it is analysed: \"here\", or an agent or a duty that what is seen is sent to",
        example: "analyze = \"duty:analyze\"",
        required: false,
    },
    Setting {
        key: "every",
        about: "how often it tells what it saw; 1m unless said otherwise",
        example: "every = \"5m\"",
        required: false,
    },
    Setting {
        key: "capture",
        about: "limits of the flow table and what is looked at",
        example: "capture = { max_flows = 500000, payload_bytes = 0 }",
        required: false,
    },
    sight::MODEL,
    sight::INTEL,
    sight::ALLOW,
    sight::DETECT,
    sight::ALERT,
    sight::LEARN,
];

/// What one watch does.
#[derive(Clone, Debug)]
pub struct Settings {
    source: Source,
    target: Option<Address>,
    every: Duration,
    capture: capture::Settings,
    sight: Sight,
}

impl Settings {
    /// Reads the settings of one watch and tells every problem.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let source = source(fields);
        let target: Option<String> = fields.take("analyze", "\"here\", or an agent or a duty");
        let target = target.filter(|it| it != "here").map(|it| Address::from(it.as_str()));
        let every = fields.parse("every", "a time of a second to a day, such as \"1m\"", |text| {
            let day = Duration::from_hours(24);
            let is_right = |it: &Duration| (Duration::from_secs(1)..=day).contains(it);
            humantime::parse_duration(text).ok().filter(is_right)
        });
        let mut capture: capture::Settings =
            fields.take("capture", "a table of limits").unwrap_or_default();
        capture.payload_bytes = capture.payload_bytes.min(4096);
        let sight = Sight::read(fields);
        Some(Self { source: source?, target, every: every.unwrap_or(EVERY), capture, sight })
    }
}

/// An interface, or files.
fn source(fields: &mut Fields<'_>) -> Option<Source> {
    let interface: Option<String> = fields.take("interface", "text such as \"eth0\"");
    let files: Option<Files> = fields.take("file", "a path, or a list of paths");
    let follow = fields.take("follow", "true or false").unwrap_or(false);
    let mut live = capture::LiveSettings::default();
    let only_live: Vec<&str> = ["filter", "snaplen", "buffer", "promiscuous"]
        .into_iter()
        .filter(|key| fields.has(key))
        .collect();
    live.filter = fields.take("filter", "a filter such as \"not port 22\"");
    live.snaplen = fields.take("snaplen", "a number of bytes").unwrap_or(live.snaplen);
    live.buffer = fields.take("buffer", "a number of bytes").unwrap_or(live.buffer);
    live.promiscuous = fields.take("promiscuous", "true or false").unwrap_or(live.promiscuous);
    for (key, value, least) in [("snaplen", live.snaplen, 68), ("buffer", live.buffer, 65_536)] {
        if value < least {
            fields.complain(key, format!("`{value}` is too little; {least} is the least"));
        }
    }
    match (interface, files) {
        (Some(_), Some(_)) => {
            fields.complain("file", "there is an `interface` already; keep one of the two");
            None
        }
        (None, None) => {
            let what = "missing, and no `file` either; for example `interface = \"eth0\"`";
            fields.complain("interface", what);
            None
        }
        (Some(interface), None) => {
            if follow {
                fields.complain("follow", "it belongs to `file`, and there is none");
            }
            Some(Source::Interface { interface, live })
        }
        (None, Some(files)) => {
            for key in only_live {
                fields.complain(key, "it belongs to `interface`, and there is none");
            }
            let files: Vec<PathBuf> =
                files.all().into_iter().map(|file| fields.folder().join(file)).collect();
            if follow && files.len() != 1 {
                fields.complain("follow", "it goes with one file");
            }
            Some(Source::Files { files, follow })
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Files {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

impl Files {
    fn all(self) -> Vec<PathBuf> {
        match self {
            Self::One(file) => vec![file],
            Self::Many(files) => files,
        }
    }
}

states! {
    /// Where a watch is.
    pub enum State {
        /// Opens the interface or the file, and loads what it judges by.
        Opening => [Watching],
        /// Looks at what goes by.
        Watching => [Watching, Keeping, Sending, Done],
        /// Writes a finding to disk; it is not lost from here on.
        Keeping => [Watching, NoRoom, Done],
        /// The disk queue is full; waits until results have left.
        NoRoom => [Keeping],
        /// Sends what was seen to whoever analyses it.
        Sending => [Watching, Resting],
        /// Nobody is there to send a capture of the past to; it waits.
        Resting => [Sending],
        /// The capture is over.
        Done => [],
    }
}

/// A watch at work.
#[derive(Debug)]
pub struct Watch {
    settings: Settings,
    eye: Option<Eye>,
    finding: Option<Finding>,
    batch: Option<Traffic>,
    is_over: bool,
}

impl From<Settings> for Watch {
    fn from(settings: Settings) -> Self {
        Self { settings, eye: None, finding: None, batch: None, is_over: false }
    }
}

impl Behaviour for Watch {
    type State = State;
    const NAME: &'static str = "watch";

    async fn step(&mut self, state: State, ctx: &mut Context) -> Result<State, Failure> {
        Ok(match state {
            State::Opening => {
                self.open(ctx).await?;
                State::Watching
            }
            State::Watching => self.watch(ctx).await?,
            State::Keeping => self.keep(ctx).await?,
            State::NoRoom => {
                ctx.sleep(NO_ROOM).await?;
                State::Keeping
            }
            State::Sending => self.send(ctx).await?,
            State::Resting => {
                ctx.sleep(NO_ROOM).await?;
                State::Sending
            }
            State::Done => State::Done,
        })
    }

    async fn stopped(&mut self, ctx: &mut Context) {
        // What is open is told, and what was learnt goes on after the next start.
        let Some(eye) = &mut self.eye else { return };
        eye.stop();
        let rest = async {
            while let Some(news) = eye.news().await {
                match news {
                    News::Finding(finding) => drop(finding::keep(ctx, &finding).await),
                    News::Memory(memory) => remember(ctx, &memory).await,
                    News::Batch(_) | News::Trouble(_) | News::Broken(_) => {}
                }
            }
        };
        if tokio::time::timeout(LAST_WORDS, rest).await.is_err() {
            tracing::warn!("the watch did not end in time; what it saw last is not told");
        }
    }
}

impl Watch {
    async fn open(&mut self, ctx: &Context) -> Result<(), Failure> {
        let settings = self.settings.clone();
        let memory = ctx.recall::<Value>()?;
        let target = if settings.target.is_some() { Target::Send } else { Target::Here };
        let open = move || {
            let Settings { source, every, capture, sight, .. } = settings;
            Eye::open(source, target, every, capture, &sight, memory)
        };
        let opened = ctx.until_stopped(tokio::task::spawn_blocking(open)).await?;
        self.eye = Some(opened??);
        Ok(())
    }

    async fn watch(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        let Some(eye) = &mut self.eye else { return Ok(State::Done) };
        let Some(news) = ctx.until_stopped(eye.news()).await? else {
            self.is_over = true;
            return Ok(State::Done);
        };
        Ok(match news {
            News::Finding(finding) => {
                self.finding = Some(finding);
                State::Keeping
            }
            News::Batch(batch) => {
                self.batch = Some(batch);
                State::Sending
            }
            News::Memory(memory) => {
                remember(ctx, &memory).await;
                State::Watching
            }
            News::Trouble(trouble) => {
                ctx.show_error(trouble);
                State::Watching
            }
            News::Broken(error) => return Err(error.into()),
        })
    }

    async fn keep(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        if let Some(finding) = &self.finding {
            if finding::keep(ctx, finding).await? == Kept::NoRoom {
                return Ok(State::NoRoom);
            }
            self.finding = None;
        }
        Ok(State::Watching)
    }

    async fn send(&mut self, ctx: &mut Context) -> Result<State, Failure> {
        let (Some(batch), Some(to)) = (&self.batch, &self.settings.target) else {
            return Ok(State::Watching);
        };
        let message = Message::new(Performative::Inform, to.clone(), batch)?;
        if let Err(error) = ctx.until_stopped(ctx.send(message)).await? {
            ctx.show_error(format!("not sent: {error}"));
            if matches!(self.settings.source, Source::Files { .. }) {
                return Ok(State::Resting);
            }
            // It is told how many were not sent, here and to whoever gets the next batch.
            if let Some(eye) = &self.eye {
                eye.unsent(batch.count);
            }
        }
        self.batch = None;
        Ok(State::Watching)
    }
}

/// Writes down what goes on after a restart; that it could not be is told, and no more.
pub(crate) async fn remember<T: serde::Serialize + Sync>(ctx: &Context, memory: &T) {
    if let Err(error) = ctx.remember(memory).await {
        tracing::warn!(?error, "what was learnt could not be written down");
    }
}
