//! What the fuzz targets share: the properties that `crates/core/tests` holds for
//! drawn values, here held for any bytes.

#[path = "../../crates/core/tests/properties/checks.rs"]
pub mod checks;
#[path = "../../crates/core/tests/properties/forms.rs"]
pub mod forms;
