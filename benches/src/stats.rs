//! Medians, quantiles and ratios.

/// The value below which a share `q` (0 to 1) of the values lies, by linear interpolation.
///
/// `NaN` for no values.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (place.floor(), place.ceil());
    let (below, above) = (sorted[low as usize], sorted[high as usize]);
    below + (above - below) * (place - low)
}

/// The middle value.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// A figure with its spread over the rounds of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle value.
    pub median: f64,
    /// The smallest value.
    pub least: f64,
    /// The largest value.
    pub most: f64,
}

impl Spread {
    /// Of all values; `None` for none, or when one is no number.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let good = !values.is_empty() && values.iter().all(|value| value.is_finite());
        good.then(|| Self {
            median: median(values),
            least: quantile(values, 0.0),
            most: quantile(values, 1.0),
        })
    }

    /// Of `above[i] / below[i]`: what is compared ran in the same round.
    #[must_use]
    pub fn of_ratios(above: &[f64], below: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> = above.iter().zip(below).map(|(a, b)| a / b).collect();
        Self::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_and_need_no_order() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(median(&values), 2.5);
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 1.0), 4.0);
        assert!((quantile(&values, 0.9) - 3.7).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let spread = Spread::of_ratios(&[2.0, 20.0, 3.0], &[1.0, 10.0, 1.0]).unwrap();
        assert_eq!((spread.least, spread.median, spread.most), (2.0, 2.0, 3.0));
        assert_eq!(Spread::of_ratios(&[1.0], &[0.0]), None);
        assert_eq!(Spread::of(&[]), None);
    }
}
