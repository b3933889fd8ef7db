//! What can be asked for of alerts.

use clap::{Args, Subcommand};

use super::Reach;

#[derive(Debug, Subcommand)]
pub(crate) enum Alerts {
    /// List alerts, those that are open or those that are looked for. The answer is no when there is none.
    List(AlertsList),
    /// Show one alert: its evidence with thresholds, and the items that tell of it.
    Show(AlertName),
    /// Say that it is true.
    Confirm(Handling),
    /// Take it on.
    Acknowledge(Handling),
    /// Say that something was done about it.
    Mitigate(Handling),
    /// Close it.
    Expire(Handling),
    /// Say what it was. The next training learns from it; what is benign is closed.
    Judge {
        #[command(flatten)]
        name: AlertName,
        /// What it was.
        verdict: Verdict,
        /// Why, or whatever others should know.
        #[arg(long)]
        note: Option<String>,
    },
}

/// Which alerts.
#[derive(Debug, Args)]
pub(crate) struct AlertsList {
    /// Those in this state: new, confirmed, acknowledged, mitigated or expired.
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// Those of this severity: info, low, medium, high or critical.
    #[arg(long)]
    pub(crate) severity: Option<String>,
    /// Those about this address.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// Those that this agent tells of.
    #[arg(long, value_name = "JID")]
    pub(crate) source: Option<String>,
    /// Those that are over, too.
    #[arg(long)]
    pub(crate) all: bool,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// One alert.
#[derive(Debug, Args)]
pub(crate) struct AlertName {
    /// What it is called, as the list says.
    pub(crate) id: String,
    /// Whose it is, where several agents tell of one of that name.
    #[arg(long, value_name = "JID")]
    pub(crate) source: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// What is done with one alert.
#[derive(Debug, Args)]
pub(crate) struct Handling {
    #[command(flatten)]
    pub(crate) name: AlertName,
    /// Why, or whatever others should know.
    #[arg(long)]
    pub(crate) note: Option<String>,
}

/// What an alert was.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Verdict {
    /// An attack.
    Attack,
    /// Nothing of the kind.
    Benign,
}
