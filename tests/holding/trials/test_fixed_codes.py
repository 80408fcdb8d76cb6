"""Codes that rules and mappings name, beside what the target lists and what was posted."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from connectors.contract import Snapshot
from holding.company.diagnosis import Topic, diagnose
from holding.connections.master_data import keep_snapshot
from tests.holding.life import Life
from tests.holding.shop import FILES, RULES
from tests.support.factories import connection_named

NEXT = """const sales_account
    from 2024-01-01 = "40000"
    from 2027-01-01 = "41000"
"""
FIRST = 'const sales_account\n    from 2024-01-01 = "40000"\n'
MAPPED = (
    RULES.replace('TaxCode      = "NT"', 'TaxCode      = tax_code("none")')
    + """
map tax_code
    match    exact
    "none"  -> "NT"
    "all"   -> "S-10"
    missing  hold for accounts  say "Tax word {key} has no tax code."
"""
)


def lists(life: Life, **codes: tuple[str, ...]) -> None:
    """What the target lists, as it was asked just now."""
    blank: dict[str, Any] = dict.fromkeys(one.name for one in dataclasses.fields(Snapshot))
    told = Snapshot(**(blank | {"names": {}, "tax_rates": {}} | codes))
    with life.shop.database.write() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        keep_snapshot(session, there, told, person=None, now=life.shop.now)


def said(life: Life, topic: Topic) -> list[str]:
    with life.shop.database.read() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        return [
            one.words for one in diagnose(session, there.id, life.shop.now) if one.topic == topic
        ]


def rules(text: str) -> dict[str, str]:
    return FILES | {"shop.rules": text}


def test_H14_a_const_that_is_not_listed_is_told_before_a_document_meets_it(life: Life) -> None:
    lists(life, accounts=("40000", "50000"), currencies=("MYR",))
    assert said(life, Topic.NO_RECORDS) == []
    lists(life, accounts=("50000",), currencies=("MYR",))
    told = "The rules name sales_account = “40000”, which it does not list."
    assert said(life, Topic.NO_RECORDS) == [told]
    life.shop.publish(rules(RULES.replace('= "40000"', '= "50000"')))
    assert said(life, Topic.NO_RECORDS) == []


def test_what_counts_from_a_later_day_on_is_not_asked_for_yet(life: Life) -> None:
    assert FIRST in RULES
    life.shop.publish(rules(RULES.replace(FIRST, NEXT)))
    lists(life, accounts=("40000",), currencies=("MYR",))
    assert said(life, Topic.NO_RECORDS) == []


def test_a_text_of_the_rules_is_told_too(life: Life) -> None:
    lists(life, tax_codes=("SR",), currencies=("MYR",))
    assert said(life, Topic.NO_RECORDS) == ["The rules name “NT”, which it does not list."]


def test_of_a_mapping_what_is_not_listed_any_more_is_told(life: Life) -> None:
    """What was never listed may be there for another company; a document with it is held."""
    life.shop.publish(rules(MAPPED))
    lists(life, tax_codes=("SR",), currencies=("MYR",))
    assert said(life, Topic.NO_RECORDS) == []
    lists(life, tax_codes=("SR", "NT", "S-10"), currencies=("MYR",))
    assert said(life, Topic.NO_RECORDS) == []
    lists(life, tax_codes=("SR",), currencies=("MYR",))
    told = "Mapping tax_code: 2 values are not listed there any more, the first “all” → “S-10”."
    assert said(life, Topic.NO_RECORDS) == [told]
    lists(life, tax_codes=("SR", "NT"), currencies=("MYR",))
    told = "Mapping tax_code: 1 value is not listed there any more, the first “all” → “S-10”."
    assert said(life, Topic.NO_RECORDS) == [told]


def test_lists_of_days_ago_say_nothing(life: Life) -> None:
    lists(life, accounts=("50000",), currencies=("MYR",))
    life.shop.clock.advance(int(timedelta(days=2).total_seconds()))
    assert said(life, Topic.NO_RECORDS) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (RULES.replace('= "40000"', '= "41000"'), 2),
        (RULES.replace("= sales_account", '= "41000"'), 2),
        (RULES.replace(FIRST, NEXT.replace("2027-01-01", "2026-11-18")), 1),
        (RULES.replace(FIRST, NEXT), 0),
        (RULES, 0),
    ],
    ids=["corrected", "written out", "from a day on", "from next year on", "the same"],
)
def test_H14_documents_that_were_posted_with_another_account_are_told(
    life: Life, changed: str, told: int
) -> None:
    life.shop.publish(rules(RULES))
    life.arrive("A-1")
    life.arrive("A-2", ordered_on="2026-11-17", total="96.00", lines=[one_carton()])
    assert said(life, Topic.ACCOUNT) == []
    life.shop.publish(rules(changed))
    plural = {1: "1 posted document was", 2: "2 posted documents were"}
    words = f"AccountCode is “41000” in the rules now; {plural.get(told)} made with “40000”."
    assert said(life, Topic.ACCOUNT) == ([words] if told else [])


def one_carton() -> dict[str, Any]:
    return {"pos": 1, "sku": "TEA-1", "name": "Tea", "uom": "CTN", "qty": "1", "price": "96.00"}
