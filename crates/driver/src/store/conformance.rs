//! What every store must do. A new one passes [`conforms`] before it is used.

use gsictl_core::time::Timestamp;

use super::{Holder, LockError, StateStore, StoreError};

/// Somewhere a state can be, to be opened more than once and meddled with.
pub(crate) trait Place {
    type Store: StateStore;
    fn open(&self) -> Self::Store;
    fn remove_state(&self);
    fn replace_state(&self, bytes: &[u8]);
    fn remove_lock(&self);
}

pub(crate) fn holder(command: &str) -> Holder {
    Holder {
        pid: 4711,
        host: "build-7".to_owned(),
        since: Timestamp::from_millis(1_770_000_000_000),
        command: command.to_owned(),
    }
}

/// Tries all rules, each on a fresh place.
pub(crate) fn conforms<P: Place>(fresh: impl Fn() -> P) {
    let rules: [fn(&P); 12] = [
        nothing_is_there_at_first,
        what_was_saved_is_loaded,
        one_run_at_a_time,
        a_lock_ends_with_its_store,
        nothing_changes_without_the_lock,
        a_state_that_was_not_read_is_not_written_over,
        a_removed_state_stops_the_saves,
        a_replaced_state_stops_the_saves,
        a_removed_lock_stops_the_saves,
        an_archive_is_never_written_over,
        archives_are_listed_oldest_first,
        a_damaged_state_is_kept_beside,
    ];
    for rule in rules {
        rule(&fresh());
    }
}

const NAME: &str = ".gsi_creation_state_20260201_103000.json";

fn locked<P: Place>(place: &P) -> P::Store {
    let mut store = place.open();
    store.lock(&holder("gsictl apply")).unwrap();
    store
}

fn saved<P: Place>(place: &P, bytes: &[u8]) -> P::Store {
    let mut store = locked(place);
    store.save(bytes).unwrap();
    store
}

fn loaded(store: &mut impl StateStore) -> Option<String> {
    let bytes = store.load().unwrap()?;
    Some(String::from_utf8(bytes).unwrap())
}

fn nothing_is_there_at_first<P: Place>(place: &P) {
    let mut store = place.open();
    assert_eq!(loaded(&mut store), None);
    assert!(store.archives().unwrap().is_empty());
    store.lock(&holder("gsictl apply")).unwrap();
    assert!(matches!(store.archive(NAME), Err(StoreError::Missing { .. })));
}

fn what_was_saved_is_loaded<P: Place>(place: &P) {
    let mut store = saved(place, b"one");
    for text in ["two", "", "a longer third one"] {
        store.save(text.as_bytes()).unwrap();
        assert_eq!(loaded(&mut place.open()).as_deref(), Some(text));
    }
    assert_eq!(loaded(&mut store).as_deref(), Some("a longer third one"));
    store.save(b"after a load").unwrap();
}

fn one_run_at_a_time<P: Place>(place: &P) {
    let mut first = locked(place);
    let mut second = place.open();
    let error = second.lock(&holder("gsictl rollback")).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, LockError::Held { .. }), "{text}");
    for part in ["4711", "build-7", "2026-02-02T02:40:00Z", "gsictl apply"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert_eq!(loaded(&mut second), None, "reading needs no lock");
    first.unlock();
    second.lock(&holder("gsictl rollback")).unwrap();
    let text = first.lock(&holder("gsictl apply")).unwrap_err().to_string();
    assert!(text.contains("gsictl rollback"), "{text}");
}

fn a_lock_ends_with_its_store<P: Place>(place: &P) {
    drop(locked(place));
    drop(locked(place));
}

fn nothing_changes_without_the_lock<P: Place>(place: &P) {
    drop(saved(place, b"one"));
    let mut store = place.open();
    store.load().unwrap();
    let refused = [
        store.save(b"two").unwrap_err(),
        store.archive(NAME).unwrap_err(),
        store.set_aside("damaged").unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(error, StoreError::NotLocked { .. }), "{error}");
    }
    assert_eq!(loaded(&mut store).as_deref(), Some("one"));
}

