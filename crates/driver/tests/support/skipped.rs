//! Tests that could not be made here. libtest knows no such end and swallows what a
//! passing test prints: it is told at the end of the test program, after libtest's result
//! and past its capture.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, Once, PoisonError};

/// Reasons, with the tests that had them.
static SKIPPED: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// The test that calls this cannot be made, and says what is missing and where it comes
/// from. It is counted once for a reason, however often it says so.
pub(crate) fn skipped(why: &str) {
    static AT_THE_END: Once = Once::new();
    AT_THE_END.call_once(|| assert!(shutdown_hooks::add_shutdown_hook(tell)));
    let mut skipped = SKIPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let tests = skipped.entry(why.to_owned()).or_default();
    // libtest names threads by their tests; with one thread there is but `main`.
    let test = std::thread::current().name().unwrap_or("main").to_owned();
    if test == "main" || !tests.contains(&test) {
        tests.push(test);
    }
}

#[expect(clippy::disallowed_methods, reason = "libtest takes what the macros print")]
extern "C" fn tell() {
    let skipped = SKIPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = std::io::stderr().write_all(summary(&skipped).as_bytes());
}

fn summary(skipped: &BTreeMap<String, Vec<String>>) -> String {
    let all: usize = skipped.values().map(Vec::len).sum();
    let mut text = format!("skipped: {all} of the tests above say ok and tested nothing:\n");
    for (why, tests) in skipped {
        let _ = writeln!(text, "  {} because {why}", tests.len());
    }
    text.push('\n');
    text
}

#[test]
fn the_end_of_a_test_program_says_how_many_were_skipped_and_what_brings_them() {
    let tests = |n: usize| (0..n).map(|n| format!("test {n}")).collect();
    let skipped = BTreeMap::from([
        ("there is no engine; run: scripts/engine fetch".to_owned(), tests(12)),
        ("there is no script of util-linux".to_owned(), tests(1)),
    ]);
    assert_eq!(
        summary(&skipped),
        "skipped: 13 of the tests above say ok and tested nothing:\n  \
         12 because there is no engine; run: scripts/engine fetch\n  \
         1 because there is no script of util-linux\n\n"
    );
}
