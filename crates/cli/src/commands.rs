//! One file a command.

pub(crate) mod apply;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod export;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod rollback;
pub(crate) mod schema;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod validate;
pub(crate) mod wait;
