//! Counts as numbers, and what a series of numbers says.

/// A count as a number.
pub(crate) fn number(count: usize) -> f64 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let number = count as f64;
    number
}

/// A long count as a number.
pub(crate) fn long(count: u64) -> f64 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let number = count as f64;
    number
}

/// A part of a whole; 0 of nothing.
pub(crate) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Deviation over mean; `None` below two values or without a mean.
pub(crate) fn variation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / number(values.len());
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    let deviation = (squares / number(values.len() - 1)).sqrt();
    (mean > 0.0).then(|| deviation / mean)
}

/// The value at `part` (0 to 1) of a sorted series, between two by their distance.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = part.clamp(0.0, 1.0) * number(last);
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the length"
    )]
    let below = place.floor() as usize;
    let low = sorted.get(below).copied().unwrap_or(0.0);
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    low + (high - low) * (place - place.floor())
}

/// How regular a series is, from 0 to 1, as RITA scores it (`analysis/beacons.go`): the mean of
/// one minus Bowley's skew, and of one minus the median distance from the median over the median.
pub(crate) fn regularity(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, middle, high) =
        (quantile(&sorted, 0.25), quantile(&sorted, 0.5), quantile(&sorted, 0.75));
    let skew = if high - low > 1e-9 && (middle - low).abs() > 1e-9 && (high - middle).abs() > 1e-9 {
        (low + high - 2.0 * middle) / (high - low)
    } else {
        0.0
    };
    let mut distances: Vec<f64> = sorted.iter().map(|value| (value - middle).abs()).collect();
    distances.sort_by(f64::total_cmp);
    let distance = quantile(&distances, 0.5);
    let steady = if middle > 0.0 { (1.0 - distance / middle).max(0.0) } else { 1.0 };
    f64::midpoint(1.0 - skew.abs(), steady)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_regular_and_dice_are_not() {
        assert!((regularity(&[60.0; 20]) - 1.0).abs() < 1e-9);
        let uneven = [1.0, 2.0, 300.0, 5.0, 900.0, 1.0, 40.0, 2000.0, 3.0, 70.0];
        assert!(regularity(&uneven) < 0.5, "{}", regularity(&uneven));
        assert!(variation(&[60.0; 20]).unwrap() < 1e-9);
        assert!(variation(&uneven).unwrap() > 1.0);
        assert_eq!(variation(&[1.0]), None);
    }

    #[test]
    fn quantiles_lie_between_values() {
        assert!((quantile(&[1.0, 2.0, 3.0, 4.0], 0.5) - 2.5).abs() < 1e-9);
        assert!(quantile(&[], 0.5).abs() < 1e-9);
    }
}
