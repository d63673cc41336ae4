//! What takes minutes: a hundred thousand items, `--max-rcu` over a real one, and a
//! million items in little memory.

use super::*;

const BIG: usize = 1_000_000;

/// The most memory that a process had, in MB.
fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1_024)
}

#[test]
#[ignore = "loads a hundred thousand items twice: .ci/run slow"]
fn of_a_hundred_thousand_items_every_planted_violation_is_found_and_none_other() {
    every_planted_violation(Place::embedded(), MOST);
    if let Some(place) = Place::service() {
        every_planted_violation(place, MOST);
    }
}

#[test]
#[ignore = "reads for more than a minute: .ci/run slow"]
fn a_minute_at_max_rcu_uses_what_it_says() {
    const RCU: f64 = 20.0;
    let Some(place) = Place::service() else { return };
    // 1,200 units are 9.8 MB; there is more than a minute reads.
    let text = "x".repeat(900);
    let items = (0..16_000).map(|n| {
        let mut item = item(n);
        item.insert("rest".to_owned(), Attribute::S(text.clone()));
        item
    });
    let place = place.things(items.collect());
    let running = place.start(&["check", "wanted.yaml", "--max-rcu", "20"]);
    let Place::Service(service) = &place else { return };
    wait_for("the first page", || service.proxy.count("Scan") > 0);
    std::thread::sleep(Duration::from_secs(60));
    running.signal("INT");
    running.end().exits(130);
    let used = place.world().json(CURSOR)["tables"][0]["counted"]["read_units"].as_f64().unwrap();
    let share = used / (60.0 * RCU);
    eprintln!("{used:.1} units in a minute at {RCU} a second: {:.1} %", share * 100.0);
    assert!((0.95..=1.05).contains(&share), "{used} units in a minute");
}

#[test]
#[ignore = "loads a million items: .ci/run slow"]
fn a_million_items_are_checked_in_a_hundred_megabytes() {
    let Some(mut place) = Place::service() else { return };
    create(place.tables());
    place.world().write("wanted.yaml", INDEXES.as_bytes());
    let Place::Service(service) = &mut place else { return };
    let began = Instant::now();
    service.load(TABLE, (0..BIG).map(two_hundred_bytes));
    let loaded = began.elapsed();
    // The proxy keeps what it passes on.
    let server = service.server().to_owned();
    service.world.set("AWS_ENDPOINT_URL", &server);

    // The ceiling holds by force, too: of private memory no more can be had.
    let check = "exec gsictl check wanted.yaml --violations found.jsonl";
    let command = service.world.in_shell(&format!("ulimit -d 102400; {check}"));
    let mut running = Running::new(command, "gsictl check of a million".to_owned());
    let mut most = 0;
    while running.is_running() {
        most = most.max(peak(running.pid()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(20));
    }
    let done = running.end().exits(3);
    let took = began.elapsed() - loaded;
    eprintln!("{BIG} items: loaded in {loaded:.0?}, checked in {took:.0?}, {most} MB at most");
    done.says("Read 1,000,000 items of 1 table");
    assert!((1..100).contains(&most), "{most} MB");
    // The text is a key of two indexes.
    assert_eq!(place.lines("found.jsonl").len(), 2 * BIG / 100);
}

/// In DynamoDB's JSON. One of a hundred has a text that is none.
fn two_hundred_bytes(at: usize) -> String {
    let text = if at.is_multiple_of(100) {
        r#"{"N":"1"}"#.to_owned()
    } else {
        format!(r#"{{"S":"text {at}"}}"#)
    };
    let rest = "x".repeat(150);
    format!(
        r#"{{"pk":{{"S":"thing {at}"}},"sk":{{"N":"1"}},"text":{text},"group":{{"S":"{}"}},"rest":{{"S":"{rest}"}}}}"#,
        at % 1_000
    )
}
