"""Six words for all states, the same everywhere; one label for each state that people read."""

import pytest

from holding.db.models import columns
from holding.db.models.records import RECORD_STATES
from holding.platform import states
from holding.runs.status import RUN_KINDS
from portal.web.store import PUSH_TONES, STATES, plain_state

WORDS = {"pending", "succeeded", "failed", "skipped", "retrying", "needs attention"}


def test_every_state_of_a_record_has_one_of_the_six_words() -> None:
    assert set(STATES) == set(RECORD_STATES)
    assert {plain_state(state) for state in STATES} == WORDS - {"retrying"}


@pytest.mark.parametrize("state", ["ready", "sending"])
def test_what_is_sent_again_is_retrying(state: str) -> None:
    assert plain_state(state, tries=1) == "retrying"


def test_what_has_ended_is_never_retrying() -> None:
    assert plain_state("posted", tries=3) == "succeeded"
    assert plain_state("failed", tries=12) == "failed"


def test_what_the_target_has_taken_in_is_not_sent_again() -> None:
    assert plain_state("awaiting", tries=1) == "pending"


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        (states.STATE_LABELS, RECORD_STATES),
        (states.PUSH_LABELS, columns.PushState),
        (states.ATTEMPT_LABELS, columns.AttemptState),
        (states.CALL_LABELS, columns.RequestState),
        (states.HOLD_LABELS, columns.HoldState),
        (states.RUN_LABELS, columns.RunState),
        (states.RUN_KIND_LABELS, RUN_KINDS),
        (states.CALL_KIND_LABELS, ("push", "lookup", "poll", "read")),
    ],
)
def test_every_code_has_its_own_label(labels, codes) -> None:
    assert set(labels) == set(codes)
    assert len(set(labels.values())) == len(labels), "two states would look the same"
    for code, label in labels.items():
        assert label[0].isupper(), code
        assert "_" not in label, code


def test_every_push_state_has_a_tone() -> None:
    assert set(PUSH_TONES) == set(states.PUSH_LABELS)


def test_the_reason_tells_who_decided_that_it_is_not_posted() -> None:
    assert states.state_label("ignored", "rejected by Lim: twice") == "Not posted (rejected)"
    assert states.state_label("ignored", "") == "Not posted (by rule)"
    assert states.state_label("ignored") == "Not posted"
    assert states.state_label("held", "rejected") == "On hold"
