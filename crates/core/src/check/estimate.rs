//! Figures of a whole from a part of it, with how far they may be off.
//!
//! Items are read in clusters (pages, segments), and those of a cluster are alike
//! more often than chance has it, so that the spread between clusters counts, not
//! that between items (Cochran, Sampling Techniques, chapters 6 and 9).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A figure, and how far the truth may be from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The best guess.
    pub value: f64,
    /// Half of the interval that holds the truth 95 times out of 100; 0 where all
    /// was read, `None` where too little was read to tell.
    pub margin: Option<f64>,
}

impl Estimate {
    /// A figure that was counted.
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self { value, margin: Some(0.0) }
    }

    /// Whether it was counted, not estimated.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.margin == Some(0.0)
    }

    /// The product of two figures that have nothing to do with each other.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        let margin = self
            .margin
            .zip(other.margin)
            .map(|(one, two)| (one * other.value).hypot(two * self.value));
        Self { value: self.value * other.value, margin }
    }

    /// The figure in another unit.
    #[must_use]
    pub fn scaled(self, by: f64) -> Self {
        Self { value: self.value * by, margin: self.margin.map(|margin| margin * by.abs()) }
    }

    /// With something added that is known.
    #[must_use]
    pub fn plus(self, known: Self) -> Self {
        let margin = self.margin.zip(known.margin).map(|(one, two)| one + two);
        Self { value: self.value + known.value, margin }
    }

    /// The margin as a share of the value; `None` where it cannot be told.
    #[must_use]
    pub fn relative(&self) -> Option<f64> {
        let margin = self.margin?;
        if margin == 0.0 { Some(0.0) } else { (self.value > 0.0).then(|| margin / self.value) }
    }
}

/// `200`, `about 1.20 M (+/- 3.0 %)`, `about 1.20 M (error unknown)`.
impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}

impl Estimate {
    /// The same with a noun or a unit behind the figure.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, noun: &str) -> fmt::Result {
        let value = short(self.value);
        match self.relative() {
            Some(0.0) => write!(f, "{value}{noun}"),
            Some(share) => write!(f, "about {value}{noun} (+/- {:.1} %)", share * 100.0),
            None => write!(f, "about {value}{noun} (error unknown)"),
        }
    }
}

