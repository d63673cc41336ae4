//! What goes wrong on the way to DynamoDB and back.

use std::time::Duration;

use crate::support::wire::Message;

/// The name of an answer that takes its time.
pub(crate) const SLOW: &str = "slow";

/// What becomes of one request.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// What it is counted under.
    pub(crate) name: &'static str,
    /// How often the server gets the request.
    pub(crate) deliveries: u32,
    /// How long the answer takes, on top of the server's time.
    pub(crate) wait: Duration,
    /// So much later than the client has its answer the server gets the request.
    pub(crate) late: Option<Duration>,
    pub(crate) answer: Answer,
}

/// What the client gets.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// What the server said.
    Servers,
    /// This instead.
    Instead(Message),
    /// What the server said with these texts exchanged, of the same length each.
    Changed(&'static [(&'static str, &'static str)]),
    /// The first half of what the server said.
    Half,
    /// The end of the connection.
    Nothing,
}

impl Fault {
    /// The server gets the request, and the client its answer.
    pub(crate) fn none() -> Self {
        Self::named("none", 1, Answer::Servers)
    }

    fn named(name: &'static str, deliveries: u32, answer: Answer) -> Self {
        Self { name, deliveries, wait: Duration::ZERO, late: None, answer }
    }

    /// Refused in DynamoDB's words; the server never hears of it.
    pub(crate) fn refused(name: &'static str, code: &str, message: &str) -> Self {
        Self::named(name, 0, Answer::Instead(error(400, code, message)))
    }

    pub(crate) fn throttled() -> Self {
        Self::refused("throttled", "ThrottlingException", "Rate exceeded")
    }

    pub(crate) fn expired() -> Self {
        let message = "The security token included in the request is expired";
        Self::refused("credentials expired", "ExpiredTokenException", message)
    }

    pub(crate) fn table_busy() -> Self {
        let message = "Attempt to change a resource which is still in use: Table is being updated";
        Self::refused("table busy", "ResourceInUseException", message)
    }

    pub(crate) fn index_busy() -> Self {
        let message = "Attempt to change a resource which is still in use: Index is being created.";
        Self::refused("index busy", "ResourceInUseException", message)
    }

    /// Another index has the table's slot.
    pub(crate) fn slot_taken() -> Self {
        let message = "Subscriber limit exceeded: Only 1 online index can be created or deleted \
                       simultaneously per table";
        Self::refused("one online index", "LimitExceededException", message)
    }

    /// Too many tables build at once, in the words of DynamoDB Local and in AWS's.
    pub(crate) fn account_full(aws: bool) -> Self {
        let (name, message) = if aws {
            let message = "Too many operations for a given subscriber";
            ("account limit (AWS)", message)
        } else {
            let message = "Subscriber limit exceeded: Only 5 tables with online indexes can be \
                           created simultaneously";
            ("account limit (Local)", message)
        };
        Self::refused(name, "LimitExceededException", message)
    }

    /// The table has as many indexes as it may have: no use in trying again.
    pub(crate) fn quota() -> Self {
        let message = "Number of global secondary indexes exceeds per-table limit";
        Self::refused("index quota", "LimitExceededException", message)
    }

    /// Five hundred, and nothing was applied; the client cannot know.
    pub(crate) fn server_error() -> Self {
        Self::named("500 before", 0, Answer::Instead(internal()))
    }

    /// Five hundred, and it was applied.
    pub(crate) fn server_error_after() -> Self {
        Self::named("500 after", 1, Answer::Instead(internal()))
    }

    /// The page of a load balancer that could not reach the server.
    pub(crate) fn page(status: u16) -> Self {
        Self::named(page_name(status, false), 0, Answer::Instead(page(status)))
    }

    /// The page of a load balancer that lost the server's answer.
    pub(crate) fn page_after(status: u16) -> Self {
        Self::named(page_name(status, true), 1, Answer::Instead(page(status)))
    }

    /// The connection breaks before the server has the request.
    pub(crate) fn lost_before() -> Self {
        Self::named("lost before", 0, Answer::Nothing)
    }

    /// The server carries it out, and the connection breaks.
    pub(crate) fn lost_after() -> Self {
        Self::named("lost after", 1, Answer::Nothing)
    }

    /// The connection breaks, and the request arrives all the same, later.
    pub(crate) fn late(by: Duration) -> Self {
        Self { late: Some(by), ..Self::named("arrives late", 1, Answer::Nothing) }
    }

    /// The connection breaks in the middle of the answer.
    pub(crate) fn cut_off() -> Self {
        Self::named("cut off", 1, Answer::Half)
    }

    /// Something between repeats the request; the second answer comes back.
    pub(crate) fn twice() -> Self {
        Self::named("delivered twice", 2, Answer::Servers)
    }

    /// Something that the server never would say.
    pub(crate) fn changed(texts: &'static [(&'static str, &'static str)]) -> Self {
        Self::named("changed", 1, Answer::Changed(texts))
    }

    /// The answer takes its time.
    pub(crate) fn slow(wait: Duration) -> Self {
        Self { wait, ..Self::named(SLOW, 1, Answer::Servers) }
    }

    /// It was applied, and the answer comes when nobody waits for it any more.
    pub(crate) fn too_slow(wait: Duration) -> Self {
        Self { wait, ..Self::named("too slow", 1, Answer::Servers) }
    }
}

fn error(status: u16, code: &str, message: &str) -> Message {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    let body = serde_json::json!({ "__type": kind, "message": message }).to_string();
    Message::answer(status, "application/x-amz-json-1.0", &body)
}

fn internal() -> Message {
    let message = "The request processing has failed because of an unknown error";
    error(500, "InternalServerError", message)
}

fn page(status: u16) -> Message {
    let body = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body>");
    Message::answer(status, "text/html", &body)
}

fn page_name(status: u16, after: bool) -> &'static str {
    match (status, after) {
        (502, false) => "502 page before",
        (502, true) => "502 page after",
        (_, false) => "503 page before",
        (_, true) => "503 page after",
    }
}
