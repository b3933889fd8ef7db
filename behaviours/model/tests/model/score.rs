//! The engines agree with each other, and with what ONNX Runtime was seen to say.

use std::collections::BTreeMap;

use model::{
    COUNT, NAMES, Row,
    explain::{NAMED, Unit, explain},
    onnx,
    score::{Native, Runtime, ScoreError, Scorer},
};

const MODELS: [(&str, &[u8]); 7] = [
    ("boosted", include_bytes!("models/boosted.onnx")),
    ("forest", include_bytes!("models/forest.onnx")),
    ("logistic", include_bytes!("models/logistic.onnx")),
    ("gradient", include_bytes!("models/gradient.onnx")),
    ("network", include_bytes!("models/network.onnx")),
    ("mean", include_bytes!("models/mean.onnx")),
    ("normal", include_bytes!("models/normal.onnx")),
];
/// What ONNX Runtime 1.31.1 says of [`rows`], for each model.
const EXPECTED: &str = include_str!("models/expected.json");

/// Numbers from -2 to 2 without any order in them.
fn rows(count: u64) -> Vec<Row> {
    let width = u64::try_from(COUNT).unwrap();
    let number = |at: u64| {
        let mixed = u32::try_from(at.wrapping_mul(2_654_435_761) % (1 << 32)).unwrap();
        (f64::from(mixed) / 4_294_967_296.0 * 4.0 - 2.0).to_string().parse::<f32>().unwrap()
    };
    let row = |row: u64| std::array::from_fn(|at| number(row * width + u64::try_from(at).unwrap()));
    (0..count).map(row).collect()
}

fn native(bytes: &[u8]) -> Result<Native, ScoreError> {
    Native::new(&onnx::read(bytes).unwrap())
}

fn ask(scorer: &mut dyn Scorer, rows: &[Row]) -> Vec<f32> {
    let mut said = Vec::new();
    scorer.score(rows, &mut said).unwrap();
    said
}

fn apart(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
}

#[test]
fn our_engine_says_what_onnx_runtime_said() {
    let expected: BTreeMap<String, Vec<f32>> = serde_json::from_str(EXPECTED).unwrap();
    for (name, bytes) in MODELS {
        let ours = ask(&mut native(bytes).unwrap(), &rows(64));
        let apart = apart(&ours, &expected[name]);
        assert!(apart < 1e-5, "{name}: {apart}");
        let spread =
            ours.iter().copied().fold(0.0, f32::max) - ours.iter().copied().fold(1.0, f32::min);
        assert!(spread > 0.01, "{name} tells nothing apart");
    }
}

#[test]
fn the_engines_agree_or_onnx_runtime_says_that_it_is_not_there() {
    let rows = rows(3_000);
    for (name, bytes) in MODELS {
        match Runtime::new(bytes) {
            Ok(mut theirs) => {
                let theirs = ask(&mut theirs, &rows);
                let apart = apart(&ask(&mut native(bytes).unwrap(), &rows), &theirs);
                assert!(apart < 1e-5, "{name}: {apart}");
            }
            Err(ScoreError::NoRuntime(why)) => assert!(why.contains("onnxruntime"), "{why}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn nothing_to_score_is_no_score() {
    assert_eq!(ask(&mut native(MODELS[0].1).unwrap(), &[]), Vec::<f32>::new());
}

#[test]
fn an_operation_that_is_not_known_is_named() {
    let error = native(include_bytes!("models/unknown.onnx")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model has the operation `Sin`, which only ONNX Runtime knows (`make setup`)"
    );
}

#[test]
fn a_model_of_other_features_is_refused() {
    let error = native(include_bytes!("models/narrow.onnx")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model wants `float[?, 9]`; it would have to want one `float[N, 79]`"
    );
}

#[test]
fn what_moved_a_score_adds_up_to_it() {
    for name in ["boosted", "forest", "gradient"] {
        let bytes = MODELS.iter().find(|it| it.0 == name).unwrap().1;
        let mut model = native(bytes).unwrap();
        let rows = rows(200);
        let scores = ask(&mut model, &rows);
        for (row, score) in rows.iter().zip(scores) {
            let attribution = model.attribute(row).unwrap();
            let sum = attribution.base + attribution.amounts.iter().sum::<f64>();
            let said = if name == "forest" { sum } else { 1.0 / (1.0 + (-sum).exp()) };
            assert!((said - f64::from(score)).abs() < 1e-5, "{name}: {said} {score}");
        }
    }
}

#[test]
fn a_linear_model_has_no_questions_to_explain_by() {
    let model = native(MODELS[2].1).unwrap();
    assert!(model.attribute(&[0.0; COUNT]).is_none());
}

#[test]
fn a_model_that_ends_early_is_refused_wherever_it_ends() {
    let whole = MODELS[5].1;
    for end in 1..whole.len() {
        let Ok(onnx) = onnx::read(&whole[..end]) else { continue };
        // What ends between two parts may read as a model; then something is missing in it.
        drop(Native::new(&onnx));
    }
}

#[test]
fn an_explanation_names_what_matters_and_adds_up() {
    for name in ["boosted", "logistic", "mean", "network"] {
        let bytes = MODELS.iter().find(|it| it.0 == name).unwrap().1;
        let mut model = native(bytes).unwrap();
        for row in rows(20) {
            let score = f64::from(ask(&mut model, &[row])[0]);
            let told = explain(&mut model, &row, &[0.1; COUNT]).unwrap();
            let sum = told.base + told.rest + told.reasons.iter().map(|it| it.amount).sum::<f64>();
            let said = match told.unit {
                Unit::Sum => 1.0 / (1.0 + (-sum).exp()),
                Unit::Probability => sum,
            };
            assert!((said - score).abs() < 1e-5, "{name}: {said} {score}");
            assert!(told.reasons.len() <= NAMED && !told.reasons.is_empty());
            assert!(told.reasons.is_sorted_by(|one, other| one.amount.abs() >= other.amount.abs()));
            for reason in &told.reasons {
                let at = NAMES.iter().position(|it| it.name == reason.feature).unwrap();
                assert!((row[at] - reason.value).abs() < f32::EPSILON);
            }
        }
    }
}

#[test]
fn a_model_of_one_feature_is_explained_by_that_feature() {
    /// Says what the 71st number is.
    #[derive(Debug)]
    struct One;
    impl Scorer for One {
        fn engine(&self) -> &'static str {
            "one"
        }
        fn score(&mut self, rows: &[Row], scores: &mut Vec<f32>) -> Result<(), ScoreError> {
            scores.extend(rows.iter().map(|it| it[70]));
            Ok(())
        }
    }
    let mut row = [3.0; COUNT];
    row[70] = 0.75;
    let mut usual = [1.0; COUNT];
    usual[70] = 0.25;
    let told = explain(&mut One, &row, &usual).unwrap();
    assert_eq!((told.reasons.len(), told.reasons[0].feature), (1, NAMES[70].name));
    assert!((told.reasons[0].amount - 0.5).abs() < 1e-9 && (told.base - 0.25).abs() < 1e-9);
}
