//! DynamoDB's control plane as **AWS** answers it, and not as emulators do: on loopback,
//! in AWS's times divided by a scale, with AWS's words and their namespaces. For tests of
//! gsictl, and for trying it by hand (`gsictl-fake WORLD.yaml`).
//!
//! The facts are those that gsictl's code rests on (`docs/dynamodb.md`). Phases are
//! derived from instants, never advanced by being looked at; nothing is random.
//!
//! - [`ControlPlane`]: an account with its tables, times, limits and rules. A value.
//! - [`FakeTable`], [`FakeIndex`]: what is in it, on demand, provisioned, global, another
//!   account's.
//! - [`Fake`]: serves one on 127.0.0.1, and says what was asked of it.
//! - [`Scripted`]: "the next two UpdateTable of that table answer this".
//!
//! # A table whose index is built in five seconds
//! ```
//! use gsictl_fake::{ControlPlane, Fake, FakeTable};
//!
//! let table = FakeTable::on_demand("orders").key("id", "S");
//! let fake = Fake::start(ControlPlane::new("eu-west-1").with_table(table), 100.0)?;
//! let client = ("--endpoint-url", fake.endpoint(), fake.environment());
//! // ... a client creates an index ...
//! assert!(fake.calls_of("UpdateTable").is_empty());
//! # drop(client);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # A global table, one endpoint for all regions or one for each
//! ```
//! use gsictl_fake::{ControlPlane, Fake, FakeTable};
//!
//! let regions = ["eu-west-1", "us-east-1"];
//! let table = FakeTable::on_demand("orders").key("id", "S").in_regions(&regions);
//! let fake = Fake::start(ControlPlane::new("eu-west-1").with_table(table), 100.0)?;
//! // The region is the one that a request is signed for ...
//! let any = fake.endpoint();
//! // ... or the endpoint's own: --region-endpoint us-east-1=URL
//! let other = fake.endpoint_in("us-east-1")?;
//! assert_ne!(any, other);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Refusals, other operators, policies
//! ```
//! use std::time::Duration;
//! use gsictl_fake::{ControlPlane, Fake, FakeIndex, FakeTable, Scripted};
//!
//! let orders = FakeTable::provisioned("orders", 5, 5)
//!     .key("id", "S")
//!     .index(FakeIndex::new("by-day").key("day", "S"));
//! let plane = ControlPlane::new("eu-west-1")
//!     .with_table(orders)
//!     .with_limits(|limits| limits.indexes_per_table = 30)
//!     .with_access(|access| access.deny_in("DescribeTable", "us-east-1"))
//!     .with_scripted(Scripted::on("UpdateTable").times(1).lose_answer())
//!     // After ten of AWS's minutes the key of the table cannot be used any more.
//!     .at(Duration::from_secs(600), |plane, now| {
//!         plane.set_status(now, "orders", "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
//!     });
//! let fake = Fake::manual(plane)?;
//! fake.advance(Duration::from_secs(600));
//! let told = fake.describe("eu-west-1", "orders").expect("it is there");
//! assert_eq!(told["TableStatus"], "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
//! // Somebody changes the throughput of an index, now and for twenty of AWS's seconds.
//! fake.with(|plane, now| {
//!     plane.keep_updating(now, "orders", "by-day", Duration::from_secs(20));
//! });
//! # Ok::<(), std::io::Error>(())
//! ```

mod clock;
mod date;
mod model;
mod refusal;
mod server;
mod wire;
mod world_file;

pub use clock::Elapsed;
pub use model::access::AccessRules;
pub use model::index::FakeIndex;
pub use model::script::Scripted;
pub use model::settings::{FanOut, ServiceLimits, ServiceTimes};
pub use model::table::FakeTable;
pub use model::{ACCOUNT, ControlPlane};
pub use refusal::AwsRefusal;
pub use server::{Fake, RecordedCall};
pub use world_file::WorldFile;
