//! `gsictl status`: the state, without calling anything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gsictl_core::catalog::{Sighting, TableDescription};
use gsictl_core::look::status_text;
use gsictl_core::name::{IndexId, TableName};
use gsictl_core::state::Status::InProgress;
use gsictl_core::state::{Entry, Looked, State};
use gsictl_core::watch::OnTheWay;
use gsictl_driver::apply::load;
use gsictl_driver::archives::Archives;
use gsictl_driver::clock::Clock;
use gsictl_driver::drive::{SharedStore, StopSignal, locked};
use gsictl_driver::dynamodb::Backend;
use gsictl_driver::survey::survey;

use crate::args::{Globals, Output, Status};
use crate::error::{CliError, Exit};
use crate::{context, signals, view};

/// How often `--watch` reads the file, and how often it asks DynamoDB.
const READ_EVERY: Duration = Duration::from_secs(1);
const ASK_EVERY: Duration = Duration::from_secs(5);

/// What DynamoDB shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Live {
    /// Of each index of each table, in a word.
    pub(crate) indexes: BTreeMap<(String, String), String>,
    /// Tables that cannot be worked on: the table, its status, and what to do.
    pub(crate) troubles: Vec<(TableName, String, &'static str)>,
    /// The account of the state, where no table tells whether it was asked.
    pub(crate) unconfirmed: Option<String>,
}

/// What stands for an index that was asked for and is not shown yet.
pub(crate) const NOT_SHOWN_YET: &str = "not shown yet";

pub(crate) fn run(globals: &Globals, args: &Status) -> Result<Exit, CliError> {
    let store = context::store(&globals.state_dir);
    if !args.live && !args.watch {
        match load(&store)? {
            Some(state) => show(globals, &state, None),
            None => show_none(globals, &store)?,
        }
        return Ok(Exit::Done);
    }
    context::block_on(async {
        let stop = signals::listen()?;
        let mut watcher = Watcher { globals, store, live: args.live, backend: None, stop };
        if args.watch { watcher.watch().await } else { watcher.once().await }
    })
}

fn pair(id: &IndexId) -> (String, String) {
    (id.table.to_string(), id.index.to_string())
}

fn show(globals: &Globals, state: &State, live: Option<&Live>) {
    match globals.output {
        Output::Human => view::show_status(&state.report(), live),
        Output::Json => view::json(&view::json_status(state, live)),
    }
}

fn show_none(globals: &Globals, store: &SharedStore) -> Result<(), CliError> {
    let mut store = locked(store);
    let newest = Archives::look(&mut *store)?.newest().map(str::to_owned);
    match globals.output {
        Output::Json => {
            view::json(&serde_json::json!({ "state": null, "newest_archive": newest }));
        }
        Output::Human => {
            let archive = newest.map_or_else(
                || "no archive either".to_owned(),
                |name| format!("the newest archive is {name}"),
            );
            view::out_line(format_args!("There is no state file; {archive}."));
        }
    }
    Ok(())
}

struct Watcher<'a> {
    globals: &'a Globals,
    store: SharedStore,
    live: bool,
    /// Once there was a state to say where to ask.
    backend: Option<Arc<dyn Backend>>,
    stop: StopSignal,
}

impl Watcher<'_> {
    async fn once(&mut self) -> Result<Exit, CliError> {
        match load(&self.store)? {
            Some(state) => {
                let live = self.live(&state).await?;
                show(self.globals, &state, live.as_ref());
            }
            None => show_none(self.globals, &self.store)?,
        }
        Ok(Exit::Done)
    }

    /// Shows the state whenever it changes, until every index is active or the
    /// file is gone (archived).
    async fn watch(&mut self) -> Result<Exit, CliError> {
        let mut shown = None;
        let clock = Clock::start();
        loop {
            let Some(state) = load(&self.store)? else {
                show_none(self.globals, &self.store)?;
                return Ok(Exit::Done);
            };
            let live = self.live(&state).await?;
            let now = (state.serial(), state.summary(), live.clone());
            if shown.as_ref() != Some(&now) {
                show(self.globals, &state, live.as_ref());
                shown = Some(now);
            }
            if state.summary().active == state.summary().total {
                return Ok(Exit::Done);
            }
            let every = if self.live { ASK_EVERY } else { READ_EVERY };
            tokio::select! {
                () = clock.sleep_until(Some(clock.now() + every)) => {}
                () = self.stop.asked() => return Ok(Exit::Interrupted),
            }
        }
    }

    /// The place that the state names, unless the options name another.
    async fn backend(&mut self, state: &State) -> Result<Arc<dyn Backend>, CliError> {
        if let Some(backend) = &self.backend {
            return Ok(Arc::clone(backend));
        }
        let backend = context::backend_of(self.globals, state.target(), &mut self.stop).await?;
        Ok(Arc::clone(self.backend.insert(backend)))
    }

    /// What DynamoDB shows, where the state belongs: elsewhere nothing is to be compared.
    async fn live(&mut self, state: &State) -> Result<Option<Live>, CliError> {
        if !self.live {
            return Ok(None);
        }
        let backend = &self.backend(state).await?;
        let target = backend.target();
        state.check_belongs(&target, Looked::NotYet)?;
        let tables: Vec<TableName> = state.entries().map(|(id, _)| id.table.clone()).collect();
        let clock = Clock::start();
        let catalog = survey(&tables, backend, clock, &mut self.stop, &mut |_, _| {}).await;
        let catalog = catalog.map_err(|e| CliError::from(e).asked(&target))?;
        let seen_at = target.seen_in(&catalog);
        state.check_belongs(&seen_at, Looked::at(&catalog))?;
        // Of tables that are named by their ARNs it is certain which they are.
        let by_name = tables.iter().any(|table| table.arn().is_none());
        let recorded = state.target().own_account().map(str::to_owned);
        let unconfirmed =
            recorded.filter(|_| by_name && state.target().is_unconfirmed_by(&seen_at));
        let on_the_way = OnTheWay::of(state, context::policy(self.globals).visibility);
        let now = clock.now();
        let is_unseen = |id: &IndexId, table: &TableDescription| {
            let asked_for = state.entry(id).map(Entry::status) == Some(InProgress);
            asked_for && on_the_way.may_be_unseen(id, table, now, now)
        };
        let seen = |id: &IndexId| match catalog.get(&id.table).map(|(_, sighting)| sighting) {
            Some(Sighting::Found(table)) => match table.index(&id.index) {
                Some(index) => status_text(table, index),
                None if is_unseen(id, table) => NOT_SHOWN_YET.to_owned(),
                None => table.absence_text(&id.index),
            },
            Some(Sighting::Denied(_)) => "access denied".to_owned(),
            Some(Sighting::Unreadable(_)) => "cannot be read".to_owned(),
            Some(Sighting::Missing) | None => "no such table".to_owned(),
        };
        let indexes = state.entries().map(|(id, _)| (pair(id), seen(id))).collect();
        let trouble = |table: &TableDescription| {
            let trouble = table.status.trouble()?;
            Some((table.name.clone(), table.status.to_string(), trouble.remedy))
        };
        let troubles = catalog.found().filter_map(trouble).collect();
        Ok(Some(Live { indexes, troubles, unconfirmed }))
    }
}
