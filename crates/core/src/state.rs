//! The state file as a value.
