"""The library: each function against its source, and what a wrong or blank argument does."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.types.functions import NAMES, PURE, collapse_spaces
from rules.values.cause_keys import (
    CLASSES,
    GENERAL_TINS,
    OTHERS,
    READ_ON,
    class_advice,
    is_tin,
    tin_advice,
)
from tests.rules.shop import NO_TOTAL, found, judged, line, order, program

TINS = (
    "IG1", "IG115002000", "IG24680135790", "IG123456789012", "C25845632020", "C10", "CS123450",
    "D4800990020", "F10234567090", "FA1234560", "PT10234567090", "TA1234567890", "TC98760", "TN10",
    "TR1234567890", "TP1230", "J1234567890", "LE1234567890", "C123456789010", "EI00000000010",
)  # fmt: skip
NO_TINS = (
    "", "C25845632021", "CS0123450", "OG123456789", "SG123456789", "IG1234567890123", "X1234567890",
    "EI00000000050", "EI0000000001", "c25845632020", "C 25845632020", "C2584-5632020", "IG", "C0",
    "25845632020", "CSX1230", "C12345678901230", "IG12A4", "LE-10", "EI000000000100",
)  # fmt: skip


def test_twenty_forms_of_a_tax_number_and_twenty_that_are_none() -> None:
    assert (len(set(TINS)), len(set(NO_TINS))) == (20, 20)
    assert [t for t in TINS if not is_tin(t)] == []
    assert [t for t in NO_TINS if is_tin(t)] == []
    assert all(is_tin(t) for t in GENERAL_TINS)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("C25845632021", "it ends in 0; perhaps C258456320210"),
        ("CS0123450", "no zero behind the letters; perhaps CS123450"),
        ("OG123456789", "IG stands in place of OG; perhaps IG123456789"),
        ("c 2584-5632020", "capitals without spaces and hyphens; perhaps C25845632020"),
        ("IG1234567890123", "14 characters at most"),
        ("X1234567890", "no tax number begins with X"),
        ("770625-01-5324", "capitals without spaces and hyphens; letters, then digits"),
        ("C0000", "no zero behind the letters; it ends in 0"),
    ],
)
def test_a_wrong_tax_number_is_told_what_is_wrong(text: str, advice: str) -> None:
    assert tin_advice(text) == advice


def test_the_tables_carry_the_day_on_which_they_were_read() -> None:
    assert isinstance(READ_ON, date)
    assert sorted(CLASSES) == [f"{n:03}" for n in range(1, 46)]
    assert len(set(CLASSES.values())) == 45
    assert not set(OTHERS) & {"IG", "EI"}
    assert class_advice("22") == "perhaps 022"
    assert class_advice("computer") == ""


@given(st.text(max_size=20))
@settings(max_examples=100)
def test_words_is_clean_and_stays_so(text: str) -> None:
    once = collapse_spaces(text)
    assert collapse_spaces(once) == once
    assert once == " ".join(once.split())
    assert once.isprintable()


def test_every_pure_function_is_one_of_the_language() -> None:
    assert set(PURE) < NAMES


CLASS = {
    "    price    money\n": "    price    money\n    class    text   optional\n",
    "        TaxCode    = \"S\"\n": "        TaxCode    = \"S\"\n"
    "        Classification = e_invoice_class(line.class {default})\n",
    **NO_TOTAL,
}  # fmt: skip


def classified(code: str | None, default: str = "") -> Any:
    changes = {old: new.format(default=default) for old, new in CLASS.items()}
    return judged(program(changes), order(line(**{"class": code})))


def test_a_classification_of_the_table_goes_through() -> None:
    outcome = classified("008")
    assert found(outcome) == []
    assert outcome.decisions[0].document.lines[0]["Classification"] == "008"


def test_a_classification_that_is_none_holds_and_names_what_may_be_meant() -> None:
    (finding,) = found(classified("22"))
    assert (finding.code, finding.error_class, finding.lines) == ("VAL02", "bad_value", (1,))
    assert finding.message == '"22" is no classification of the e-Invoice, perhaps 022.'


def test_a_blank_classification_holds_or_takes_the_default_which_is_marked() -> None:
    assert [f.code for f in found(classified(None))] == ["MIS01"]
    outcome = classified(None, 'otherwise "022"')
    assert found(outcome) == []
    (row,) = [r for r in outcome.lineage if r.field == "Classification"]
    assert row.value == "022"
    assert row.source.endswith('"022" by default, since line.class is missing')
    given_ = classified("008", 'otherwise "022"')
    (row,) = [r for r in given_.lineage if r.field == "Classification"]
    assert "by default" not in row.source
