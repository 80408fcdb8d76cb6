"""Reading: what is taken at once, or was read before, is what the slow way reads."""

from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from grammar.nodes import Field
from rules.expressions.record_reading import Content, Reader
from rules.types.symbol_table import Index
from rules.values.unknown import Unknown
from tests.rules.kedai import program_of

INDEX = Index(program_of().ruleset)
READER = Reader(INDEX, "order")  # the same for all examples: it remembers
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
    for _, _, _, _, slot in reader._head:
        content.head[slot.name] = slot.read(body.get(slot.name), content, None)
    for number, row in enumerate(body["lines"], start=1):
        content.lines.append(
            {s.name: s.read(row.get(s.name), content, number) for s in reader.line}
        )
    return content


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
    for _ in range(2):
        found = READER.read(body)
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
