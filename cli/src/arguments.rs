//! What can be asked for on the command line.

mod alerts;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

pub(crate) use self::alerts::{AlertName, Alerts, AlertsList, Handling, Verdict};

/// A network of sentinels: they check and watch, and prove what they saw.
#[derive(Debug, Parser)]
#[command(name = "vedette", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Log as JSON, one object a line.
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
    /// What to log: error, warn, info, debug, trace, or a filter such as `registry=debug`.
    #[arg(long, global = true, value_name = "FILTER", env = "VEDETTE_LOG")]
    pub(crate) log: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole platform on this machine.
    Up(Up),
    /// Run the API alone.
    Api(Api),
    /// Run or look at one agent.
    #[command(subcommand)]
    Agent(Agent),
    /// Who there is, by the API.
    #[command(subcommand)]
    Agents(Agents),
    /// What speaks against hosts, and what people say of it.
    #[command(subcommand)]
    Alerts(Alerts),
    /// Let agents join, list who may and who did, take their places away.
    #[command(subcommand)]
    Enroll(Enroll),
    /// Join as a new agent, by the token that an operator gave.
    Join(Join),
    /// Which devices of people the agents believe, and by what people know the agents.
    #[command(subcommand)]
    Trust(Trust),
    /// See what captures show: flows, verdicts, alerts. Without any server.
    Analyze(Analyze),
    /// How well a model tells attacks from the rest; train another one.
    #[command(subcommand)]
    Model(Model),
    /// Is this evidence genuine? Answered offline.
    Verify(Verify),
    /// See what this machine has and lacks.
    Doctor(Doctor),
}

