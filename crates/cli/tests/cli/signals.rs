//! Once to stop, twice to leave; and a terminal that is closed. What a stop saves
//! is in `demo.rs`.

use std::io::{self, BufRead as _, BufReader, PipeReader, Write as _};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use crate::world::{STATE, World, airline, skipped, statuses, wait_for};

/// A run that cannot end by itself: nobody takes its last word.
struct Stuck {
    child: Child,
    progress: BufReader<ChildStderr>,
    _standard_output: PipeReader,
}

impl Stuck {
    fn start(world: &World) -> Self {
        let (reader, mut writer) = io::pipe().unwrap();
        let args = ["--local", "--local-build-seconds", "30", "apply", "airline.yaml"];
        let mut command = world.command(&args);
        let mut child = command.stdout(writer.try_clone().unwrap()).spawn().unwrap();
        // Keeps the pipe full, to the last byte, until nobody can read it any more.
        std::thread::spawn(move || while writer.write_all(b"x").is_ok() {});
        let progress = BufReader::new(child.stderr.take().unwrap());
        Self { child, progress, _standard_output: reader }
    }

    fn until(&mut self, words: &str) {
        let mut seen = String::new();
        while !seen.contains(words) {
            let read = self.progress.read_line(&mut seen).unwrap();
            assert!(read > 0, "it ended without {words:?}: {seen}");
        }
    }

    /// One after the other, all well within the time of one request.
    fn signal(&self, signals: &[&str]) {
        let kill = |signal: &&str| format!("kill -{signal} {}", self.child.id());
        let line = signals.iter().map(kill).collect::<Vec<_>>().join("; sleep 0.03; ");
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn signals_that_come_together_are_one_request_and_a_later_one_leaves_at_once() {
    let world = World::airline();
    let mut run = Stuck::start(&world);
    run.until("Creating GSI: passengers.passenger-elite-tier-index");
    run.signal(&["HUP", "TERM", "INT", "HUP"]);
    run.until("Interrupted by user!");
    // Three times as long as signals count as one request.
    std::thread::sleep(Duration::from_millis(900));
    assert!(run.runs(), "one request was taken for two");

    run.signal(&["TERM"]);
    wait_for("its end", || !run.runs());
    assert_eq!(run.child.wait().unwrap().code(), Some(130));
    assert!(statuses(&world.state()).values().any(|status| status == "in_progress"));
    drop(run);
    // It left nothing in the way of the next.
    world.local(&["apply", "airline.yaml", "--no-wait"]).exits(4);
}

#[test]
fn a_closed_terminal_saves_the_state_and_the_next_run_finishes() {
    let world = World::airline();
    let apply = "gsictl --local --local-build-seconds 5 apply airline.yaml";
    // The shell of the terminal dies of it, and with that the others are told.
    let line = format!("(trap : HUP; {apply}; echo $? >code.tmp; mv code.tmp code); true");
    let Some(mut terminal) = world.in_terminal(&line) else {
        return skipped("there is no script of util-linux");
    };
    let mut terminal = terminal.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("five builds", || world.exists(STATE) && world.built().len() == 5);
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    wait_for("its end", || world.exists("code"));
    assert_eq!(world.read("code"), b"130\n");
    assert_eq!(world.state()["summary"]["in_progress"], 5);

    let next = world.local(&["apply", "airline.yaml", "--output", "json"]).exits(0);
    assert_eq!(next.indexes("accepted"), ["bookings.flight-status-index"], "{}", next.text());
    assert_eq!(world.all_indexes(), airline());
}
