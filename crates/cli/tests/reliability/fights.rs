//! Two directories over the same tables: one rolls back what the other wants to have.
//!
//! Who made which index is read from the wire and not from what the two say: each calls
//! through a proxy of its own. `GSICTL_FIGHT_ROUNDS` says how many rounds.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::support::proxy::{Asked, Proxy};
use crate::support::service::{Service, service};
use crate::support::world::{Done, Running, TABLES, World, signal};
use crate::{Seed, some_at_once};

/// Rounds that one pair of directories has.
const ROUNDS_OF_A_PAIR: usize = 4;
/// Descriptions of a table that the server failed to give, one after the other, that say
/// that it will never give one. They are seconds apart.
const BROKEN: usize = 4;
/// The maker begins between so long before the rollback and so long after it: a rollback
/// looks a second later at what it deleted.
const EARLIER: Duration = Duration::from_millis(300);
const LATER: Duration = Duration::from_millis(1_500);

/// What a server said yes to.
#[derive(Clone, Debug)]
struct Change {
    by: char,
    creates: bool,
    /// `table.index`.
    index: String,
    asked: Instant,
    acknowledged: Instant,
}

impl Change {
    fn of(by: char, asked: &Asked) -> Option<Self> {
        let index = asked.index.as_ref().or(asked.deletes.as_ref())?;
        Some(Self {
            by,
            creates: asked.index.is_some(),
            index: format!("{}.{index}", asked.table),
            asked: asked.at,
            acknowledged: asked.acknowledged?,
        })
    }
}

/// One of two, with its own way to the tables.
struct Side {
    name: char,
    world: World,
    proxy: Proxy,
}

impl Side {
    fn apply(&self, more: &[&str]) -> Running {
        self.world.start(&[&["apply", "airline.yaml", "--output", "json"], more].concat())
    }

    fn rollback(&self) -> Running {
        self.world.start(&["rollback", "--yes", "--output", "json"])
    }

    fn changes(&self) -> Vec<Change> {
        let asked = self.proxy.asked(|_| true);
        asked.iter().filter_map(|asked| Change::of(self.name, asked)).collect()
    }
}

/// Two directories, and the tables that they fight for.
struct Pair {
    service: Service,
    sides: [Side; 2],
    /// What was said, to be told where a promise is broken.
    said: Vec<(char, Done)>,
}

impl Pair {
    fn new() -> Self {
        let service = service().unwrap().airline();
        let sides = ['A', 'B'].map(|name| {
            let (world, proxy) = service.other_directory();
            world.write("airline.yaml", &service.world.read("airline.yaml"));
            Side { name, world, proxy }
        });
        Self { service, sides, said: Vec::new() }
    }

    /// One makes what is missing, or begins to, and rolls it back while the other makes it.
    /// How many creates passed before the rollback had ended; `None` where the server
    /// broke a table.
    fn fight(&mut self, random: &mut Rng) -> Option<usize> {
        self.sides.reverse();
        let [roller, maker] = &self.sides;
        let prepare: &[&str] = if random.bool() { &[] } else { &["--no-wait"] };
        let offset = (EARLIER + LATER).mul_f64(random.f64());
        let watched = Watched::default();
        let (said, began, ended) = std::thread::scope(|scope| {
            // The watch ends with this scope, also where that ends in a panic.
            let _over = Over(&watched.is_over);
            scope.spawn(|| watched.stop_where(|| self.broken()));
            let prepared = watched.end(roller.apply(prepare));
            let began = Instant::now();
            let making = scope.spawn(|| {
                std::thread::sleep(offset);
                watched.end(maker.apply(&[]))
            });
            std::thread::sleep(EARLIER);
            let rolled = watched.end(roller.rollback());
            let ended = Instant::now();
            let made = making.join().unwrap();
            ([(roller.name, prepared), (roller.name, rolled), (maker.name, made)], began, ended)
        });
        self.said.extend(said);
        if self.broken() {
            return None;
        }
        // The second index of a table waits for the first, where it does not wait.
        let [.., (_, prepared), (_, rolled), (_, made)] = &self.said[..] else { return None };
        assert!(matches!(prepared.code, Some(0 | 4)), "{}", prepared.text());
        // It may say that it kept what the other made.
        assert!(matches!(rolled.code, Some(0 | 3)), "{}", self.text());
        assert_eq!(made.code, Some(0), "{}", self.text());
        let meanwhile = |c: &Change| c.creates && c.asked > began && c.acknowledged < ended;
        Some(self.sides[1].changes().iter().filter(|change| meanwhile(change)).count())
    }

