//! How the values of options are read: each returns what is wrong with a value, for clap
//! to tell.

use std::time::Duration;

/// No wait is longer than a year.
const MAX_SPAN: Duration = Duration::from_secs(365 * 86_400);

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 =
        text.trim().parse().map_err(|_| format!("{text:?} is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|d| *d <= MAX_SPAN)
        .ok_or_else(|| "it has to be from 0 to 365 days".to_owned())
}

/// The name of a region, such as `eu-west-1`.
pub(super) fn region(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if text.is_empty() || text.starts_with('-') || !text.chars().all(legal) {
        return Err("a region is named like eu-west-1".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn region_endpoint(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or_else(|| "it has to be REGION=URL".to_owned())?;
    Ok((region(name)?, url.to_owned()))
}

/// More than nothing, and no more than everything.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let percent = number(text.trim().trim_end_matches('%').trim_end())?;
    let fits = (0.0001..=100.0).contains(&percent);
    fits.then_some(percent).ok_or_else(|| "it has to be from 0.0001 to 100".to_owned())
}

pub(super) fn rcu(text: &str) -> Result<f64, String> {
    let units = number(text.trim())?;
    let fits = (0.5..=1e9).contains(&units);
    fits.then_some(units).ok_or_else(|| "it has to be from 0.5 on".to_owned())
}

pub(super) fn price(text: &str) -> Result<f64, String> {
    let price = number(text.trim())?;
    let fits = (0.0..=1e9).contains(&price);
    fits.then_some(price).ok_or_else(|| "it has to be 0 or more".to_owned())
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

pub(super) fn local_seconds(text: &str) -> Result<f64, String> {
    seconds(text).map(|d| d.as_secs_f64())
}

/// A time such as `90`, `90s`, `30m` or `2h`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let unit = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(format!("{text:?} is not a time: write it as 90s, 30m, 2h or 1d")),
    };
    let number: f64 = number
        .trim()
        .parse()
        .map_err(|_| format!("{text:?} is not a time: write it as 90s, 30m, 2h or 1d"))?;
    seconds(&(number * unit).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_bounds() {
        assert_eq!(span("90"), Ok(Duration::from_secs(90)));
        assert_eq!(span("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(span("2h"), Ok(Duration::from_secs(7_200)));
        for bad in ["", "m", "5 parsecs", "-1s", "nan", "inf", "1e300h"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
