"""Reading: what is taken at once, or was read before, is what the slow way reads."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grammar.nodes import Field
from grammar.parsing.parser import parse
from rules.expressions.run import Content, Reader
from rules.program import generated_engine
from rules.types.symbol_table import Index
from rules.values.cause_keys import Unknown
from tests.rules.kedai import line, order, program_of

INDEX = Index(program_of().ruleset)
READERS = (  # the same for all examples: they remember
    Reader(INDEX, "order"),
    Reader(INDEX, "order", generated_engine(INDEX, "order", ZoneInfo("UTC")).rows),
)
NAMES = [f.name for f in INDEX.records["order"].fields if isinstance(f, Field)]
LINE_NAMES = [f.name for f in INDEX.line_records["order"].fields if isinstance(f, Field)]
RAW = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(),
    st.text(),
    st.from_regex(r"\A\s?-?[0-9]{1,40}(\.[0-9]{0,3})?\s?\Z"),
    st.dates().map(str),
    st.datetimes().map(lambda m: f"{m.isoformat()}Z"),
    st.sampled_from(["paid", " Paid ", "yes", " ", "\u00a0", "\x00", "\ud800", "a" * 4_001, "1\n"]),
    st.lists(st.none(), max_size=1),
    st.dictionaries(st.text(max_size=1), st.none(), max_size=1),
)


def slowly(body: dict[str, Any]) -> Content:
    """Every field by its slot, and by a reader that has seen nothing before."""
    reader, content = Reader(INDEX, "order"), Content({}, [], [])
    for slot in reader.head:
        content.head[slot.name] = slot.read(body.get(slot.name), content, None)
    for number, row in enumerate(body["lines"], start=1):
        content.lines.append(
            {s.name: s.read(row.get(s.name), content, number) for s in reader.line}
        )
    return content


@pytest.mark.slow
@given(
    st.dictionaries(st.sampled_from(NAMES), RAW),
    st.lists(st.dictionaries(st.sampled_from(LINE_NAMES), RAW), max_size=2),
)
@example({"version": True, "total": 1}, [{"pos": 1}, {"pos": "1"}, {"pos": True}])
@example({"total": "1.0"}, [{"price": "1.00"}, {"price": Decimal(1)}])
@settings(max_examples=150, deadline=None)
def test_the_quick_way_reads_what_the_slow_way_reads(
    head: dict[str, Any], lines: list[dict[str, Any]]
) -> None:
    body = {**head, "lines": lines}
    wanted = slowly(body)
    for reader in READERS * 2:
        found = reader.read(body)
        assert told(found.head) == told(wanted.head)
        assert [told(row) for row in found.lines] == [told(row) for row in wanted.lines]
        assert [(g.code, g.message, n) for g, n in found.gaps] == [
            (g.code, g.message, n) for g, n in wanted.gaps
        ]


def told(row: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Names, types and digits: 1.0 is not 1.00, and 1 is not yes."""
    return [
        (name, type(value).__name__, "?" if isinstance(value, Unknown) else str(value))
        for name, value in row.items()
    ]


# ---- T16: characters that nobody sees ------------------------------------------------------------


def gaps(**changes: Any) -> list[tuple[str, str, str]]:
    """The code, message and remedy of each hold that reading alone makes."""
    found = READERS[1].read(order(**changes)).gaps
    return [(gap.code, gap.message, gap.would_pass) for gap, _ in found]


def test_T16d_an_invisible_character_in_the_number_of_a_record_holds_it() -> None:
    ((code, message, remedy),) = gaps(number="NS-1\u200b")
    assert code == "VAL01"
    assert message.endswith('number = "NS-1[U+200B]" holds an invisible character (U+200B).')
    assert remedy == "number is written without it: NS-1"
    assert isinstance(READERS[1].read(order(number="NS-1\u200b")).head["number"], Unknown)


def test_T16e_a_quantity_and_a_status_name_the_invisible_character() -> None:
    ((code, message, remedy),) = gaps(lines=[line(qty="2\u200b")])
    assert code == "VAL01"
    assert message.endswith('line.qty = "2[U+200B]" holds an invisible character (U+200B).')
    assert remedy == "line.qty is written without it: 2"
    ((code, message, _),) = gaps(status="Pa\u200bid")
    assert code == "STA01"
    assert message.endswith('status = "Pa[U+200B]id" holds an invisible character (U+200B).')


def test_T16d_the_family_of_a_record_is_told_apart_by_it_too() -> None:
    depot = (Path(__file__).parents[1] / "depot.rules").read_text("utf-8")
    ruleset, _ = parse({"depot.rules": depot})
    found = Reader(Index(ruleset), "delivery").read({"number": "D-1", "order_no": "A\u200b1"})
    assert 'order_no = "A[U+200B]1" holds an' in "".join(g.message for g, _ in found.gaps)


def test_T16f_a_name_that_is_too_long_is_held_for_its_length_alone() -> None:
    ((code, message, _),) = gaps(address="Te\u200ba" * 2_000)
    assert code == "VAL01"
    assert message.endswith("is longer than 4000 characters.")


@pytest.mark.parametrize(
    "name", ["\U0001f469\u200d\U0001f680 Kopi", "\u200fشاي\u200f", "Te\u200ba"]
)
def test_T16f_a_name_keeps_its_joiners_and_marks(name: str) -> None:
    content = READERS[1].read(order(address=name, lines=[line(name=name)]))
    assert content.gaps == []
    assert content.head["address"] == name
    assert content.lines[0]["name"] == name