/// Digits that count: `0`, `1234`, `1.23 M`, `0.05`, `< 0.01`.
fn short(value: f64) -> String {
    const UNITS: [(f64, f64, &str); 4] =
        [(1e12, 1e12, " T"), (1e9, 1e9, " G"), (1e6, 1e6, " M"), (1e4, 1e3, " k")];
    for (from, unit, name) in UNITS {
        if value >= from {
            return format!("{:.2}{name}", value / unit);
        }
    }
    match value {
        value if value == value.trunc() => format!("{value}"),
        value if value < 0.01 => "< 0.01".to_owned(),
        value if value >= 100.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

/// Something that items of clusters have: so much each, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ratio {
    clusters: u64,
    items: f64,
    amount: f64,
    items_squared: f64,
    amount_squared: f64,
    product: f64,
}

impl Ratio {
    /// A cluster of `items` that have `amount` together. One without items tells
    /// nothing.
    pub(super) fn add(&mut self, items: u64, amount: f64) {
        if items == 0 {
            return;
        }
        let items = items as f64;
        self.clusters += 1;
        self.items += items;
        self.amount += amount;
        self.items_squared += items * items;
        self.amount_squared += amount * amount;
        self.product += items * amount;
    }

    /// The amount an item, where `all` items were to be read. `None` where none was.
    pub(super) fn of(&self, all: f64) -> Option<Estimate> {
        if self.clusters == 0 {
            return None;
        }
        let value = self.amount / self.items;
        if self.items >= all {
            return Some(Estimate::exact(value));
        }
        let clusters = self.clusters as f64;
        let residual =
            self.amount_squared - 2.0 * value * self.product + value * value * self.items_squared;
        let variance = (residual.max(0.0) / (clusters - 1.0)) / clusters;
        let mean_items = self.items / clusters;
        let margin = t_quantile(self.clusters - 1).map(|t| t * variance.sqrt() / mean_items);
        Some(Estimate { value, margin })
    }
}

/// Where none was met there are up to so many, 95 times out of 100, in as much as was
/// read (the rule of three).
pub(super) const NONE_OF_MANY: f64 = 3.0;

/// The total over `all` clusters of which these were read, drawn by lot.
pub(super) fn total(read: &[u64], all: u64) -> Estimate {
    let count = read.len() as f64;
    let sum: f64 = read.iter().map(|n| *n as f64).sum();
    if read.len() as u64 >= all {
        return Estimate::exact(sum);
    }
    if read.is_empty() {
        return Estimate { value: 0.0, margin: None };
    }
    let mean = sum / count;
    let all = all as f64;
    if sum == 0.0 {
        return Estimate { value: 0.0, margin: Some(NONE_OF_MANY * all / count) };
    }
    let squares: f64 = read.iter().map(|n| (*n as f64 - mean).powi(2)).sum();
    // Few of them may be alike by chance; as much as chance spreads them is certain.
    let spread = (squares / (count - 1.0)).max(mean);
    let variance = spread / count * (1.0 - count / all);
    let margin = t_quantile(read.len() as u64 - 1).map(|t| t * variance.sqrt() * all);
    Estimate { value: mean * all, margin }
}

/// Student's t for 95 of 100, both sides, by degrees of freedom.
fn t_quantile(freedom: u64) -> Option<f64> {
    const SMALL: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    let at = usize::try_from(freedom.checked_sub(1)?).ok()?;
    Some(SMALL.get(at).copied().unwrap_or(1.96))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_whole_is_exact() {
        let mut ratio = Ratio::default();
        ratio.add(10, 100.0);
        ratio.add(5, 20.0);
        ratio.add(0, 7.0);
        assert_eq!(ratio.of(15.0), Some(Estimate::exact(8.0)));
        assert_eq!(total(&[3, 4, 5], 3), Estimate::exact(12.0));
        assert_eq!(Ratio::default().of(0.0), None);
    }

    #[test]
    fn one_cluster_tells_no_error() {
        let mut ratio = Ratio::default();
        ratio.add(10, 100.0);
        assert_eq!(ratio.of(1_000.0), Some(Estimate { value: 10.0, margin: None }));
        assert_eq!(total(&[7], 10), Estimate { value: 70.0, margin: None });
    }

    #[test]
    fn what_was_not_met_may_be_there_all_the_same() {
        assert_eq!(total(&[0; 10], 100), Estimate { value: 0.0, margin: Some(30.0) });
        assert_eq!(total(&[0; 10], 10), Estimate::exact(0.0));
        let alike = total(&[4; 10], 100);
        assert!(alike.margin.is_some_and(|margin| margin > 100.0), "{alike:?}");
    }

    /// Two hundred samples of a population: the truth is in about 95 % of the
    /// intervals, and the intervals are of use.
    #[test]
    fn the_margin_holds_what_it_says() {
        let mut random = fastrand::Rng::with_seed(3);
        let segments: Vec<u64> = (0..400).map(|_| random.u64(80..120)).collect();
        let truth: u64 = segments.iter().sum();
        let sizes: Vec<Vec<f64>> = segments
            .iter()
            .map(|n| {
                let base = random.f64() * 200.0;
                (0..*n).map(|_| 100.0 + base + random.f64() * 50.0).collect()
            })
            .collect();
        let mean = sizes.iter().flatten().sum::<f64>() / truth as f64;
        let (mut total_held, mut ratio_held, mut widest) = (0, 0, 0.0_f64);
        for _ in 0..200 {
            let mut order: Vec<usize> = (0..segments.len()).collect();
            random.shuffle(&mut order);
            let drawn = &order[..20];
            let read: Vec<u64> = drawn.iter().map(|n| segments[*n]).collect();
            let count = total(&read, segments.len() as u64);
            let mut ratio = Ratio::default();
            for n in drawn {
                ratio.add(segments[*n], sizes[*n].iter().sum());
            }
            let size = ratio.of(truth as f64).unwrap();
            let holds = |e: Estimate, truth: f64| (e.value - truth).abs() <= e.margin.unwrap();
            total_held += u32::from(holds(count, truth as f64));
            ratio_held += u32::from(holds(size, mean));
            widest = widest.max(count.relative().unwrap());
        }
        assert!((180..=199).contains(&total_held), "{total_held} of 200");
        assert!((180..=199).contains(&ratio_held), "{ratio_held} of 200");
        assert!(widest < 0.15, "{widest}");
    }

    #[test]
    fn margins_go_with_what_is_done_to_a_figure() {
        let one = Estimate { value: 10.0, margin: Some(3.0) };
        let two = Estimate { value: 2.0, margin: Some(0.4) };
        let product = one.times(two);
        assert_eq!(product.value, 20.0);
        assert!((product.margin.unwrap() - 6.0_f64.hypot(4.0)).abs() < 1e-9);
        assert_eq!(one.times(Estimate::exact(2.0)).margin, Some(6.0));
        assert_eq!(one.scaled(0.5), Estimate { value: 5.0, margin: Some(1.5) });
        assert_eq!(one.times(Estimate { value: 1.0, margin: None }).margin, None);
        assert_eq!(one.relative(), Some(0.3));
        assert_eq!(one.plus(two), Estimate { value: 12.0, margin: Some(3.4) });
    }

    #[test]
    fn figures_are_short_and_say_how_far_they_may_be_off() {
        let cases = [
            (Estimate::exact(0.0), "0"),
            (Estimate::exact(1_234.0), "1234"),
            (Estimate::exact(205.6), "206"),
            (Estimate::exact(0.004), "< 0.01"),
            (Estimate::exact(0.05), "0.05"),
            (Estimate::exact(12_345.0), "12.35 k"),
            (Estimate::exact(1_234_567.0), "1.23 M"),
            (Estimate { value: 2e9, margin: Some(1e8) }, "about 2.00 G (+/- 5.0 %)"),
            (Estimate { value: 7.5, margin: None }, "about 7.50 (error unknown)"),
        ];
        for (estimate, text) in cases {
            assert_eq!(estimate.to_string(), text);
        }
    }
}
