//! When to say again that something is still waited for.

use std::time::Duration;

use crate::catalog::{IndexDescription, TableDescription};
use crate::event::Event;
use crate::name::IndexId;
use crate::plan::Outlook;

/// A build that nothing slows down is over by then (docs/dynamodb.md: backfill, 506 to 1,000 s).
const USUAL: Duration = Duration::from_secs(20 * 60);
const SHORTEST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(3_600);

/// Says at growing intervals that a build goes on: who hears nothing for hours does not
/// know whether anything does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reminder {
    next: Option<Duration>,
}

impl Reminder {
    /// Whether to say so after `waited`. Of a build that is known to be `slow` it is said
    /// at once, of others when they take longer than they use to.
    pub(crate) fn is_due(&mut self, waited: Duration, slow: bool) -> bool {
        let first = if slow { Duration::ZERO } else { USUAL };
        if waited < self.next.unwrap_or(first) {
            return false;
        }
        self.next = Some(waited + waited.clamp(SHORTEST, LONGEST));
        true
    }
}

/// That `index` is still being built after `waited`, with what bounds it and what would
/// help where something does.
pub(crate) fn still_building(
    id: IndexId,
    index: &IndexDescription,
    table: &TableDescription,
    waited: Duration,
) -> Event {
    let Outlook { takes, bound } = Outlook::of_build(index, table);
    Event::StillBuilding {
        backfilling: index.backfilling,
        waited,
        takes: bound.map(|_| takes),
        cause: bound.map(|bound| bound.to_string()),
        remedy: bound.map(|bound| bound.advice_now(&id)),
        id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The minutes at which it speaks within ten hours, looked at every half a minute.
    fn minutes(slow: bool) -> Vec<u64> {
        let mut reminder = Reminder::default();
        let looks = (0..1_200).map(|n| Duration::from_secs(n * 30));
        looks.filter(|at| reminder.is_due(*at, slow)).map(|at| at.as_secs() / 60).collect()
    }

    #[test]
    fn it_speaks_at_growing_intervals_and_never_keeps_silent_for_more_than_an_hour() {
        assert_eq!(minutes(true)[..6], [0, 5, 10, 20, 40, 80]);
        assert_eq!(minutes(false)[..4], [20, 40, 80, 140]);
        assert!(minutes(true).windows(2).all(|pair| pair[1] - pair[0] <= 60));
    }
}
