//! A model's card is read, and one that does not fit is refused.

use model::{
    COUNT,
    card::{Card, Histogram, NOTE, Thresholds},
    hash,
    onnx::Onnx,
};

fn card() -> Card {
    let histogram = Histogram {
        edges: vec![0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        shares: vec![0.1; 10],
    };
    Card {
        name: "mixed".into(),
        version: "1".into(),
        created: "2026-11-24T22:00:00Z".into(),
        features: hash(),
        thresholds: Thresholds { attack: 0.9, suspect: 0.5 },
        benign: [("0.999".to_owned(), 0.9)].into(),
        medians: vec![0.5; COUNT],
        histograms: vec![histogram; COUNT],
        ..Card::default()
    }
}

fn refused(change: impl Fn(&mut Card)) -> String {
    let mut card = card();
    change(&mut card);
    Card::read(&serde_json::to_string(&card).unwrap()).unwrap_err().to_string()
}

#[test]
fn a_card_is_read_as_it_was_written_beside_a_model_or_in_it() {
    let json = serde_json::to_string(&card()).unwrap();
    assert_eq!(Card::read(&json).unwrap(), card());
    let mut onnx = Onnx::default();
    assert_eq!(Card::within(&onnx).unwrap(), None);
    onnx.metadata.insert(NOTE.into(), json);
    assert_eq!(Card::within(&onnx).unwrap(), Some(card()));
}

#[test]
fn a_model_of_other_features_is_refused_with_what_would_have_been_right() {
    let error = refused(|card| card.features = "abc".into());
    assert!(error.contains("its card says `abc`") && error.contains(&hash()), "{error}");
}

#[test]
fn what_cannot_be_in_a_card_is_refused() {
    type Change = fn(&mut Card);
    let table: [(&str, Change); 6] = [
        ("0 < suspect", |card| card.thresholds.suspect = 0.95),
        ("0 < suspect", |card| card.thresholds.attack = f32::NAN),
        ("78 medians", |card| card.medians.truncate(78)),
        ("1 histograms", |card| card.histograms.truncate(1)),
        ("odd histogram of `proto_udp`", |card| card.histograms[1].edges.reverse()),
        ("benign score", |card| card.benign.extend([("most".to_owned(), 0.5)])),
    ];
    for (wanted, change) in table {
        let error = refused(change);
        // What is no number is written as null, which is no number either.
        let unread = error == "the model's card cannot be read";
        assert!(error.contains(wanted) || unread, "{wanted}: {error}");
    }
    assert!(Card::read("{}").is_err());
}

#[test]
fn a_model_without_a_card_has_thresholds_all_the_same() {
    let card = Card::unknown("mine");
    assert_eq!((card.thresholds, card.features), (Thresholds::default(), hash()));
}
