//! The suite that every backend passes unchanged. Behind the feature `conformance`; no production code uses it.
//!
//! A backend gives a [`Ground`] and runs each case of [`each_case!`](crate::each_case) on a fresh one. A case fails by
//! panicking. Everything comes through the port: nothing here knows a backend.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a case fails by panicking, as tests do")]
#![expect(clippy::cloned_ref_to_slice_refs, reason = "lists of samples read the same whatever their length")]

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use base::FixedClock;

use crate::Store;

pub mod accounts;
pub mod adding;
pub mod approvals;
pub mod editions;
pub mod exchange;
pub mod finding;
pub mod leaves;
mod meeting;
pub mod observables;
pub mod owners;
pub mod paging;
pub mod papers;
mod reads;
pub mod relay;
pub mod removing;
pub mod sample;
pub mod seeing;
pub mod upkeep;
pub mod versions;
pub mod words;

/// A place where a store can be opened: empty at first, and with what was stored when it is opened again.
pub trait Ground: Send + Sync {
    /// Opens the store. The one opened before has been dropped.
    fn open(&self, clock: Arc<FixedClock>) -> Arc<dyn Store>;
}

/// A ground with a clock that the case holds in its hands.
pub struct Site {
    /// The clock.
    pub clock: Arc<FixedClock>,
    ground: Box<dyn Ground>,
}

impl Site {
    /// A site on a fresh ground.
    #[must_use]
    pub fn new(ground: Box<dyn Ground>) -> Self {
        Self { clock: Arc::new(FixedClock::at(sample::START)), ground }
    }

    /// Opens the store, for the first time or again.
    #[must_use]
    pub fn open(&self) -> Arc<dyn Store> {
        self.ground.open(Arc::clone(&self.clock))
    }
}

