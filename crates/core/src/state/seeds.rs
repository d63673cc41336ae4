//! The API of the seeds' `GSIStateManager`, with the same meaning.

use std::fmt;

use super::{Entry, IllegalTransition, State, Status, Step, Summary};
use crate::name::IndexId;
use crate::text::visible;
use crate::time::Timestamp;

impl State {
    /// `get_gsi_status`: where the index stands, `None` where there is no entry.
    #[must_use]
    pub fn status(&self, id: &IndexId) -> Option<Status> {
        self.entry(id).map(Entry::status)
    }

    /// `update_gsi_status`, for programs that do the work themselves. A count or
    /// an error that is `None` stays as it was; being active clears the error.
    ///
    /// # Errors
    /// [`IllegalTransition`] where there is no such entry, and for what no run
    /// does: failing before it was in progress, or becoming pending from failed.
    pub fn update_status(
        &mut self,
        now: Timestamp,
        id: &IndexId,
        status: Status,
        retry_count: Option<u32>,
        error: Option<String>,
    ) -> Result<Status, IllegalTransition> {
        let step = Step::Told { at: now, status, retry_count, error };
        self.apply(id, step)
    }

    /// `should_skip_gsi`: it is active already.
    #[must_use]
    pub fn should_skip(&self, id: &IndexId) -> bool {
        self.status(id) == Some(Status::Active)
    }

    /// `get_pending_gsis`, in definition order.
    pub fn pending(&self) -> impl Iterator<Item = &IndexId> {
        self.standing(Status::Pending).map(|(id, _)| id)
    }

    /// `get_failed_gsis`, each with its error, in definition order.
    pub fn failed(&self) -> impl Iterator<Item = (&IndexId, Option<&str>)> {
        self.standing(Status::Failed).map(|(id, entry)| (id, entry.last_error()))
    }

    /// `get_resume_point`: the first pending entry.
    #[must_use]
    pub fn resume_point(&self) -> Option<&IndexId> {
        self.pending().next()
    }

    /// `is_complete`: none is pending or in progress. Some may have failed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let open = |entry: &Entry| matches!(entry.status(), Status::Pending | Status::InProgress);
        !self.entries().any(|(_, entry)| open(entry))
    }

    /// The name under which `cleanup` archives the file:
    /// `.gsi_creation_state_YYYYMMDD_HHMMSS.json`, in UTC. The store keeps an
    /// archive that has the name already.
    #[must_use]
    pub fn archive_name(now: Timestamp) -> String {
        format!(".gsi_creation_state_{}.json", now.file_stamp())
    }

    /// `print_status`: the seeds' banner and summary, then every entry that has
    /// an error.
    #[must_use]
    pub fn report(&self) -> StatusReport<'_> {
        StatusReport { standings: self.entries().map(Standing::of).collect() }
    }

    fn standing(&self, status: Status) -> impl Iterator<Item = (&IndexId, &Entry)> {
        self.entries().filter(move |(_, entry)| entry.status() == status)
    }
}

/// Where one index stands, in the seeds' fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// The base table.
    pub table_name: &'a str,
    /// The index.
    pub index_name: &'a str,
    /// Its status.
    pub status: Status,
    /// Attempts that failed.
    pub retry_count: u32,
    /// The newest failure or obstacle.
    pub last_error: Option<&'a str>,
}

impl<'a> Standing<'a> {
    fn of((id, entry): (&'a IndexId, &'a Entry)) -> Self {
        Self {
            table_name: id.table.as_str(),
            index_name: id.index.as_str(),
            status: entry.status(),
            retry_count: entry.retry_count(),
            last_error: entry.last_error(),
        }
    }
}

/// [`State::report`], to be printed by whoever prints. Ends with a line feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport<'a> {
    standings: Vec<Standing<'a>>,
}

impl<'a> StatusReport<'a> {
    /// Where each index stands, in the order of the file.
    #[must_use]
    pub fn standings(&self) -> &[Standing<'a>] {
        &self.standings
    }

    /// How many stand where.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::of(self.standings.iter().map(|s| s.status))
    }
}

