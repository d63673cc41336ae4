//! What the test programs share: directories with the built binary in them, a
//! server to call, and a proxy between.

#[path = "../../../driver/tests/support/dynamodb_local.rs"]
pub(crate) mod dynamodb_local;
#[path = "../../../driver/tests/support/http.rs"]
pub(crate) mod http;
#[path = "../../../driver/tests/support/skipped.rs"]
pub(crate) mod skipped;

pub(crate) mod fault;
pub(crate) mod proxy;
pub(crate) mod service;
pub(crate) mod wire;
pub(crate) mod world;
