//! Two directories over the same tables: one rolls back what the other wants to have.
//!
//! Who made which index is read from the wire and not from what the two say: each calls
//! through a proxy of its own. `GSICTL_FIGHT_ROUNDS` says how many rounds.

use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::support::proxy::{Asked, Proxy};
use crate::support::service::{Service, service};
use crate::support::world::{Done, Running, World};
use crate::{Seed, some_at_once};

/// Rounds that one pair of directories has.
const ROUNDS_OF_A_PAIR: u64 = 4;
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
    /// How many creates passed before the rollback had ended.
    fn fight(&mut self, random: &mut Rng) -> usize {
        self.sides.reverse();
        let [roller, maker] = &self.sides;
        let prepared = if random.bool() {
            roller.apply(&[]).end().exits(0)
        } else {
            // The second index of a table waits for the first.
            roller.apply(&["--no-wait"]).end()
        };
        let offset = (EARLIER + LATER).mul_f64(random.f64());
        let began = Instant::now();
        let (rolled, ended, made) = std::thread::scope(|scope| {
            let making = scope.spawn(|| {
                std::thread::sleep(offset);
                maker.apply(&[]).end()
            });
            std::thread::sleep(EARLIER);
            let rolled = roller.rollback().end();
            (rolled, Instant::now(), making.join().unwrap())
        });
        self.said.push((roller.name, prepared));
        self.said.push((roller.name, rolled.exits(0)));
        self.said.push((maker.name, made.exits(0)));
        let meanwhile = |c: &Change| c.creates && c.asked > began && c.acknowledged < ended;
        self.sides[1].changes().iter().filter(|change| meanwhile(change)).count()
    }

    /// No delete hit an index that the other had made and had been acknowledged for before
    /// the delete was sent; and what nobody deleted stands.
    fn nobody_took_what_the_other_made(&self) {
        let mut changes: Vec<_> = self.sides.iter().flat_map(Side::changes).collect();
        changes.sort_by_key(|change| change.acknowledged);
        let built = self.service.indexes();
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
                    built.contains_key(&create.index),
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

fn rounds() -> u64 {
    std::env::var("GSICTL_FIGHT_ROUNDS").map_or(16, |text| text.parse().unwrap())
}

#[test]
fn a_rollback_deletes_nothing_that_another_directory_made_meanwhile() {
    if service().is_none() {
        return;
    }
    let began = Instant::now();
    let pairs: Vec<u64> = (0..rounds().div_ceil(ROUNDS_OF_A_PAIR)).collect();
    let creates = some_at_once(&pairs, |seed| {
        let (_told, mut random) = (Seed(*seed), Rng::with_seed(*seed));
        let mut pair = Pair::new();
        let mut fight = |_| {
            let creates = pair.fight(&mut random);
            pair.nobody_took_what_the_other_made();
            creates
        };
        (0..ROUNDS_OF_A_PAIR).map(&mut fight).collect::<Vec<_>>()
    });
    let creates: Vec<_> = creates.into_iter().flatten().collect();
    let met = creates.iter().filter(|n| **n > 0).count();
    eprintln!(
        "fights: {} rounds, {:.0} s; in {met} of them {} indexes were created during a rollback",
        creates.len(),
        began.elapsed().as_secs_f64(),
        creates.iter().sum::<usize>(),
    );
    assert!(met > 0, "they never met");
}
