//! The built program, killed and hindered in every way, time and again; and what
//! it left behind, held against the log of its calls.
//!
//! `kills` ends it at random instants, `chaos` puts faults between it and Amazon
//! DynamoDB Local, `starts` begins it many times at once, `fights` lets two directories
//! want the opposite of the same tables. A disk that is full, a
//! directory that is read-only, and a state that is touched under a run are in
//! `cli/lock.rs`; the second signal and a closed terminal in `cli/signals.rs`.
//!
//! ```sh
//! GSICTL_KILLS=300 cargo test -p gsictl --test reliability kill -- --nocapture
//! GSICTL_CHAOS_SEEDS=0..60 cargo test -p gsictl --test reliability chaos -- --nocapture
//! GSICTL_FIGHT_ROUNDS=200 cargo test -p gsictl --test reliability fights -- --nocapture
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says where; what is skipped is said"
)]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the other test program uses the rest")]
mod support;

use support::skipped;

mod aftermath;
mod chaos;
mod fights;
mod kills;
mod starts;

use std::sync::atomic::{AtomicUsize, Ordering};

/// Lives that run side by side: they wait more than they work.
const AT_ONCE: usize = 8;

/// Says which seed it was where a test fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was seed {}", self.0);
        }
    }
}

/// Does all of `cases`, some at once, in their order.
fn some_at_once<C: Sync, T: Send>(cases: &[C], test: impl Fn(&C) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let workers: Vec<_> = (0..AT_ONCE.min(cases.len())).collect();
    let work = |_: &usize| {
        let mut done = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
            done.push(test(case));
        }
        done
    };
    support::world::side_by_side(&workers, work).into_iter().flatten().collect()
}
