//! What traffic is judged by: thresholds, a model, lists of who is known.

use std::{fs, path::PathBuf};

use capture::Moment;
use model::{
    Analyzer, Judge,
    intel::{Defaults, Format, Intelligence, Loaded},
};
use runtime::{Clock, Fields, Setting};

/// How many indicators are kept.
const INDICATORS: usize = 2_000_000;

pub(crate) const MODEL: Setting = Setting {
    key: "model",
    about: "a model of one's own (ONNX, its card beside it as NAME.card.json), or false for none",
    example: "model = \"site.onnx\"",
    required: false,
};
pub(crate) const INTEL: Setting = Setting {
    key: "intel",
    about: "lists of who is bad: plain, CSV, MISP event, STIX 2.1 bundle",
    example: "intel = [\"feodo.csv\"]",
    required: false,
};
pub(crate) const ALLOW: Setting = Setting {
    key: "allow",
    about: "lists of who is never to be blamed: plain, CSV, MISP warninglist",
    example: "allow = [\"ours.txt\"]",
    required: false,
};
pub(crate) const DETECT: Setting = Setting {
    key: "detect",
    about: "thresholds of the detectors",
    example: "detect = { off = [\"new-device\"], vertical_scan = { ports = 30 } }",
    required: false,
};
pub(crate) const ALERT: Setting = Setting {
    key: "alert",
    about: "when evidence becomes an alert",
    example: "alert = { threshold = 0.4 }",
    required: false,
};
pub(crate) const LEARN: Setting = Setting {
    key: "learn",
    about: "how long a site is learnt before a model's scores count",
    example: "learn = { seconds = 86400, flows = 10000 }",
    required: false,
};

/// What it is judged by, as a file says it.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    settings: model::Settings,
    model: Model,
    intel: Vec<PathBuf>,
    allow: Vec<PathBuf>,
}

#[derive(Clone, Debug)]
enum Model {
    Standard,
    Own(PathBuf),
    None,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Named {
    Whether(bool),
    File(PathBuf),
}

/// Why traffic cannot be judged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SightError {
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("the model `{}` cannot be used", path.display())]
    Model {
        path: PathBuf,
        #[source]
        cause: model::JudgeError,
    },
    #[error("the model that comes with this program cannot be used")]
    Standard(#[source] model::JudgeError),
}

impl Sight {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        let detect = fields.take("detect", "a table of thresholds");
        let alert = fields.take("alert", "a table of sums");
        let learn = fields.take("learn", "a table such as `{ seconds = 86400, flows = 10000 }`");
        let model = match fields.take("model", "the path of a model, or false") {
            Some(Named::File(path)) => Model::Own(fields.folder().join(path)),
            Some(Named::Whether(false)) => Model::None,
            Some(Named::Whether(true)) | None => Model::Standard,
        };
        let mut list = |key: &str| -> Vec<PathBuf> {
            let paths: Vec<PathBuf> = fields.take(key, "a list of paths").unwrap_or_default();
            paths.into_iter().map(|path| fields.folder().join(path)).collect()
        };
        let (intel, allow) = (list("intel"), list("allow"));
        let settings = model::Settings {
            detect: detect.unwrap_or_default(),
            alert: alert.unwrap_or_default(),
            learn: learn.unwrap_or_default(),
        };
        Self { settings, model, intel, allow }
    }

    /// The settings of the analysis.
    pub(crate) fn settings(&self) -> &model::Settings {
        &self.settings
    }

    /// Loads everything. A capture of the past is judged at once: there is no time to learn from it.
    pub(crate) fn analyzer(&self, is_past: bool) -> Result<Analyzer, SightError> {
        let mut intelligence = Intelligence::new(INDICATORS);
        for path in &self.intel {
            let text = text(path)?;
            let source = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let defaults = Defaults { source, ..Defaults::default() };
            tell(path, &intelligence.load(Format::of(path, &text), &text, &defaults, now()));
        }
        for path in &self.allow {
            let text = text(path)?;
            tell(path, &intelligence.good(Format::of(path, &text), &text));
        }
        let learn = self.settings.learn;
        let mut judge = match &self.model {
            Model::None => None,
            Model::Standard => Some(Judge::standard(learn).map_err(SightError::Standard)?),
            Model::Own(path) => Some(own(path, learn)?),
        };
        if let Some(judge) = judge.as_mut().filter(|_| is_past) {
            judge.watch();
        }
        Ok(Analyzer::new(&self.settings, intelligence, judge))
    }
}

fn own(path: &PathBuf, learn: model::calibrate::Calibration) -> Result<Judge, SightError> {
    let bytes = fs::read(path).map_err(|cause| SightError::Read { path: path.clone(), cause })?;
    let card = fs::read_to_string(path.with_extension("card.json")).ok();
    let heaped = fs::read_to_string(path.with_extension("evidence.json")).ok();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Judge::new(&name, &bytes, card.as_deref(), heaped.as_deref(), learn)
        .map_err(|cause| SightError::Model { path: path.clone(), cause })
}

fn text(path: &PathBuf) -> Result<String, SightError> {
    fs::read_to_string(path).map_err(|cause| SightError::Read { path: path.clone(), cause })
}

/// The time of day, as captures tell it.
pub(crate) fn now() -> Moment {
    Moment(Clock::system().now_ms().saturating_mul(1_000_000))
}

fn tell(path: &std::path::Path, loaded: &Loaded) {
    let name = path.display();
    tracing::info!("loaded {} entries of `{name}`; {} are wrong", loaded.taken, loaded.wrong);
    if loaded.not_for_detection > 0 {
        let left = loaded.not_for_detection;
        tracing::info!("{left} of `{name}` are hashes of files, or not for detection");
    }
    for wrong in loaded.told.iter().take(5) {
        tracing::warn!("`{name}`, line {}: {}", wrong.line, wrong.why);
    }
}
