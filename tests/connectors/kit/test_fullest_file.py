"""What a target's file weighs at most: never more than the bytes that it declares."""

import random
from dataclasses import replace

import pytest

from connectors.contract.schema import FieldSchema
from connectors.registry import targets
from sandbox.conformance.target_bench import Posted
from tests.connectors.sample_documents import autocount_invoice, bill_line, invoice, line
from tests.support.zones import BOOKS

WEIGHED = {
    "aiaccount": (lambda number, rows: invoice(number, lines=rows), line, BOOKS),
    "autocount_excel": (
        lambda number, rows: autocount_invoice(
            number, lines=rows, CurrencyCode="MYR", CurrencyRate="1"
        ),
        lambda at: bill_line(),
        {**BOOKS, "company_id": "kedai", "number_prefix": "NS-", "locked_through": "none"},
    ),
}
"""A document of some rows, a row of it, and the settings of a connection."""
CHANCE = random.Random(11)


def test_every_target_that_declares_bytes_is_weighed():
    declared = {name for name, one in targets().items() if one.file_limits.bytes is not None}
    assert declared == WEIGHED.keys()


def noise(length: int) -> str:
    """A text that nothing makes smaller: four bytes a character, none foreseen."""
    return "".join(chr(CHANCE.randrange(0x10000, 0x10FFFF)) for _ in range(length))


def filled(fields: tuple[FieldSchema, ...], known: dict[str, str], number: str) -> dict[str, str]:
    """Each text as long as it may be; what is no free text as it was."""
    made = {
        one.name: noise(one.max_length)
        for one in fields
        if one.max_length and one.name != number and one.name not in KEPT
        if one.sent and not one.theirs
    }
    return {**known, **made}


KEPT = ("Currency", "CurrencyCode", "CustomerIDType", "CustomerTIN", "CustomerEmail", "Discount")
"""Texts with a form of their own, which is shorter than the text of a stranger may be."""


def fullest(name: str) -> list[Posted]:
    """As many documents as one file takes, together with as many rows, each full of text."""
    document, row, _ = WEIGHED[name]
    target = targets()[name]
    limits = target.file_limits
    each = (limits.rows or limits.documents) // limits.documents
    made = []
    for at in range(1, limits.documents + 1):
        one = document(f"NS-{at}", [row(place) for place in range(1, each + 1)])
        (schema,) = (found for found in target.documents if found.name == one.document)
        number = schema.number_field
        head = filled(schema.header, dict(one.fields), number)
        lines = tuple(filled(schema.lines, dict(found), "") for found in one.lines)
        made.append(replace(one, fields=head, lines=lines))
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", WEIGHED)
def test_the_fullest_file_that_the_other_limits_allow_is_no_larger(name):
    """So no file is ever refused for its bytes, and none is parted because of them."""
    target, (_, _, settings) = targets()[name], WEIGHED[name]
    documents = fullest(name)
    made = target.build(documents, settings, batch=True, batch_name="fullest")
    assert made.refused == {}
    assert sum(map(target.rows_of, documents)) == target.file_limits.rows
    assert len(documents) == target.file_limits.documents
    assert 1_000_000 < len(made.body) <= target.file_limits.bytes
