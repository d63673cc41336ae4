//! `gsictl-fake WORLD.yaml`: AWS's control plane on loopback, to try things on.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use gsictl_fake::{Fake, RecordedCall, WorldFile};

/// DynamoDB's control plane as AWS answers it, on 127.0.0.1.
///
/// Prints its endpoints and the environment to set, and then each call as it comes, until
/// it is ended.
#[derive(Parser)]
#[command(after_help = "crates/fake/README.md says what a world may hold.")]
struct FakeArgs {
    /// What there is: YAML or JSON, as in crates/fake/world.yaml.
    world: PathBuf,
    /// So many of AWS's seconds pass in one of ours [default: the world's, or 60].
    #[arg(long)]
    scale: Option<f64>,
    /// Listen on this port [default: the world's, or a free one].
    #[arg(long)]
    port: Option<u16>,
}

fn main() -> ExitCode {
    match serve(&FakeArgs::parse()) {
        Ok(fake) => follow(&fake),
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

fn serve(args: &FakeArgs) -> Result<Fake, String> {
    let path = args.world.display();
    let text = std::fs::read_to_string(&args.world).map_err(|error| format!("{path}: {error}"))?;
    let world = WorldFile::read(&text).map_err(|error| format!("{path}: {error}"))?;
    let scale = args.scale.or(world.scale).unwrap_or(60.0);
    if !(scale.is_finite() && scale > 0.0) {
        return Err(format!("the scale {scale} is not a number above 0"));
    }
    let port = args.port.or(world.port).unwrap_or(0);
    let plane = world.plane()?;
    let regions = plane.regions();
    let fake = Fake::start_on(plane, scale, port).map_err(|error| error.to_string())?;
    println!("# {scale} of AWS's seconds pass in one of ours.");
    for (name, value) in fake.environment() {
        println!("export {name}={value}");
    }
    for region in regions {
        let endpoint = fake.endpoint_in(&region).map_err(|error| error.to_string())?;
        println!("# of {region} alone: {endpoint}");
    }
    Ok(fake)
}

/// Tells each call until the process is ended.
fn follow(fake: &Fake) -> ! {
    let mut told = 0;
    loop {
        let calls = fake.calls();
        for call in &calls[told..] {
            tell(call);
        }
        told = calls.len();
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn tell(call: &RecordedCall) {
    let RecordedCall { at, region, operation, body, refused } = call;
    let answer = refused.as_deref().unwrap_or("done");
    let asked = match operation.as_str() {
        "DescribeTable" => call.table().to_owned(),
        _ => body.to_string(),
    };
    println!("{:9.1} s {region} {operation} {asked} -> {answer}", at.as_secs_f64());
}