/// See what captures show: flows, verdicts, alerts. Without any server.
///
/// For example `vedette analyze capture.pcap`, or `tcpdump -w - | vedette analyze --eve -`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Analyze {
    /// Captures (pcap, pcapng, gzipped or not; `-` is standard input), read as one in order of time; or
    /// logs: Zeek's conn.log, Suricata's EVE, the CSV of Argus.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Everything as one JSON object: flows with verdicts, alerts, a summary.
    #[arg(long, group = "form")]
    pub(crate) json: bool,
    /// Flows and alerts as Suricata's EVE.
    #[arg(long, group = "form")]
    pub(crate) eve: bool,
    /// Flows as CSV.
    #[arg(long, group = "form")]
    pub(crate) csv: bool,
    /// Flows as Zeek's conn.log.
    #[arg(long, group = "form")]
    pub(crate) zeek: bool,
    /// Tell all evidence of each alert.
    #[arg(long)]
    pub(crate) explain: bool,
    /// A model of one's own (ONNX); its card lies beside it as NAME.card.json.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// Detectors only.
    #[arg(long, conflicts_with = "model")]
    pub(crate) no_model: bool,
    /// Indicators of who is bad: a plain list, CSV, a MISP event, a STIX 2.1 bundle.
    #[arg(long, value_name = "FILE")]
    pub(crate) intel: Vec<PathBuf>,
    /// Who is never to be blamed: a plain list, CSV, a MISP warninglist.
    #[arg(long, value_name = "FILE")]
    pub(crate) allow: Vec<PathBuf>,
    /// Thresholds and limits, in TOML.
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Leave out packets whose checksum is wrong.
    #[arg(long)]
    pub(crate) checksums: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Figures of a model on flows whose labels are known: area under the curve, the share detected at
    /// few false alarms, and what detectors find beside it.
    Eval(ModelEval),
    /// Train another model, and evaluate it on families that it never saw. Needs Python.
    Train(ModelTrain),
    /// Write the features of logs and captures, for training of one's own.
    Features {
        /// Where the matrix goes (`.npy`, float32).
        matrix: PathBuf,
        /// Where the table goes that says what each row is (CSV).
        table: PathBuf,
        /// Logs and captures.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// Figures of a model on flows whose labels are known.
#[derive(Debug, Args)]
pub(crate) struct ModelEval {
    /// The model (ONNX); that of this program unless said otherwise.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// Labelled logs (Zeek's conn.log with a column `label`).
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) flows: Vec<PathBuf>,
    /// The networks that are watched over, for detectors; the private ones unless said otherwise.
    #[arg(long, value_name = "NETWORK")]
    pub(crate) home: Option<Vec<String>>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Train another model.
#[derive(Debug, Args)]
pub(crate) struct ModelTrain {
    /// Labelled logs, and captures that are labelled as a whole by `--sources`.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) flows: Vec<PathBuf>,
    /// Where the model, its card and its pictures go.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Which file is of which family, and under which licence; the shipped one unless said otherwise.
    #[arg(long, value_name = "FILE")]
    pub(crate) sources: Option<PathBuf>,
    /// A Python that has what the script needs; else one is made in the folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) python: Option<PathBuf>,
}

/// Run the whole platform on this machine.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The folder of everything it keeps.
    #[arg(long, value_name = "DIR", default_value = "vedette-data")]
    pub(crate) data: PathBuf,
    /// Where the API and the dashboard listen [default: 127.0.0.1:8000, or the next free port].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Add probes that show real work on this machine.
    #[arg(long)]
    pub(crate) demo: bool,
    /// A configuration of the API; what it says of `listen` and `database` holds too.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Run the API alone.
#[derive(Debug, Args)]
pub(crate) struct Api {
    /// Its configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// Run the agent that a file describes.
    Run {
        /// The file.
        file: PathBuf,
    },
    /// Give an agent new keys, by a hand-over that the old ones sign. It must not run.
    Rotate {
        /// The file.
        file: PathBuf,
    },
    /// Tell every mistake of a file, without connecting.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Tell what can be run, with states and settings.
    Behaviours {
        /// As JSON; the same as `--as json`.
        #[arg(long)]
        json: bool,
        /// In which form.
        #[arg(long, value_enum, default_value = "text")]
        r#as: Form,
    },
    /// Draw everything that a file names, without connecting.
    Draw {
        /// The file.
        file: PathBuf,
        /// In which form.
        #[arg(long, value_enum, default_value = "mermaid")]
        r#as: Drawing,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Agents {
    /// List agents, all or those that are looked for. The answer is no when there is none.
    List(AgentsList),
    /// Show one agent and what it runs.
    Show {
        /// Its account.
        jid: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
}

/// Which agents.
#[derive(Debug, Args)]
pub(crate) struct AgentsList {
    /// Those that do this duty.
    #[arg(long)]
    pub(crate) duty: Option<String>,
    /// Those with this label, `site` or `site=lux1`.
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// Those in this state: chat, available, away, xa, dnd, unavailable, or silent.
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// Those of this role.
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Enroll {
    /// Make a token for a new agent. It is shown once, and can be used once.
    New(EnrollNew),
    /// List who may join, who did, and who may not any more.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Take somebody's place away: its sessions end, its account is removed, nobody believes it.
    Revoke {
        /// Its name, the first part of its account.
        name: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
}

/// Who is to join.
#[derive(Debug, Args)]
pub(crate) struct EnrollNew {
    /// Its name, the first part of its account.
    #[arg(long)]
    pub(crate) name: String,
    /// What it is for: probe, aggregator, analyzer or mitigator.
    #[arg(long)]
    pub(crate) role: String,
    /// What it is called by, `site=lux1`; may be given again and again.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) label: Vec<String>,
    /// How long the token can be used, up to 30 days.
    #[arg(long, default_value = "24h", value_name = "TIME")]
    pub(crate) expires: String,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Trust {
    /// Have every agent believe a device of a person, by the fingerprint that its client shows.
    Add {
        /// The person's account, such as ops@example.org; or, alone, what the client's QR code
        /// says, such as xmpp:ops@example.org?omemo-sid-7=01ab…
        #[arg(value_name = "JID|URI")]
        who: String,
        /// 64 hexadecimal digits.
        fingerprint: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Have nobody believe a device of a person any more, or any of them.
    Remove {
        /// The person's account.
        jid: String,
        /// The device's fingerprint; all of them unless it is given.
        fingerprint: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// List people and their devices.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show the fingerprints of an agent or a person, as text and as QR code.
    Show {
        /// Its account, or the first part of it.
        who: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
}

/// Join as a new agent.
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The token.
    pub(crate) token: String,
    /// Where the agent is to live: a new folder.
    #[arg(long, value_name = "DIR", default_value = "vedette-agent")]
    pub(crate) data: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the API is.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// Its address [default: that of the platform in the data folder].
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// The file of a token that may read.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The data folder of a platform on this machine.
    #[arg(long, value_name = "DIR", default_value = "vedette-data")]
    pub(crate) data: PathBuf,
}

/// How behaviours are told.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// As the page of the documents.
    Markdown,
    /// As state diagrams for Mermaid.
    Mermaid,
    /// As graphs for Graphviz.
    Dot,
}

/// How states and moves are drawn.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Drawing {
    /// For Mermaid.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// For programs.
    Json,
}

/// Is this evidence genuine? Answered offline.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Bundles as the API hands them out; time stamps (RFC 3161) of files beside them that are
    /// called the same without `.tst` or `.tsr`; folders of either.
    #[arg(required = true, value_name = "BUNDLE")]
    pub(crate) paths: Vec<PathBuf>,
    /// The file of which the one time stamp that is named is, if it is not beside it.
    #[arg(long, value_name = "FILE")]
    pub(crate) of: Option<PathBuf>,
    /// Certificates of an authority that you trust, in PEM; may be given again and again
    /// [default: those of the platform in the data folder, if there is one].
    #[arg(long, value_name = "CA.pem")]
    pub(crate) anchor: Vec<PathBuf>,
    /// The data folder of a platform on this machine.
    #[arg(long, value_name = "DIR", default_value = "vedette-data")]
    pub(crate) data: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// See what this machine has and lacks.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The data folder of a platform on this machine.
    #[arg(long, value_name = "DIR", default_value = "vedette-data")]
    pub(crate) data: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