impl fmt::Display for StatusReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = self.summary();
        let rule = "=".repeat(80);
        writeln!(f, "{rule}\nGSI Creation Status\n{rule}\n\nSummary:")?;
        writeln!(f, "  Total: {}", summary.total)?;
        writeln!(f, "  Active: {}", summary.active)?;
        writeln!(f, "  Failed: {}", summary.failed)?;
        writeln!(f, "  Pending: {}", summary.pending)?;
        writeln!(f, "  In Progress: {}", summary.in_progress)?;
        let errors = self.standings.iter().filter_map(|s| Some((s, s.last_error?)));
        let mut errors = errors.peekable();
        if errors.peek().is_some() {
            writeln!(f, "\nErrors:")?;
        }
        for (standing, error) in errors {
            let Standing { table_name, index_name, status, retry_count, .. } = standing;
            // A server's words, or those of whoever wrote the file: they stay one line.
            let error = visible(error);
            writeln!(
                f,
                "  - {table_name}.{index_name} ({status}, {retry_count} failed attempts): {error}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, file, id};
    use super::*;

    fn sample() -> State {
        State::parse(&file("midrun_in_progress_kill9.json")).unwrap()
    }

    #[test]
    fn the_questions_of_the_seeds_have_the_seeds_answers() {
        let state = sample();
        let active = id("bookings", "passenger-flight-index");
        assert_eq!(state.status(&active), Some(Status::Active));
        assert!(state.should_skip(&active));
        let building = id("bookings", "flight-status-index");
        assert!(!state.should_skip(&building));
        assert_eq!(state.status(&id("bookings", "no-such")), None);
        let first = id("Baggage", "location-status-index");
        assert_eq!(state.resume_point(), Some(&first));
        assert_eq!(state.pending().count(), 4);
        assert_eq!(state.failed().count(), 0);
        assert!(!state.is_complete());
    }

    #[test]
    fn failed_entries_come_with_their_error_and_complete_a_run() {
        let state = State::parse(&file("archived_with_failed.json")).unwrap();
        let (index, error) = state.failed().next().unwrap();
        assert_eq!(*index, id("flights", "aircraft-rotation-index"));
        assert!(error.unwrap().contains("ResourceNotFoundException"));
        assert!(state.is_complete());
        assert_eq!(state.resume_point(), None);
    }

    #[test]
    fn a_status_is_updated_as_the_seeds_scripts_do() {
        let mut state = sample();
        let index = id("Baggage", "location-status-index");
        let mut told = |status, count, error: Option<&str>| {
            state.update_status(at(1), &index, status, count, error.map(str::to_owned))
        };
        assert_eq!(told(Status::InProgress, None, None), Ok(Status::InProgress));
        told(Status::InProgress, Some(1), Some("busy")).unwrap();
        assert_eq!(told(Status::Active, None, None), Ok(Status::Active));
        assert!(told(Status::Failed, None, None).is_err());
        let entry = state.entry(&index).unwrap();
        assert_eq!((entry.retry_count(), entry.last_error()), (1, None));
    }

    #[test]
    fn archives_are_named_by_the_time_in_utc() {
        let now = Timestamp::parse("2026-02-01T11:30:00+01:00").unwrap();
        assert_eq!(State::archive_name(now), ".gsi_creation_state_20260201_103000.json");
    }

    #[test]
    fn the_report_reads_like_that_of_the_seeds() {
        let state = State::parse(&file("archived_with_failed.json")).unwrap();
        insta::assert_snapshot!(state.report(), @"
        ================================================================================
        GSI Creation Status
        ================================================================================

        Summary:
          Total: 6
          Active: 5
          Failed: 1
          Pending: 0
          In Progress: 0

        Errors:
          - flights.aircraft-rotation-index (failed, 3 failed attempts): An error occurred (ResourceNotFoundException) when calling the UpdateTable operation: Cannot do operations on a non-existent table
        ");
        let clean = sample().report().to_string();
        assert!(!clean.contains("Errors:"), "{clean}");
    }
}
