#![no_main]

use gsictl_core::definition::Format;
use gsictl_fuzz::checks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| checks::definitions(Format::Toml, bytes));
