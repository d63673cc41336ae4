//! What DynamoDB says when it refuses a call, in its own words.

use gsictl_core::call::{CallError, CreateIndex, Value};
use gsictl_core::definition::ScalarType;

use super::table::Types;

/// What DynamoDB says while the table's one slot is taken.
pub const ONE_INDEX: &str = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table";

/// What the account's limiter of changes says.
pub const RATE: &str = "The rate of control plane requests made by this account is too high";

/// What it says to a create of a name that is taken.
pub(super) const EXISTS: &str = "Attempting to create an index which already exists";

/// What it says of a global table with capacity of its own, to every change of its
/// indexes, while one of them has no auto scaling.
pub const UNSCALED: &str = "GSI write capacity should either be Pay-Per-Request or AutoScaled.";

/// What it says to a delete in the first phase of a build.
pub(super) const ALLOCATING: &str = "Index creation is in resource allocation phase. Retry deletion during backfilling phase or when the index is active.";

/// What it says to a second delete.
pub(super) const LEAVING: &str = "Index is being deleted.";

/// What it says to a query with a value of another type than the key's.
pub(super) const WRONG_TYPE: &str = "One or more parameter values were invalid: Condition parameter type does not match schema type";

pub(super) fn is_of(value: &Value, scalar: ScalarType) -> bool {
    matches!(
        (value, scalar),
        (Value::S(_), ScalarType::S) | (Value::N(_), ScalarType::N) | (Value::B(_), ScalarType::B)
    )
}

pub(super) fn refuse_attributes(types: &Types, create: &CreateIndex) -> Option<CallError> {
    for key in &create.key_schema {
        let name = &key.attribute_name;
        let Some(wanted) = create.attributes.get(name) else {
            return Some(refusal(
                "ValidationException",
                &format!("Attribute {name} is not defined in AttributeDefinitions"),
            ));
        };
        if types.get(name).is_some_and(|found| found != wanted) {
            return Some(conflict());
        }
    }
    None
}

/// An attribute is given another type than it has.
#[must_use]
pub fn conflict() -> CallError {
    refusal(
        "ValidationException",
        "invalid attribute, SchemaElement redefined should be of same type as previously defined",
    )
}

/// Something is being changed.
pub(super) fn in_use(what: &str) -> CallError {
    let text = format!("Attempt to change a resource which is still in use: {what}");
    refusal("ResourceInUseException", &text)
}

/// All that is said of a global table in which something is being changed.
#[must_use]
pub fn no_reason() -> CallError {
    let text = "The resource which you are attempting to change is in use.";
    refusal("ResourceInUseException", text)
}

/// There is no such table.
#[must_use]
pub fn no_table() -> CallError {
    refusal("ResourceNotFoundException", "Cannot do operations on a non-existent table")
}

/// A refusal in the service's own words: certainly not applied.
#[must_use]
pub fn refusal(code: &str, message: &str) -> CallError {
    CallError::from_service(code, message, Some(400))
}
