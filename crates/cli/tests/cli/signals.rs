//! Once to stop, twice to leave; and a terminal that is closed. What a stop saves
//! is in `demo.rs`.

use std::io::{self, BufRead as _, BufReader, PipeReader, PipeWriter, Write as _};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::skipped::skipped;
use crate::world::{LOCK, STATE, World, airline, statuses, wait_for};

/// A run that cannot end by itself: nobody takes its last word.
struct Stuck {
    child: Child,
    progress: BufReader<ChildStderr>,
    _standard_output: PipeReader,
}

impl Stuck {
    fn start(world: &World, apply: &[&str]) -> Self {
        let (reader, writer) = full_pipe();
        let mut command = world.command(&[&SLOW[..], apply].concat());
        let mut child = command.stdout(writer).spawn().unwrap();
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

    fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its exit code, once it has ended.
    fn ends(mut self) -> Option<i32> {
        wait_for("its end", || !self.runs());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// On the embedded engine, with builds that outlast the test.
const SLOW: [&str; 3] = ["--local", "--local-build-seconds", "300"];

/// A pipe that is full to the last byte, and is kept so until nobody can read it any
/// more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    std::thread::spawn(move || while filler.write_all(b"x").is_ok() {});
    (reader, writer)
}

/// Signals a process, one after the other. It may be gone already.
fn signal(child: &Child, signals: &[&str]) {
    let kill = |signal: &&str| format!("kill -{signal} {}", child.id());
    let line = signals.iter().map(kill).collect::<Vec<_>>().join("; ");
    let _ = Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status();
}

#[test]
fn signals_that_come_together_are_one_request_and_one_after_the_answer_leaves_at_once() {
    let world = World::airline();
    let mut run = Stuck::start(&world, &["apply", "airline.yaml"]);
    run.until("Creating GSI: passengers.passenger-elite-tier-index");
    // It finds all of them when it goes on, however slow the machine is.
    signal(&run.child, &["STOP", "HUP", "TERM", "INT", "CONT"]);
    run.until("Interrupted by user!");
    assert!(run.runs(), "one request was taken for two");

    // However soon it comes.
    signal(&run.child, &["TERM"]);
    assert_eq!(run.ends(), Some(130));
    assert!(statuses(&world.state()).values().any(|status| status == "in_progress"));
    // It left nothing in the way of the next.
    world.local(&["apply", "airline.yaml", "--no-wait"]).exits(4);
}

/// Asked again and again. No more than one request is needed to save, and one to leave.
fn leaves_when_asked_again(mut child: Child, what: &str) {
    wait_for(what, || {
        signal(&child, &["TERM"]);
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().code(), Some(130), "{what}");
}

#[test]
fn a_run_whose_answer_nobody_reads_or_that_shows_none_leaves_when_it_is_asked_again() {
    let blocked = |err: bool, how: &[&str]| {
        let world = World::airline();
        let (reader, writer) = full_pipe();
        let mut command = world.command(&[&SLOW[..], &["apply", "airline.yaml"], how].concat());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if err {
            command.stderr(writer)
        } else {
            command.stdout(writer)
        };
        let child = command.spawn().unwrap();
        drop(command);
        // By then it listens.
        wait_for("its lock", || world.exists(LOCK));
        leaves_when_asked_again(child, &format!("the end of apply {how:?}"));
        drop(reader);
    };
    blocked(false, &["--quiet"]);
    blocked(false, &["--output", "json"]);
    blocked(true, &[]);
}

#[test]
fn a_closed_terminal_saves_the_state_and_the_next_run_finishes() {
    let world = World::airline();
    let apply = "gsictl --local --local-build-seconds 5 apply airline.yaml";
    // The shell of the terminal dies of it, and with that the others are told.
    let line = format!("(trap : HUP; {apply}; echo $? >code.tmp; mv code.tmp code); true");
    let Some(mut terminal) = world.in_terminal(&line) else {
        return skipped("there is no `script` of util-linux; install util-linux");
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
