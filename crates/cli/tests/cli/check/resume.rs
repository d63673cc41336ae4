//! A check that was interrupted goes on, and comes to what it would have come to.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// 4,000 items of some 160 bytes and one violation in twelve: about 100 read units.
fn some() -> Crop {
    crop(4_000, 12, |is| is != Is::Long)
}

/// So few units a second that it would take most of a minute.
const SLOWLY: [&str; 2] = ["--max-rcu", "3"];

impl Place {
    fn start_slowly(&self, more: &[&str]) -> Running {
        self.start(&[&["check", "wanted.yaml"], &SLOWLY[..], more].concat())
    }

    /// A check that was stopped in the midst of a table.
    fn interrupted(&self, more: &[&str]) -> Done {
        let running = self.start_slowly(more);
        reads(&running);
        running.signal("INT");
        running.end().exits(130)
    }

    fn cursor(&self) -> Value {
        self.world().json(CURSOR)
    }

    fn read_so_far(&self) -> u64 {
        self.cursor()["tables"][0]["counted"]["items"].as_u64().unwrap()
    }
}

/// Waits until a check has read items.
fn reads(check: &Running) {
    let read = |line: &str| line.starts_with("Checking things: ") && !line.contains(": 0 ");
    wait_for("items that were read", || check.said().lines().any(read));
}

fn on_both(test: impl Fn(Place) + Sync) {
    let places: Vec<_> = [false, true].into();
    side_by_side(&places, |on_service| {
        let place = if *on_service { Place::service() } else { Some(Place::embedded()) };
        if let Some(place) = place {
            test(place);
        }
    });
}

/// Without what differs from run to run, and in an order of its own.
fn figures(mut report: Value) -> Value {
    for index in report["indexes"].as_array_mut().unwrap() {
        // Sizes come from other pages, and the first violations from other segments.
        for field in ["forecast", "violations", "skew"] {
            index.as_object_mut().unwrap().remove(field);
        }
        index["faults"].as_array_mut().unwrap().sort_by_key(Value::to_string);
    }
    json!([report["totals"], report["indexes"], report["tables"][0]["items"]])
}

fn goes_on(place: Place, file: &str, segments: &str) {
    let crop = some();
    let place = place.things(crop.items.clone());
    let whole = place.check(3, &["--violations", &format!("whole-{file}")]);
    same(&place.lines(&format!("whole-{file}")), &crop.lines);
    assert!(!place.world().exists(CURSOR));

    let done = place.interrupted(&["--segments", segments, "--violations", file]);
    done.says("interrupted after").says("go on with: gsictl").says(&format!("{file} --resume"));
    let read = place.read_so_far();
    assert!(0 < read && read < 4_000, "{read}");
    // Once more, and then to the end.
    let done = place.interrupted(&["--resume", "--segments", segments]);
    done.says("Going on with the check of").says("--resume");
    let more = place.read_so_far();
    assert!(read < more && more < 4_000, "{read}, {more}");
    let report = place.check(3, &["--resume"]);
    same(&place.lines(file), &crop.lines);
    agrees(&report, &crop);
    assert_eq!(figures(report.clone()), figures(whole));
    assert_eq!(report["violations_file"], file);
    assert!(!place.world().exists(CURSOR));
}

#[test]
fn an_interrupted_check_goes_on_and_comes_to_the_same() {
    on_both(|place| goes_on(place, "found.jsonl", "1"));
}

#[test]
fn so_it_does_with_segments_side_by_side_and_with_csv() {
    on_both(|place| goes_on(place, "found.csv", "4"));
}

