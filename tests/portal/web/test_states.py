"""Six words for all states, the same everywhere."""

import pytest

from holding.tables.records import RECORD_STATES
from portal.web.labels import STATES, plain

WORDS = {"pending", "succeeded", "failed", "skipped", "retrying", "needs attention"}


def test_every_state_of_a_record_has_one_of_the_six_words() -> None:
    assert set(STATES) == set(RECORD_STATES)
    assert {plain(state) for state in STATES} == WORDS - {"retrying"}


@pytest.mark.parametrize("state", ["ready", "sending"])
def test_what_is_sent_again_is_retrying(state: str) -> None:
    assert plain(state, tries=1) == "retrying"


def test_what_has_ended_is_never_retrying() -> None:
    assert plain("posted", tries=3) == "succeeded"
    assert plain("failed", tries=12) == "failed"


def test_what_the_target_has_taken_in_is_not_sent_again() -> None:
    assert plain("awaiting", tries=1) == "pending"
