//! What a terminal shows while indexes are built.

use std::collections::BTreeSet;

use crate::skipped::skipped;
use crate::world::{AIRLINE, COLUMNS, Running, World};

const APPLY: &str = "gsictl --local --local-build-seconds 1.5 apply airline.yaml";
/// Each phase of it is looked at, also by a machine that is busy.
const SLOWLY: &str = "gsictl --local --local-build-seconds 8 apply airline.yaml";

/// Runs a line in a terminal; `None` where that cannot be done here.
fn shown(world: &World, line: &str) -> Option<String> {
    let Some(command) = world.in_terminal(line) else {
        skipped("there is no `script` of util-linux; install util-linux");
        return None;
    };
    let done = Running::new(command, line.to_owned()).end().exits(0);
    Some(done.stdout)
}

#[test]
fn each_table_has_one_line_with_phase_and_time_that_is_drawn_again_and_again() {
    let world = World::airline();
    let Some(shown) = shown(&world, SLOWLY) else { return };
    let screen = Screen::after(&shown);
    for (table, index) in AIRLINE {
        for phase in ["allocating", "backfilling"] {
            let drawn = screen.lines_with(&[table, index, phase]);
            let timed = |line: &&String| line.ends_with(['s']);
            assert!(!drawn.is_empty() && drawn.iter().all(timed), "{table} {phase}: {drawn:?}");
        }
    }
    // One second went by on the same line, and the spinner turned.
    let turning = screen.lines_with(&["flights", "backfilling"]);
    assert!(turning.len() > 2, "{turning:?}");
    assert!(!screen.lines_with(&["bookings", "(next: flight-status-index)"]).is_empty());
    assert!(!screen.lines_with(&["5/6 indexes"]).is_empty(), "{:?}", screen.drawn);
    assert_eq!(screen.most_of("bookings"), 1, "two lines for one table");
}

#[test]
fn what_is_left_on_the_screen_is_what_came_of_it() {
    let world = World::airline();
    let Some(shown) = shown(&world, APPLY) else { return };
    let screen = Screen::after(&shown);
    let left = screen.text();
    for (table, index) in AIRLINE {
        assert!(left.contains(&format!("{table}.{index}: GSI created successfully")), "{left}");
    }
    assert!(left.contains("All GSIs created successfully!\n6 created, 0 already active"), "{left}");
    for of_the_run in ["indexes  ", "allocating", "backfilling", "(next:"] {
        assert!(!left.contains(of_the_run), "{left}");
    }
}

#[test]
fn without_a_terminal_there_is_nothing_but_plain_lines() {
    let plain = World::airline().local(&["apply", "airline.yaml"]).exits(0);
    plain.does_not_say("\u{1b}").does_not_say("\r");
    let world = World::airline();
    let Some(shown) = shown(&world, &format!("{APPLY} 2>progress.txt")) else { return };
    let progress = String::from_utf8(world.read("progress.txt")).unwrap();
    assert!(progress.contains("Creating GSI: bookings.passenger-flight-index"), "{progress}");
    assert!(!progress.contains('\u{1b}') && !progress.contains('\r'), "{progress:?}");
    assert!(shown.contains("All GSIs created successfully!"), "{shown}");
}

/// A terminal as far as the program uses one: text that wraps, the cursor up and
/// down, lines erased.
#[derive(Default)]
struct Screen {
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// The lines that stood there until they were erased.
    drawn: BTreeSet<String>,
    /// The whole of it, whenever something was erased.
    frames: Vec<String>,
}

impl Screen {
    fn after(bytes: &str) -> Self {
        let mut screen = Self::default();
        let mut rest = bytes.chars();
        while let Some(c) = rest.next() {
            match c {
                '\r' => screen.column = 0,
                '\n' => screen.row += 1,
                '\u{1b}' => screen.control(&mut rest),
                c => screen.put(c),
            }
        }
        screen
    }

    fn put(&mut self, c: char) {
        if self.column == COLUMNS {
            (self.row, self.column) = (self.row + 1, 0);
        }
        let column = self.column;
        let row = self.line();
        row.resize(row.len().max(column + 1), ' ');
        row[column] = c;
        self.column += 1;
    }

    fn line(&mut self) -> &mut Vec<char> {
        self.rows.resize(self.rows.len().max(self.row + 1), Vec::new());
        &mut self.rows[self.row]
    }

    /// `ESC [ N X`.
    fn control(&mut self, rest: &mut std::str::Chars<'_>) {
        assert_eq!(rest.next(), Some('['));
        let mut number = String::new();
        let kind = rest.by_ref().find(|c| {
            number.extend(c.is_ascii_digit().then_some(*c));
            c.is_ascii_alphabetic()
        });
        let number = number.parse().unwrap_or(1);
        match kind {
            Some('A') => self.row = self.row.checked_sub(number).unwrap(),
            Some('B') => self.row += number,
            Some('K') => self.erase(),
            // Colours, and whether the cursor shows.
            Some('m' | 'h' | 'l') => {}
            other => panic!("the program moves the cursor in another way: {other:?}"),
        }
    }

    fn erase(&mut self) {
        self.frames.push(self.text());
        let line: String = std::mem::take(self.line()).into_iter().collect();
        self.drawn.insert(line.trim_end().to_owned());
    }

    fn text(&self) -> String {
        let line = |row: &Vec<char>| row.iter().collect::<String>().trim_end().to_owned() + "\n";
        self.rows.iter().map(line).collect()
    }

    fn lines_with(&self, words: &[&str]) -> Vec<&String> {
        self.drawn.iter().filter(|line| words.iter().all(|word| line.contains(word))).collect()
    }

    /// How many of the lines that were drawn again name it, in any frame.
    fn most_of(&self, table: &str) -> usize {
        let drawn_again =
            |line: &&str| line.contains(&format!(" {table} ")) && self.drawn.contains(*line);
        self.frames.iter().map(|frame| frame.lines().filter(drawn_again).count()).max().unwrap()
    }
}
