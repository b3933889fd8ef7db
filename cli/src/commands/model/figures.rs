//! How well attacks are told from the rest: area under the curve, and the share detected at few false
//! alarms. The benign conversations of all files count together.

use serde::Serialize;

/// One conversation whose label is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    pub(super) malicious: bool,
    pub(super) score: f32,
    pub(super) detected: bool,
}

/// Those of one file.
#[derive(Debug)]
pub(super) struct Group {
    name: String,
    judged: Vec<Judged>,
}

impl Group {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), judged: Vec::new() }
    }

    pub(super) fn add(&mut self, judged: Judged) {
        self.judged.push(judged);
    }

    fn of(&self, malicious: bool) -> impl Iterator<Item = &Judged> {
        self.judged.iter().filter(move |it| it.malicious == malicious)
    }
}

/// The figures of one file, or of all.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    name: String,
    malicious: usize,
    benign: usize,
    /// Area under the receiver operating characteristic, against all benign conversations.
    auc: Option<f64>,
    /// The share that the model detects while 0.1 % of all benign conversations are called attacks.
    at_one_in_thousand: Option<f64>,
    /// The same at 1 %.
    at_one_in_hundred: Option<f64>,
    /// The share that detectors cover.
    detectors: Option<f64>,
    /// The share that either finds, the model at 0.1 %.
    either: Option<f64>,
    /// The share of this file's benign conversations that either calls an attack.
    false_alarms: Option<f64>,
}

/// Figures of each file, then the mean of those that have attacks, then of all conversations. `None`
/// where one of the two labels is missing.
pub(super) fn all(groups: &[Group]) -> Option<Vec<Figures>> {
    let mut benign: Vec<f32> = scores(groups, false);
    benign.sort_by(f32::total_cmp);
    if benign.is_empty() || groups.iter().all(|group| group.of(true).next().is_none()) {
        return None;
    }
    let strict = quantile(&benign, 0.999);
    let plain = quantile(&benign, 0.99);
    let mut figures: Vec<Figures> = groups
        .iter()
        .map(|group| one(&group.name, &group.judged, &benign, strict, plain))
        .collect();
    let mean = |of: fn(&Figures) -> Option<f64>| {
        let values: Vec<f64> =
            figures.iter().filter(|it| it.malicious > 0).filter_map(of).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / real(values.len()))
    };
    let each = Figures {
        name: "mean of files".to_owned(),
        malicious: figures.iter().map(|it| it.malicious).sum(),
        benign: benign.len(),
        auc: mean(|it| it.auc),
        at_one_in_thousand: mean(|it| it.at_one_in_thousand),
        at_one_in_hundred: mean(|it| it.at_one_in_hundred),
        detectors: mean(|it| it.detectors),
        either: mean(|it| it.either),
        false_alarms: None,
    };
    let judged: Vec<Judged> =
        groups.iter().flat_map(|group| group.judged.iter().copied()).collect();
    let together = one("all conversations", &judged, &benign, strict, plain);
    figures.extend([each, together]);
    Some(figures)
}

fn scores(groups: &[Group], malicious: bool) -> Vec<f32> {
    groups.iter().flat_map(|group| group.of(malicious).map(|it| it.score)).collect()
}

fn one(name: &str, judged: &[Judged], benign: &[f32], strict: f32, plain: f32) -> Figures {
    let (bad, good): (Vec<Judged>, Vec<Judged>) = judged.iter().partition(|it| it.malicious);
    let part = |of: &[Judged], is: &dyn Fn(&Judged) -> bool| {
        (!of.is_empty()).then(|| real(of.iter().filter(|it| is(it)).count()) / real(of.len()))
    };
    Figures {
        name: name.to_owned(),
        malicious: bad.len(),
        benign: good.len(),
        auc: auc(&bad, benign),
        at_one_in_thousand: part(&bad, &|it| it.score > strict),
        at_one_in_hundred: part(&bad, &|it| it.score > plain),
        detectors: part(&bad, &|it| it.detected),
        either: part(&bad, &|it| it.detected || it.score > strict),
        false_alarms: part(&good, &|it| it.detected || it.score > strict),
    }
}

/// How often an attack scores higher than a benign conversation; the same score counts half.
fn auc(bad: &[Judged], benign: &[f32]) -> Option<f64> {
    if bad.is_empty() {
        return None;
    }
    let won: f64 = bad
        .iter()
        .map(|it| {
            let below = benign.partition_point(|score| *score < it.score);
            let same = benign.partition_point(|score| *score <= it.score) - below;
            real(below) + real(same) / 2.0
        })
        .sum();
    Some(won / real(bad.len()) / real(benign.len()))
}

/// The score that so large a share is at or below.
fn quantile(sorted: &[f32], share: f64) -> f32 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let place = (real(sorted.len()) * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(1.0)
}

fn real(count: usize) -> f64 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a count")]
    let number = count as f64;
    number
}

/// The figures as a person reads them.
pub(super) fn table(figures: &[Figures]) -> String {
    let mut lines = vec![format!(
        "{:<24} {:>9} {:>9}  {:>6} {:>6} {:>6} {:>9} {:>6} {:>8}",
        "file", "malicious", "benign", "AUC", "@0.1%", "@1%", "detectors", "either", "false"
    )];
    let number = |value: Option<f64>, width: usize| {
        value.map_or_else(|| format!("{:>width$}", "-"), |value| format!("{value:>width$.3}"))
    };
    for it in figures {
        lines.push(format!(
            "{:<24} {:>9} {:>9}  {} {} {} {} {} {}",
            it.name,
            it.malicious,
            it.benign,
            number(it.auc, 6),
            number(it.at_one_in_thousand, 6),
            number(it.at_one_in_hundred, 6),
            number(it.detectors, 9),
            number(it.either, 6),
            it.false_alarms
                .map_or_else(|| format!("{:>8}", "-"), |it| format!("{:>7.3}%", it * 100.0)),
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, judged: &[(bool, f32, bool)]) -> Group {
        let mut group = Group::new(name);
        for (malicious, score, detected) in judged {
            group.add(Judged { malicious: *malicious, score: *score, detected: *detected });
        }
        group
    }

    #[test]
    fn figures_are_those_that_can_be_reckoned_by_hand() {
        let groups = [
            group("bad", &[(true, 0.9, false), (true, 0.5, true), (true, 0.1, false)]),
            group("good", &[(false, 0.5, false), (false, 0.2, false)]),
        ];
        let figures = all(&groups).unwrap();
        // 0.9 wins twice, 0.5 once and a half, 0.1 never.
        assert_eq!(figures[0].auc, Some(3.5 / 6.0));
        assert_eq!(figures[0].at_one_in_thousand, Some(1.0 / 3.0));
        assert_eq!((figures[0].detectors, figures[0].either), (Some(1.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!(figures[1].false_alarms, Some(0.0));
        assert!(all(&groups[..1]).is_none());
    }
}
