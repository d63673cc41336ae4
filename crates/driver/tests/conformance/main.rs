//! One suite for every backend, and what is particular to each.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says where; what is skipped is said"
)]

mod aws;
mod cases;
mod engines;
mod local;
mod reads;
mod refusals;

#[path = "../support/dynamodb_local.rs"]
mod dynamodb_local;
#[path = "../support/http.rs"]
mod http;
#[path = "../support/skipped.rs"]
mod skipped;

/// Each case as a test of its own on every engine that is ready soon.
macro_rules! suite {
    ($($case:ident),+ $(,)?) => {
        mod embedded_in_a_file {
            $(#[tokio::test]
            async fn $case() {
                crate::cases::$case(crate::engines::file()).await;
            })+
        }
        mod embedded_in_memory {
            $(#[tokio::test]
            async fn $case() {
                crate::cases::$case(crate::engines::memory()).await;
            })+
        }
        mod as_aws {
            $(#[tokio::test]
            async fn $case() {
                crate::cases::$case(crate::engines::fake().await).await;
            })+
        }
        mod amazon_dynamodb_local {
            $(#[tokio::test]
            async fn $case() {
                if let Some(engine) = crate::engines::dynamodb_local(stringify!($case)).await {
                    crate::cases::$case(engine).await;
                }
            })+
        }
    };
}

suite! {
    a_table_comes_back_as_it_was_made,
    an_index_is_built_in_phases_and_ends_active,
    a_second_create_is_told_that_the_slot_is_taken,
    the_same_create_is_told_that_the_index_is_being_created,
    the_same_create_is_told_that_the_index_exists,
    the_twenty_first_index_is_refused,
    a_key_attribute_has_to_be_in_the_calls_own_definitions,
    an_attribute_keeps_its_type,
    the_tables_own_keys_in_a_create_change_nothing,
    a_table_that_is_not_there_is_told_apart_from_an_index,
    a_delete_during_the_build_is_refused_or_cancels_it,
    a_deleted_index_is_shown_until_it_is_gone,
    keys_of_every_type_and_number_come_back,
    projections_come_back,
    a_provisioned_index_keeps_its_throughput,
    a_provisioned_table_wants_throughput_for_its_index,
    an_index_is_built_over_items,
    a_query_finds_what_the_index_holds_and_names_it_in_the_bill,
    a_query_pages_through_one_key_and_leaves_out_what_does_not_match,
    a_query_by_keys_of_every_type_and_number_finds_its_item,
    a_query_that_does_not_fit_the_index_is_refused,
    a_query_of_the_table_finds_one_item_with_every_type_of_value,
    the_segments_of_a_scan_are_the_whole_table,
    a_page_as_it_came_says_the_same,
    an_item_of_another_type_is_not_in_the_index,
    a_query_during_a_build_is_refused,
}

/// Cases that need to see phases last; a build takes half a minute here, so they
/// run side by side.
#[tokio::test]
async fn amazon_dynamodb_local_with_slow_builds() {
    let Some(engines) = engines::Slow::start() else {
        return;
    };
    let mut running = tokio::task::JoinSet::new();
    running.spawn(cases::an_index_is_built_in_phases_and_ends_active(engines.one().await));
    running.spawn(cases::a_second_create_is_told_that_the_slot_is_taken(engines.one().await));
    running
        .spawn(cases::the_same_create_is_told_that_the_index_is_being_created(engines.one().await));
    running.spawn(cases::a_delete_during_the_build_is_refused_or_cancels_it(engines.one().await));
    running.spawn(cases::a_deleted_index_is_shown_until_it_is_gone(engines.one().await));
    running.join_all().await;
}
