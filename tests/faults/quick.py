"""What of the fault suite `make test` plays, so that it does not rot: some seconds of it.

Here: the names, of a test or of one case of it; each takes less than a second of a processor. Most
have no processes of their own; of those that have, one case a fault. Not here: the choice by them
(conftest.py); everything else runs under `make faults`.
"""

from collections.abc import Iterable

QUICK = frozenset(
    {
        "test_f01_kills::test_f01_killed_while_approving[sqlite]",
        "test_f01_kills::test_f03_asleep_for_longer_than_the_lease[sqlite-push.after_intent-nothing]",
        "test_f01_kills::test_f04_a_deploy_while_busy[sqlite]",
        "test_f01_kills::test_f10_the_database_goes_away[sqlite]",
        "test_f07_doorbells::test_f07_the_queue_tries_nothing_again",
        "test_f11_power::test_f09_files_cannot_grow",
        "test_f12_answers::test_f12_done_and_not_told[sqlite-timeout_after]",
        "test_f12_answers::test_f12_each_answer_many_times",
        "test_f12_answers::test_f13_refused_many_times",
        "test_f12_two_steps::test_f12_a_worker_dies_between_the_two_steps",
        "test_f17_clocks::test_f17_a_worker_with_a_wrong_clock_takes_a_usual_lease",
        "test_f17_clocks::test_f17_nothing_waits_for_a_clock_that_was_set_back[3600]",
        "test_f19_versions::test_f19_versions_in_any_order[None]",
        "test_f19_versions::test_f19_versions_in_any_order[4]",
        "test_f22_crowds::test_a_crowd_is_able_to_fail",
        "test_f22_crowds::test_what_may_not_be_undone_is_not",
        "test_f22_crowds::test_whatever_hypothesis_lets_a_crowd_do",
        "test_f28_chain::test_f28_every_change_of_the_trail_is_found",
        "test_mutants::test_a_scene_catches",
        "test_mutants::test_a_database_that_does_not_wait_for_the_disk_is_caught",
        "test_mutants::test_a_lease_by_the_workers_clock_is_caught",
        "test_mutants::test_fourteen_bugs_are_planted",
    }
)


def quick(told: str) -> bool:
    """Whether `module::test[case]` is played, by itself or with all cases of its test."""
    return not QUICK.isdisjoint((told, told.partition("[")[0]))


def unknown(collected: Iterable[str]) -> set[str]:
    """Names of modules that were collected which no test in them has any more."""
    there = set(collected)
    modules = {told.partition("::")[0] for told in there}
    named = there | {told.partition("[")[0] for told in there}
    return {one for one in QUICK if one.partition("::")[0] in modules} - named