    /// Where a create follows a delete closely, this server breaks the table at times:
    /// it answers 500 to every description of it from then on.
    fn broken(&self) -> bool {
        self.sides.iter().any(|side| {
            let looks = side.proxy.asked(|asked| asked.operation == "DescribeTable");
            TABLES.iter().any(|(table, _)| {
                let of_it = looks.iter().rev().filter(|look| look.table == *table);
                of_it.take_while(|look| look.statuses == [500]).count() >= BROKEN
            })
        })
    }

    /// No delete hit an index that the other had made and had been acknowledged for before
    /// the delete was sent; and what nobody deleted stands.
    fn nobody_took_what_the_other_made(&self) {
        let mut changes: Vec<_> = self.sides.iter().flat_map(Side::changes).collect();
        changes.sort_by_key(|change| change.acknowledged);
        let built = (!self.broken()).then(|| self.service.indexes());
        for (n, create) in changes.iter().enumerate().filter(|(_, change)| change.creates) {
            let of_the_same = |change: &&Change| change.index == create.index;
            // Before the next create could pass, this index was gone.
            let next = changes[n + 1..].iter().filter(of_the_same).find(|change| change.creates);
            let could_hit = |change: &&Change| {
                !change.creates
                    && change.acknowledged > create.asked
                    && next.is_none_or(|next| change.asked < next.acknowledged)
            };
            let deletes: Vec<_> = changes.iter().filter(of_the_same).filter(could_hit).collect();
            match deletes[..] {
                [] => assert!(
                    built.as_ref().is_none_or(|built| built.contains_key(&create.index)),
                    "{create:?} is gone: {}",
                    self.text()
                ),
                [delete] if delete.asked > create.acknowledged => {
                    let own = delete.by == create.by;
                    assert!(own, "{create:?} was undone by {delete:?}: {}", self.text());
                }
                // They crossed on their way.
                _ => {}
            }
        }
    }

    fn text(&self) -> String {
        let said = self.said.iter().map(|(side, done)| format!("{side}: {}", done.text()));
        said.collect::<Vec<_>>().join("\n")
    }
}

/// Processes that are asked to stop where they cannot end by themselves.
#[derive(Default)]
struct Watched {
    pids: Mutex<BTreeSet<u32>>,
    is_over: AtomicBool,
}

impl Watched {
    fn end(&self, running: Running) -> Done {
        let pid = running.pid();
        self.pids.lock().unwrap().insert(pid);
        let done = running.end();
        self.pids.lock().unwrap().remove(&pid);
        done
    }

    fn stop_where(&self, broken: impl Fn() -> bool) {
        while !self.is_over.load(Ordering::SeqCst) {
            if broken() {
                self.pids.lock().unwrap().iter().for_each(|pid| signal(*pid, "INT"));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn rounds() -> u64 {
    std::env::var("GSICTL_FIGHT_ROUNDS").map_or(16, |text| text.parse().unwrap())
}

/// The rounds of one pair of directories, or of several where the server breaks a table:
/// creates during the rollback of each, and how many pairs there were.
fn fight_on(seed: u64) -> (Vec<usize>, usize) {
    let (_told, mut random) = (Seed(seed), Rng::with_seed(seed));
    let (mut pair, mut pairs, mut creates) = (Pair::new(), 1, Vec::new());
    while creates.len() < ROUNDS_OF_A_PAIR {
        let fought = pair.fight(&mut random);
        pair.nobody_took_what_the_other_made();
        match fought {
            Some(number) => creates.push(number),
            None => (pair, pairs) = (Pair::new(), pairs + 1),
        }
    }
    (creates, pairs)
}

#[test]
fn a_rollback_deletes_nothing_that_another_directory_made_meanwhile() {
    if service().is_none() {
        return;
    }
    let began = Instant::now();
    let seeds: Vec<u64> = (0..rounds().div_ceil(ROUNDS_OF_A_PAIR as u64)).collect();
    let fought = some_at_once(&seeds, |seed| fight_on(*seed));
    let creates: Vec<_> = fought.iter().flat_map(|(creates, _)| creates).collect();
    let met = creates.iter().filter(|n| ***n > 0).count();
    eprintln!(
        "fights: {} rounds, {:.0} s; in {met} of them {} indexes were created during a \
         rollback; {} tables were broken by the server",
        creates.len(),
        began.elapsed().as_secs_f64(),
        creates.iter().copied().sum::<usize>(),
        fought.iter().map(|(_, pairs)| pairs - 1).sum::<usize>(),
    );
    assert!(met > 0, "they never met");
}
