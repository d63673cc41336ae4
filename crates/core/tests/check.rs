//! The check in virtual time, against a table service of its own: it holds items,
//! cuts them into segments and pages, and fails as it is told to.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, and this is compiled for tests alone"
)]

mod check {
    mod model;
    mod run;
    mod samples;
    mod service;

    mod budget;
    mod estimates;
    mod memory;
    mod outcomes;
    mod pages;
    mod resume;
    mod trouble;
    mod violations;
}
