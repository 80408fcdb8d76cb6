"""A document as far as it is known, made by one function: the same as field by field."""

from collections import Counter

import pytest

from grammar.parsing.parser import parse
from rules.documents.fields import DocumentProgram, Draft
from rules.expressions.run import Run
from rules.facts import Facts, Subject
from rules.testing.runner import run_tests
from tests.rules.codegen.test_compiled import law
from tests.rules.codegen.test_engines import Damaged
from tests.rules.kedai import NOW, TEXT, decision, line, order, program_of, world
from tests.rules.one_meaning import in_every_way
from tests.support.templates import rules_of


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many documents were made at once, by what is missing of them; each is compared."""
    found, at_once = Counter[str](), DocumentProgram._draft_compiled

    def compared(self: DocumentProgram, run: Run) -> Draft | None:
        quick = at_once(self, run)
        if quick is None:
            found["none"] += 1
            return None
        slow = self._field_by_field(run)
        assert list(quick.fields.items()) == list(slow.fields.items())
        assert [list(row.items()) for row in quick.lines] == [
            list(row.items()) for row in slow.lines
        ]
        assert quick.values.keys() == slow.values.keys()
        assert list(quick.gaps.items()) == list(slow.gaps.items())
        found["gaps of lines" if any(quick.gaps.values()) else "gaps" if quick.gaps else "all"] += 1
        return quick

    monkeypatch.setattr(DocumentProgram, "_draft_compiled", compared)
    return found


@pytest.mark.slow
def test_of_programs_and_records_by_lot(made: Counter[str]) -> None:
    for seed in range(100):
        law(seed)
    assert min(made[sort] for sort in ("all", "gaps", "gaps of lines")) > 10


def test_of_the_stories_of_a_template_and_damaged_ones(made: Counter[str]) -> None:
    ruleset, problems = parse(rules_of("netshop-aiaccount"))
    assert problems == ()
    assert run_tests(ruleset, Damaged(ruleset)).failed == ()  # type: ignore[arg-type]
    assert min(made[sort] for sort in ("all", "gaps", "gaps of lines")) > 3


@pytest.mark.parametrize(
    ("price", "said"),
    [
        ("line.price / 3", "UnitPrice is 1/3, which no decimal says exactly"),
        ("line.price / (line.qty - line.qty)", "cannot be worked out: it divides by zero"),
    ],
)
def test_what_no_decimal_says_or_nobody_can_work_out_belongs_to_its_field(
    price: str, said: str, made: Counter[str]
) -> None:
    old = "round(price_in_base(line.price, line.uom, line.sku), 0.0001)\n        AccountCode"
    text = TEXT.replace(old, f"{price}\n        AccountCode")
    assert text != TEXT
    about = Subject("order", "netshop", order(lines=[line(price="1.00")]), 1)
    outcome = in_every_way(program_of(text), about, Facts(NOW), world(), NOW)
    told = {f.message for f in decision(outcome).findings if f.code in {"NUM01", "EVA01"}}
    assert any(said in message for message in told), told
    assert made["none"] > 0