#[test]
fn a_killed_check_goes_on_from_the_place_that_was_saved() {
    on_both(|place| {
        let crop = some();
        let place = place.things(crop.items.clone());
        let running = place.start_slowly(&["--violations", "found.jsonl"]);
        wait_for("the place", || place.world().exists(CURSOR));
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(running.kill().code, None);
        // What a kill may leave beyond the place that was saved: whole lines, and half of one.
        let mut text = place.world().read("found.jsonl");
        assert!(!text.is_empty());
        text.extend(br#"{"table":"things","index":"by-text","key":{"pk":"#);
        place.world().write("found.jsonl", &text);

        let read = place.read_so_far();
        assert!(0 < read && read < 4_000, "{read}");
        let report = place.check(3, &["--resume"]);
        same(&place.lines("found.jsonl"), &crop.lines);
        agrees(&report, &crop);
    });
}

#[test]
fn what_cannot_be_gone_on_with_is_named_and_left_alone() {
    let crop = some();
    let place = Place::embedded().things(crop.items.clone());
    let resume = || place.run(&["check", "wanted.yaml", "--resume"]);
    resume().exits(2).says("there is no interrupted check to resume");
    place.interrupted(&["--violations", "found.jsonl"]);
    let (cursor, found) = (place.world().read(CURSOR), place.world().read("found.jsonl"));
    let as_it_was = || {
        assert_eq!(place.world().read(CURSOR), cursor);
        assert_eq!(place.world().read("found.jsonl"), found);
    };

    place.world().write("wanted.yaml", INDEXES.replace("[rest]", "[other]").as_bytes());
    resume().exits(5).says("the definitions are not those of the interrupted check");
    as_it_was();
    place.world().write("wanted.yaml", INDEXES.as_bytes());

    let elsewhere = ["--local=other.db", "check", "wanted.yaml", "--resume"];
    place.world().run(&elsewhere).exits(5).says("the interrupted check was of");
    as_it_was();

    let others = ["--sample=5", "--existing", "--values", "--index=by-text", "--violations=other"];
    for other in others {
        let done = place.run(&["check", "wanted.yaml", "--resume", other]);
        let option = other.split('=').next().unwrap();
        done.exits(2).says(&format!("the interrupted check had another {option}, or none"));
    }
    as_it_was();

    for damaged in [&cursor[..cursor.len() / 2], b"", b"{}"] {
        place.world().write(CURSOR, damaged);
        resume().exits(5).says("leave out --resume to begin anew");
        assert_eq!(place.world().read(CURSOR), damaged);
    }
    let newer = String::from_utf8(cursor.clone()).unwrap();
    place.world().write(CURSOR, newer.replace(r#""version":1"#, r#""version":9"#).as_bytes());
    resume().exits(5).says("has format 9");

    place.world().write(CURSOR, &cursor);
    // A line was taken out, half of the last one, all of them.
    let second = found.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for edited in [&found[second..], &found[..found.len() - 20], b""] {
        place.world().write("found.jsonl", edited);
        resume().exits(5).says("does not hold what the interrupted check wrote");
        assert_eq!(place.world().read("found.jsonl"), edited);
    }
    std::fs::remove_file(place.world().path("found.jsonl")).unwrap();
    resume().exits(5).says("does not hold what the interrupted check wrote");
    place.world().write("found.jsonl", &found);
    resume().exits(3);
    same(&place.lines("found.jsonl"), &crop.lines);
}

/// One that was made again has another id on AWS; DynamoDB Local gives tables none.
#[test]
fn a_table_that_is_gone_is_not_gone_on_with() {
    let Some(place) = Place::service() else { return };
    let place = place.things(some().items);
    place.interrupted(&[]);
    let Place::Service(service) = &place else { return };
    service.post("DeleteTable", r#"{"TableName":"things"}"#);
    let done = place.run(&["check", "wanted.yaml", "--resume"]).exits(5);
    done.says("table things is not as it was").says("it cannot be checked now");
    create(place.tables());
    place.run(&["check", "wanted.yaml"]).exits(0).says("A check was interrupted at");
    assert!(!place.world().exists(CURSOR));
}

/// Nobody may read one of the tables.
struct OneIsDenied;

impl Chooser for OneIsDenied {
    fn choose(&mut self, request: &Asked, _: &Log) -> Fault {
        if request.operation != "Scan" || request.table != "denied" {
            return Fault::none();
        }
        let message = "User: nobody is not authorized to perform: dynamodb:Scan";
        Fault::refused("no permission", "AccessDeniedException", message)
    }
}

#[test]
fn a_table_that_could_not_be_read_keeps_no_other_from_going_on() {
    let Some(service) = faulty_service(Box::new(OneIsDenied)) else { return };
    let crop = some();
    let place = Place::Service(Box::new(service)).things(crop.items.clone());
    place.tables().create_table("denied", "pk", ScalarType::S);
    let yaml = format!("{INDEXES}denied:\n{}", one_index("by-any", "any", "S"));
    place.world().write("wanted.yaml", yaml.as_bytes());
    place.interrupted(&["--violations", "found.jsonl"]).says("denied: cannot be read");
    let Place::Service(service) = &place else { return };
    let asked =
        || service.proxy.asked(|asked| asked.table == "denied" && asked.operation == "Scan");
    let before = asked().len();
    let report = place.check(3, &["--resume"]);
    same(&place.lines("found.jsonl"), &crop.lines);
    assert_eq!(report["totals"]["violating_items"], crop.violating.values().sum::<u64>());
    assert_eq!(report["totals"]["not_checked"], 1);
    assert!(asked().len() > before, "it was not tried again");
}

#[test]
fn a_check_elsewhere_is_another_one() {
    let Some(place) = Place::service() else { return };
    let place = place.things(some().items);
    place.interrupted(&[]);
    let local = ["--local", "check", "wanted.yaml", "--resume"];
    place.world().run(&local).exits(5).says("the interrupted check was of eu-west-1 at http://");
}

#[test]
fn a_second_check_in_the_same_directory_names_the_first() {
    let place = Place::embedded().things(some().items);
    let first = place.start_slowly(&[]);
    reads(&first);
    let second = place.run(&["check", "wanted.yaml"]).exits(5);
    second.says(&format!("pid {}", first.pid())).says("check wanted.yaml --max-rcu 3");
    // A check is no run: what has a state is not kept from it.
    place.run(&["apply", "wanted.yaml", "--dry-run"]).exits(0);
    first.signal("INT");
    first.end().exits(130);
}

#[test]
fn violations_are_not_written_over_what_is_there() {
    let place = Place::embedded().things(some().items);
    place.world().write("found.jsonl", b"mine\n");
    let args = ["check", "wanted.yaml", "--violations", "found.jsonl"];
    place.run(&args).exits(2).says("found.jsonl is there already").says("nothing was read");
    assert_eq!(place.world().read("found.jsonl"), b"mine\n");
    let args = ["check", "wanted.yaml", "--violations", "no/such/found.jsonl"];
    place.run(&args).exits(1).says("no/such/found.jsonl cannot be written");
}

#[test]
fn where_the_place_cannot_be_kept_it_checks_and_says_so() {
    let place = Place::embedded().things(some().items);
    // A file is no directory, for whoever may write everywhere, too.
    place.world().write("taken", b"");
    let database = place.world().path(crate::world::DATABASE);
    let local = format!("--local={}", database.display());
    let args = [&local, "--state-dir", "taken/below", "check", "wanted.yaml"];
    let done = place.world().run(&args).exits(3);
    done.says("The place of this check cannot be kept").says("5 with violations");

    let shut = place.world().path("shut");
    std::fs::create_dir(&shut).unwrap();
    std::fs::set_permissions(&shut, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(shut.join("probe"), b"").is_ok() {
        return crate::skipped::skipped(
            "this user may write into read-only directories; run it as one who may not",
        );
    }
    let args = [&local, "--state-dir", "shut", "check", "wanted.yaml"];
    let done = place.world().run(&args).exits(3);
    done.says("The place of this check cannot be kept").says("5 with violations");
}
