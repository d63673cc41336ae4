//! A second directory over the same tables, whose processes run at the same time.

use gsictl_core::machine::Machine;
use gsictl_core::time::Timestamp;

use super::wire::Packet;
use super::{Finish, Site, World};

/// The processes of another directory, one after another. Its methods are called
/// while its own [`Site`] is the one that acts.
pub trait Neighbour {
    /// What its process is at; `None` between two of them.
    fn machine(&mut self) -> Option<&mut dyn Machine>;
    /// When the next process begins, where there is none now.
    fn begins_at(&self) -> Option<Timestamp>;
    /// The next process begins.
    fn begin(&mut self, world: &mut World);
    /// What its process was at has ended so.
    fn goes_on(&mut self, world: &mut World, finish: Finish);
}

/// A neighbour with its directory.
pub(super) struct Beside {
    pub(super) site: Site,
    pub(super) who: Box<dyn Neighbour>,
}

impl World {
    /// Somebody else works over the same tables from now on.
    pub fn settle_beside(&mut self, site: Site, who: Box<dyn Neighbour>) {
        self.neighbour = Some(Box::new(Beside { site, who }));
    }

    /// Lets the other directory be the one that acts; calling it again goes back.
    /// Nothing where there is none.
    pub fn change_sides(&mut self) {
        if let Some(other) = &mut self.neighbour {
            std::mem::swap(&mut self.site, &mut other.site);
        }
    }

    /// Whether there is another directory.
    #[must_use]
    pub fn has_neighbour(&self) -> bool {
        self.neighbour.is_some()
    }

    /// Whether a process runs in the other directory, or will.
    pub fn neighbour_is_busy(&mut self) -> bool {
        let other = self.neighbour.as_mut();
        other.is_some_and(|o| o.who.begins_at().is_some() || o.who.machine().is_some())
    }

    fn beside(&mut self, act: impl FnOnce(&mut Self, &mut dyn Neighbour)) {
        let Some(mut other) = self.neighbour.take() else { return };
        std::mem::swap(&mut self.site, &mut other.site);
        act(self, &mut *other.who);
        std::mem::swap(&mut self.site, &mut other.site);
        self.neighbour = Some(other);
    }

    /// The neighbour does all that it can do now.
    pub(super) fn neighbour_acts(&mut self) {
        self.beside(|world, who| {
            loop {
                let Some(machine) = who.machine() else {
                    if who.begins_at().is_none_or(|at| at > world.now) {
                        return;
                    }
                    who.begin(world);
                    continue;
                };
                world.stop_if_due(machine);
                let finish = if world.drain(machine) {
                    world.crash()
                } else if machine.is_over() {
                    Finish::Over
                } else {
                    return;
                };
                who.goes_on(world, finish);
            }
        });
    }

    /// When the neighbour acts next, if nothing comes before.
    pub(super) fn next_of_neighbour(&mut self) -> Option<Timestamp> {
        let other = self.neighbour.as_mut()?;
        let skew = other.site.skew;
        let Some(machine) = other.who.machine() else {
            return other.who.begins_at();
        };
        let true_time = |at: Timestamp| Timestamp::from_millis(at.as_millis() - skew);
        machine.wake_at().map(true_time).into_iter().chain(other.site.stop_at).min()
    }

    /// Takes what is for the neighbour, and gives back what is not.
    pub(super) fn hand_over(&mut self, packet: Packet) -> Option<Packet> {
        if self.neighbour.as_ref().is_none_or(|other| other.site.run != packet.run()) {
            return Some(packet);
        }
        self.beside(|world, who| match who.machine() {
            Some(machine) => {
                if world.take(packet, machine) {
                    let finish = world.crash();
                    who.goes_on(world, finish);
                }
            }
            None => world.deliver_without_machine(packet),
        });
        None
    }
}