/// Lets other tasks have their turn, without naming a runtime.
async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs futures side by side to their ends.
async fn every<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    let mut waiting: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Runs two futures side by side.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (Box::pin(one), Box::pin(other));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(move |context| {
        if first.is_none() {
            first = ended(one.as_mut().poll(context));
        }
        if second.is_none() {
            second = ended(other.as_mut().poll(context));
        }
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}

fn ended<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Calls `$case!(module::name)` for every case of the suite.
#[macro_export]
macro_rules! each_case {
    ($case:ident) => {
        $case!(accounts::users_have_unique_names);
        $case!(accounts::changes_raise_the_epochs);
        $case!(accounts::tokens_are_found_by_digest_and_revoked_once);
        $case!(accounts::sessions_end);
        $case!(accounts::collections_have_unique_names);
        $case!(accounts::grants_replace_each_other);
        $case!(accounts::numbers_are_never_given_twice);
        $case!(adding::dates_rise_and_are_unique);
        $case!(adding::dates_never_go_back);
        $case!(adding::a_large_batch_has_as_many_dates);
        $case!(adding::the_same_again_is_known);
        $case!(adding::handling_is_each_copys_own);
        $case!(adding::versions_take_their_places);
        $case!(adding::conflicts_are_refused);
        $case!(adding::another_created_or_creator_stands_beside);
        $case!(adding::a_lineage_follows_itself_alone);
        $case!(adding::lineages_of_an_object_have_a_limit);
        $case!(adding::late_revocations_take_over);
        $case!(adding::refusals_stand_alone);
        $case!(adding::observables_have_their_date_as_version);
        $case!(adding::statuses_are_private);
        $case!(adding::the_withheld_does_not_show_in_answers);
        $case!(adding::a_poller_misses_nothing);
        $case!(approvals::the_same_wish_is_one_request);
        $case!(approvals::an_answer_is_given_once_and_in_time);
        $case!(approvals::an_approval_is_used_once);
        $case!(approvals::what_was_done_alone_is_kept);
        $case!(approvals::what_is_marked_for_few_is_known);
        $case!(exchange::the_rows_are_those_of_the_maps);
        $case!(exchange::salts_of_acts_before_go_with_the_content);
        $case!(exchange::long_ledgers_are_mirrored);
        $case!(exchange::evidence_and_refusals_are_kept);
        $case!(exchange::lines_go_behind_what_a_restore_has_lost);
        $case!(exchange::refusals_are_owed_again);
        $case!(exchange::what_is_tried_is_told_and_leaves_nothing);
        $case!(exchange::a_failed_step_leaves_nothing);
        $case!(exchange::a_refusal_told_again_is_logged_once);
        $case!(exchange::a_step_reads_its_own_leaves);
        $case!(exchange::each_word_stands_and_goes_alone);
        $case!(exchange::what_markings_ask_is_put_on_once_they_stand);
        $case!(observables::observables_hide_nothing_of_each_other);
        $case!(observables::what_is_withheld_does_not_choose_what_is_told);
        $case!(observables::what_an_observable_said_is_found_as_long_as_it_stands);
        $case!(observables::edges_of_observables_are_counted_as_they_are_listed);
        $case!(owners::only_its_owner_follows_a_version);
        $case!(owners::own_versions_follow_the_own_word);
        $case!(owners::who_claims_an_identity_later_parts_nothing);
        $case!(finding::terms_are_found);
        $case!(finding::terms_follow_versions);
        $case!(finding::lineages_hide_nothing_of_each_other);
        $case!(finding::ranges_hold_addresses);
        $case!(finding::look_ups_are_bounded);
        $case!(finding::what_holds_is_found_first);
        $case!(finding::text_is_searched);
        $case!(finding::what_is_called_so_is_found_first);
        $case!(finding::results_are_paged);
        $case!(finding::edges_go_both_ways);
        $case!(finding::edges_say_how_both_ends_stand);
        $case!(finding::edges_are_gathered_by_name);
        $case!(finding::what_lists_an_object_is_told);
        $case!(finding::what_lists_an_object_is_told_behind_very_much_else);
        $case!(finding::types_are_those_seen);
        $case!(finding::briefs_are_of_what_is_told_first);
        $case!(finding::patterns_are_listed);
        $case!(finding::sightings_are_counted);
        $case!(leaves::every_object_leaves_a_leaf);
        $case!(leaves::heads_only_grow);
        $case!(leaves::what_fails_leaves_no_leaf);
        $case!(leaves::tiles_hold_the_leaves);
        $case!(paging::pages_are_the_stored_bytes);
        $case!(paging::cursors_go_on);
        $case!(paging::limits_hold);
        $case!(paging::the_newest_come_first_where_asked);
        $case!(paging::pages_have_a_ceiling_in_bytes);
        $case!(paging::cursors_are_bound_to_their_question);
        $case!(paging::added_after_is_exclusive);
        $case!(paging::filters_pick);
        $case!(paging::filtered_lists_are_paged);
        $case!(paging::versions_are_paged);
        $case!(paging::a_moving_collection_is_paged_whole);
        $case!(paging::what_was_under_embargo_comes_when_it_is_over);
        $case!(paging::what_was_under_embargo_stands_where_it_stood);
        $case!(paging::what_is_shown_to_more_people_comes_to_them);
        $case!(paging::cursors_stay_where_they_are_when_rows_are_dated_anew);
        $case!(paging::what_becomes_an_end_comes_to_who_polls);
        $case!(paging::the_ends_of_an_observable_come_to_who_polls);
        $case!(paging::what_becomes_an_end_tells_of_nothing_withheld);
        $case!(papers::papers_are_kept_word_for_word);
        $case!(papers::papers_are_replaced_and_removed);
        $case!(relay::a_route_keeps_its_last_parcel);
        $case!(relay::a_relay_is_bounded);
        $case!(relay::each_depositor_has_its_share_of_a_relay);
        $case!(relay::what_was_put_at_a_relay_is_remembered_until_it_is_gone);
        $case!(removing::versions_go_one_by_one_or_all);
        $case!(removing::nothing_is_found_of_what_is_gone);
        $case!(removing::collections_go_whole);
        $case!(removing::the_withheld_stays);
        $case!(seeing::the_predicate_is_the_decision);
        $case!(seeing::foreign_collections_do_not_exist);
        $case!(seeing::the_withheld_leaves_no_trace);
        $case!(seeing::the_latest_is_the_viewers_latest);
        $case!(seeing::narrowing_is_coming_so);
        $case!(upkeep::figures_count_once);
        $case!(upkeep::a_healthy_store_says_so);
        $case!(upkeep::what_is_derived_again_is_the_same);
        $case!(upkeep::state_hashes_agree);
        $case!(upkeep::settings_and_jobs_are_kept);
        $case!(editions::very_many_versions_in_several_editions_are_polled);
        $case!(editions::a_moment_is_looked_for_in_the_editions_asked_for);
        $case!(editions::what_is_deleted_as_an_end_is_what_is_read_as_one);
        $case!(editions::what_becomes_the_end_of_an_edition_comes_to_who_polls);
        $case!(versions::what_is_current_is_what_the_rules_say);
        $case!(versions::a_look_alike_keeps_no_version_out);
        $case!(words::the_own_word_is_the_latest_of_ones_own);
        $case!(words::a_deed_acts_on_the_copies_that_its_doer_sees);
        $case!(words::what_stands_is_known_by_whose_word_it_is);
        $case!(words::handling_is_inherited_from_who_may_be_known);
        $case!(words::a_lineage_begins_under_the_handling_of_what_stands_there);
        $case!(words::a_view_follows_the_lineage_of_its_original);
        $case!(words::narrowing_leaves_the_word_of_others);
        $case!(words::a_copy_of_what_was_erased_is_known);
        $case!(words::what_waits_is_listed_until_it_waits_no_more);
        $case!(words::an_end_that_a_narrowing_sets_is_looked_for_beside);
    };
}
