//! How large items are, as DynamoDB counts.

use serde_json::Value;

use crate::model::items::{StoredItem, typed};

/// A page ends here.
pub(crate) const PAGE: usize = 1 << 20;

pub(crate) fn of_item(item: &StoredItem) -> usize {
    item.iter().map(|(name, value)| name.len() + of_value(value)).sum()
}

fn of_value(value: &Value) -> usize {
    match typed(value) {
        Some(("S", text)) => text.as_str().map_or(0, str::len),
        Some(("B", text)) => text.as_str().map_or(0, |text| text.len() / 4 * 3),
        Some(("N", text)) => text.as_str().map_or(0, |text| text.len().div_ceil(2) + 1),
        Some(("BOOL" | "NULL", _)) => 1,
        Some(("L", list)) => {
            3 + list.as_array().into_iter().flatten().map(|v| 1 + of_value(v)).sum::<usize>()
        }
        Some(("M", map)) => 3 + map.as_object().map_or(0, |map| map.len() + of_item(map)),
        Some((_, set)) => {
            set.as_array().into_iter().flatten().map(|v| v.as_str().map_or(0, str::len)).sum()
        }
        None => 0,
    }
}

/// Read units of so many bytes: half as many where the read need not be consistent.
pub(crate) fn read_units(bytes: usize, consistent: bool) -> f64 {
    let blocks = bytes.div_ceil(4096).max(1) as f64;
    if consistent { blocks } else { blocks / 2.0 }
}
