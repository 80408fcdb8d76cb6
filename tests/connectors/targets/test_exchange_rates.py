"""A rate that would book another amount than anybody meant is refused before it is sent."""

from dataclasses import replace

import pytest

from connectors.registry import targets
from tests.connectors.simulator_processes import SAMPLES
from tests.support.zones import BOOKS

FIELDS = {
    "aiaccount": ("Currency", "ExchangeRate"),
    "autocount": ("CurrencyCode", "CurrencyRate"),
    "autocount_excel": ("CurrencyCode", "CurrencyRate"),
    "quickbooks": ("CurrencyRef", "ExchangeRate"),
}


def built(name, currency, rate):
    """What is answered before anything is sent: a class, or "taken"."""
    code, field = FIELDS[name]
    return told(name, currency, **{code: currency, **({field: rate} if rate else {})})


def told(name, currency, **fields):
    target, sample = targets()[name], SAMPLES[name.removesuffix("_excel")]
    document = replace(sample.make(**fields), currency=currency)
    by_hand = name == "autocount_excel"
    more = {"number_prefix": "NS-", "locked_through": "none"} if by_hand else {}
    settings = {**BOOKS, **sample.settings, **more}
    payload = target.build([document], {**settings, **sample.listed}, batch=by_hand, batch_name="b")
    refused = payload.refused.get(0)
    return (refused.error_class, refused.words) if refused else ("taken", "")


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("rate", ["0", "0.00", "-3.41"])
def test_a_rate_is_above_zero(name, rate):
    told, words = built(name, "SGD", rate)
    assert told == "bad_value"
    assert words == f"{FIELDS[name][1]} is not above 0: {rate}."


@pytest.mark.parametrize("name", FIELDS)
def test_in_the_currency_of_the_books_it_is_one(name):
    told, words = built(name, "MYR", "3.41")
    assert told == "bad_value"
    assert "3.41, and the document is in MYR, the books' own: there it is 1." in words
    assert built(name, "MYR", "1")[0] == "taken"
    assert built(name, "MYR", "1.000000")[0] == "taken"


@pytest.mark.parametrize("name", FIELDS)
def test_a_document_abroad_names_its_rate(name):
    assert built(name, "SGD", "3.41")[0] == "taken"
    told, words = built(name, "SGD", "")
    assert told == "missing_field"
    if name == "autocount":
        assert words == ("CurrencyRate is blank. A document in SGD needs this rate: MYR for 1 SGD.")


def test_a_document_abroad_names_its_currency():
    rate = {"ExchangeRate": "3.41"}
    assert told("quickbooks", "SGD", CurrencyRef="SGD", **rate)[0] == "taken"
    assert told("quickbooks", "SGD", CurrencyRef="", **rate) == (
        "missing_field",
        "CurrencyRef is blank, and the document is in SGD, not in MYR.",
    )
    assert told("quickbooks", "MYR", CurrencyRef="")[0] == "taken"


def test_autocount_has_the_currency_of_the_party_which_is_compared():
    target, document = targets()["autocount"], replace(SAMPLES["autocount"].make(), currency="SGD")
    document.fields["CurrencyRate"] = "3.41"
    payload = target.build([document], BOOKS, batch=False, batch_name="b")
    assert payload.expected["currencyCode"] == "SGD"


def test_on_the_go_takes_no_rate_so_it_takes_nothing_abroad():
    """AutoCount would use the rate of its own table, which nobody stated."""
    assert told("autocount_aotg", "SGD", CurrencyCode="SGD") == (
        "bad_value",
        "A document in SGD needs a rate, and AutoCount On The Go takes none here.",
    )
    assert told("autocount_aotg", "SGD", CurrencyCode="")[0] == "missing_field"
    assert told("autocount_aotg", "MYR", CurrencyCode="")[0] == "taken"
