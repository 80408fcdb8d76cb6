"""Keys of causes and what ends a hold: one text each, read and written without a loss."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.values.canonical import dumps, plain, revive
from rules.values.cause_keys import ITSELF, LONGEST_KEY, NEVER, CauseKey, CauseKind, Clearing

KINDS = [kind for kind in CauseKind if kind is not CauseKind.OTHER]
KEYS = st.builds(CauseKey, st.sampled_from(KINDS), st.text())
STORED = st.text() | st.builds("{}:{}".format, st.sampled_from(KINDS), st.text())
CLEARINGS = st.sampled_from([ITSELF, NEVER]) | st.builds(Clearing.by, st.text())


@given(STORED)
@example("mapping:item:A:B|C")
@example(":rest")
@example("unit")
@example("check:back_dated")
def test_a_stored_key_is_written_as_it_was_read(text: str) -> None:
    assert str(CauseKey.parse(text)) == text


@given(KEYS)
def test_a_key_is_read_as_it_was_built(key: CauseKey) -> None:
    assert CauseKey.parse(str(key)) == key
    assert revive(CauseKey, json.loads(dumps(key))) == key


@given(CLEARINGS)
def test_what_ends_a_hold_is_read_as_it_was_built(clearing: Clearing) -> None:
    assert Clearing.parse(str(clearing)) == clearing
    assert revive(Clearing, plain(clearing)) == clearing
    assert clearing.by_people is str(clearing).startswith("by:")


@pytest.mark.parametrize("text", ["", "by", "never:", "itself:accounts", "By:accounts", "later"])
def test_another_text_does_not_end_a_hold(text: str) -> None:
    with pytest.raises(ValueError, match=r"HowCleared|what ends a hold"):
        Clearing.parse(text)


@pytest.mark.parametrize(
    ("text", "table", "entry"),
    [
        ("mapping:item:AB-1", "item", "AB-1"),
        ("mapping:item:AB:1|x", "item", "AB:1|x"),
        ("unit:BOX|AB:1", "units", "BOX|AB:1"),
        ("field:customer", None, "customer"),
        ("items:AB-1", None, "items:AB-1"),
    ],
)
def test_the_missing_entry_is_taken_from_the_key(text: str, table: str | None, entry: str) -> None:
    key = CauseKey.parse(text)
    assert (key.table, key.entry) == (table, entry)


def test_parts_of_a_key() -> None:
    assert CauseKey.unit("BOX", "AB|1").unit_and_item == ("BOX", "AB|1")
    assert CauseKey.period("auto:count", "2026-04").month == "2026-04"
    assert str(CauseKey.mapping("item", "")) == "mapping:item:"


@given(st.text(min_size=LONGEST_KEY), st.text(), st.text())
def test_two_very_long_keys_are_kept_apart(beginning: str, one: str, other: str) -> None:
    kept = [CauseKey(CauseKind.FIELD, beginning + end).kept for end in (one, other)]
    assert (kept[0] == kept[1]) == (one == other)
    assert all(len(key.named) <= max(LONGEST_KEY, len(beginning)) for key in kept)
    assert all(key.kept == key for key in kept)


def test_a_short_key_is_kept_as_it_is() -> None:
    key = CauseKey(CauseKind.FIELD, "x" * LONGEST_KEY)
    assert key.kept == key
    assert len(CauseKey(CauseKind.FIELD, "x" * (LONGEST_KEY + 1)).kept.named) == LONGEST_KEY