fn a_state_that_was_not_read_is_not_written_over<P: Place>(place: &P) {
    drop(saved(place, b"one"));
    let error = locked(place).save(b"two").unwrap_err();
    assert!(matches!(error, StoreError::Replaced { .. }), "{error}");
    assert_eq!(loaded(&mut place.open()).as_deref(), Some("one"));
}

fn a_removed_state_stops_the_saves<P: Place>(place: &P) {
    let mut store = saved(place, b"one");
    place.remove_state();
    let error = store.save(b"two").unwrap_err();
    assert!(matches!(error, StoreError::Vanished { .. }), "{error}");
    let error = store.archive(NAME).unwrap_err();
    assert!(matches!(error, StoreError::Vanished { .. }), "{error}");
    assert_eq!(loaded(&mut store), None);
    store.save(b"three").unwrap();
}

fn a_replaced_state_stops_the_saves<P: Place>(place: &P) {
    let mut store = saved(place, b"one");
    place.replace_state(b"two");
    let error = store.save(b"three").unwrap_err();
    assert!(matches!(error, StoreError::Replaced { .. }), "{error}");
    let error = store.set_aside("damaged").unwrap_err();
    assert!(matches!(error, StoreError::Replaced { .. }), "{error}");
    assert_eq!(loaded(&mut place.open()).as_deref(), Some("two"));
}

fn a_removed_lock_stops_the_saves<P: Place>(place: &P) {
    let mut first = saved(place, b"one");
    place.remove_lock();
    let mut second = locked(place);
    let error = first.save(b"two").unwrap_err();
    assert!(matches!(error, StoreError::LockLost { .. }), "{error}");
    drop(first);
    assert_eq!(loaded(&mut second).as_deref(), Some("one"));
    second.save(b"three").unwrap();
}

fn an_archive_is_never_written_over<P: Place>(place: &P) {
    let mut store = locked(place);
    let names = ["one", "two", "three"].map(|text| {
        store.save(text.as_bytes()).unwrap();
        let path = store.archive(NAME).unwrap();
        assert_eq!(loaded(&mut store), None);
        path.file_name().unwrap().to_str().unwrap().to_owned()
    });
    assert_eq!(names[0], NAME);
    assert_eq!(names[2], ".gsi_creation_state_20260201_103000_3.json");
    let kept = names.map(|name| store.load_archive(&name).unwrap());
    assert_eq!(kept, [&b"one"[..], b"two", b"three"]);
    for bad in ["../x.json", ".gsi_creation_state.json", "", NAME.trim_start_matches('.')] {
        let error = store.archive(bad).unwrap_err();
        assert!(matches!(error, StoreError::BadName { .. }), "{error}");
        assert!(store.load_archive(bad).is_err());
    }
}

fn archives_are_listed_oldest_first<P: Place>(place: &P) {
    let mut store = locked(place);
    let mut archive = |stamp: &str| {
        store.save(b"state").unwrap();
        store.archive(&format!(".gsi_creation_state_{stamp}.json")).unwrap();
    };
    archive("20260301_000000");
    (0..11).for_each(|_| archive("20260201_103000"));
    archive("20251231_235959");
    let names = store.archives().unwrap();
    let stamps: Vec<_> = names
        .iter()
        .map(|n| n.trim_start_matches(".gsi_creation_state_").trim_end_matches(".json"))
        .collect();
    assert_eq!(stamps.len(), 13);
    assert_eq!(stamps[..3], ["20251231_235959", "20260201_103000", "20260201_103000_2"]);
    assert_eq!(stamps[10..], ["20260201_103000_10", "20260201_103000_11", "20260301_000000"]);
}

fn a_damaged_state_is_kept_beside<P: Place>(place: &P) {
    drop(saved(place, b"damaged"));
    let mut store = locked(place);
    store.load().unwrap();
    let first = store.set_aside("damaged_20260201_103000").unwrap();
    assert!(first.ends_with(".gsi_creation_state.json.damaged_20260201_103000"));
    store.save(b"rebuilt").unwrap();
    let second = store.set_aside("damaged_20260201_103000").unwrap();
    assert_ne!(first, second);
    assert!(store.archives().unwrap().is_empty(), "these are no archives");
    for bad in ["", "a/b", "..", "x.json"] {
        assert!(store.set_aside(bad).is_err());
    }
}
