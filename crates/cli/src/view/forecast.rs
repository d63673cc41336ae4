//! What an index will hold and cost, for people.

use std::time::Duration;

use gsictl_core::check::{Capacity, Forecast};

use super::span;

/// `1.2 M items, 1.35 GB stored, 1.30 M write units, 9 m 1 s to 22 m 5 s on demand`.
pub(crate) fn line(forecast: &Forecast) -> String {
    let Forecast { items, write_units, seconds, capacity, .. } = forecast;
    let (least, most) = (time(seconds.0), time(seconds.1));
    let capacity = match capacity {
        Capacity::Provisioned { wcu } => format!("at {wcu} WCU"),
        Capacity::OnDemand { .. } => "on demand".to_owned(),
    };
    let mut text = format!(
        "{items} items, {} stored, {write_units} write units, {least} to {most} {capacity}",
        storage(forecast)
    );
    if forecast.bound_by_hot_key {
        text += " (it waits for its hottest key)";
    }
    if let Some(cost) = forecast.write_cost {
        text += &format!(", writes cost {cost}");
    }
    if let Some(cost) = forecast.storage_cost {
        text += &format!(", storage {cost} a month");
    }
    text
}

/// In the unit that reads best; AWS counts in powers of 1,024.
fn storage(forecast: &Forecast) -> String {
    let bytes = forecast.storage_bytes;
    let (size, unit) = match bytes.value {
        value if value >= 1_073_741_824.0 => (1_073_741_824.0, "GB"),
        value if value >= 1_048_576.0 => (1_048_576.0, "MB"),
        value if value >= 1_024.0 => (1_024.0, "KB"),
        _ => (1.0, "bytes"),
    };
    let scaled = bytes.scaled(1.0 / size);
    format!("{scaled} {unit}")
}

fn time(seconds: f64) -> String {
    span(Duration::try_from_secs_f64(seconds.round()).unwrap_or(Duration::MAX))
}
