//! ONNX Runtime, by its library, which is looked for while running and need not be there.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use ort::{
    environment::Environment,
    session::{
        HasSelectedOutputs, OutputSelector, RunOptions, Session, builder::GraphOptimizationLevel,
    },
    value::TensorRef,
};

use super::{ScoreError, Scorer, check, last_column, output};
use crate::{COUNT, Row, onnx};

/// Its file's name on this system.
#[cfg(target_os = "macos")]
const FILE: &str = "libonnxruntime.dylib";
/// Its file's name on this system.
#[cfg(target_os = "windows")]
const FILE: &str = "onnxruntime.dll";
/// Its file's name on this system.
#[cfg(not(any(target_os = "macos", target_os = "windows")))]
const FILE: &str = "libonnxruntime.so";

/// So many rows are reckoned with at once.
const BATCH: usize = 1024;

/// Where the library is looked for, in this order: where the variable `ORT_DYLIB_PATH` says; beside
/// the program; in `.tools/onnxruntime` of a folder above it, where `make setup` puts it; where the
/// system has its libraries. The first that is there counts.
pub fn library() -> PathBuf {
    let told = env::var_os("ORT_DYLIB_PATH").map(PathBuf::from).filter(|it| it.is_file());
    let near = || {
        let program = env::current_exe().ok()?;
        let beside = program.parent().map(|it| it.join(FILE)).filter(|it| it.is_file());
        let above = |folder: &Path| folder.join(".tools/onnxruntime").join(FILE);
        beside.or_else(|| program.ancestors().map(above).find(|it| it.is_file()))
    };
    told.or_else(near).unwrap_or_else(|| PathBuf::from(FILE))
}

/// One environment a process.
static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();

fn environment() -> Result<&'static Environment, ScoreError> {
    let made = ENVIRONMENT.get_or_init(|| {
        let path = library();
        let loaded = ort::init_from(&path).map_err(|error| error.to_string())?;
        loaded.with_name("vedette").build().map_err(|error| error.to_string())
    });
    made.as_ref().map_err(|error| ScoreError::NoRuntime(error.clone()))
}

/// A model that ONNX Runtime reckons with, on one thread.
pub struct Runtime {
    session: Session,
    input: String,
    output: String,
    options: RunOptions<HasSelectedOutputs>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("output", &self.output).finish_non_exhaustive()
    }
}

impl Runtime {
    /// Makes a model ready. Where the library is not there it says so.
    pub fn new(bytes: &[u8]) -> Result<Self, ScoreError> {
        let onnx = onnx::read(bytes)?;
        let (input, output) = (check(&onnx)?, output(&onnx)?);
        let environment = environment()?;
        let session = || -> Result<Session, String> {
            Session::builder(environment)
                .map_err(text)?
                .with_intra_threads(1)
                .map_err(text)?
                .with_inter_threads(1)
                .map_err(text)?
                .with_optimization_level(GraphOptimizationLevel::All)
                .map_err(text)?
                .commit_from_memory(bytes)
                .map_err(text)
        };
        let session = session().map_err(ScoreError::Runtime)?;
        // Only the probabilities: of the class some exporters write a wrong shape, at which ONNX
        // Runtime warns each time.
        let selected = OutputSelector::no_default().with(&output);
        let options = RunOptions::new().map_err(|it| ScoreError::Runtime(text(it)))?;
        Ok(Self { session, input, output, options: options.with_outputs(selected) })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn text(error: impl ToString) -> String {
    error.to_string()
}

impl Scorer for Runtime {
    fn engine(&self) -> &'static str {
        "onnxruntime"
    }

    fn score(&mut self, rows: &[Row], scores: &mut Vec<f32>) -> Result<(), ScoreError> {
        for rows in rows.chunks(BATCH) {
            let mut run = || -> Result<Vec<f32>, String> {
                let tensor = TensorRef::from_array_view(([rows.len(), COUNT], rows.as_flattened()));
                let tensor = tensor.map_err(text)?;
                let inputs = ort::inputs![self.input.as_str() => tensor];
                let outputs = self.session.run_with_options(inputs, &self.options).map_err(text)?;
                let result = outputs.get(&self.output).ok_or("it gives no probabilities")?;
                let (_, values) = result.try_extract_tensor::<f32>().map_err(text)?;
                Ok(values.to_vec())
            };
            let values = run().map_err(ScoreError::Runtime)?;
            last_column(&values, rows.len(), scores)?;
        }
        Ok(())
    }
}
