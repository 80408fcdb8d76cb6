"""The connection test of QuickBooks and its lists, by answers that its stand-in does not give."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest

from connectors.contract import ConnectionReport
from connectors.contract.targets import ListPage
from connectors.targets.quickbooks import probe
from connectors.targets.quickbooks.responses import MOST, PAGES
from connectors.transport.http import HttpAnswer, HttpFailure

SETTINGS = {
    "base_url": "https://quickbooks.example",
    "client_id": "ABc1",
    "company_id": "9341452",
    "company_name": "Kedai Bunga",
}
SECRET = "shh:R:A:1790000000"
INFO = {"CompanyInfo": {"CompanyName": "Kedai Bunga", "Id": "1"}}
PREFERENCES = {
    "SalesFormsPrefs": {"CustomTxnNumbers": True},
    "CurrencyPrefs": {"MultiCurrencyEnabled": True, "HomeCurrency": {"value": "MYR"}},
}
AWAY = HttpFailure(kind="no_answer", words="It did not answer.", seconds=1.0, cause="timeout")


def said(content: object, status: int = 200, **headers: str) -> HttpAnswer:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    body = json.dumps(content).encode()
    return HttpAnswer(status=status, headers=headers, body=body, seconds=0.0, at=at)


def fault(code: str, status: int) -> HttpAnswer:
    return said({"Fault": {"Error": [{"code": code, "Message": "No way"}]}}, status)


class Books:
    """A company of QuickBooks: the answer to each question."""

    def __init__(self, **answers: HttpAnswer | HttpFailure) -> None:
        self.answers: dict[str, HttpAnswer | HttpFailure] = {
            "companyinfo": said(INFO),
            "preferences": said({"Preferences": PREFERENCES}),
            **answers,
        }
        self.asked: list[str] = []

    def get(self, path: str) -> HttpAnswer | HttpFailure:
        self.asked.append(unquote(path))
        for word, answer in self.answers.items():
            if word in path:
                return answer
        return said({"QueryResponse": {}})

    def report(self, settings: Mapping[str, Any] | None = None) -> ConnectionReport:
        return probe.report({**SETTINGS, **(settings or {})}, SECRET, self.get)


def stops(told: ConnectionReport) -> tuple[int, str]:
    at = next(at for at, step in enumerate(told.steps) if step.ok is False)
    assert all(step.ok is None for step in told.steps[at + 1 :])
    assert told.snapshot is None
    return at, told.steps[at].code


def test_these_answers_are_good() -> None:
    oks = [True] * 7 + [None, True]  # these preferences list no custom fields
    assert [step.ok for step in Books().report().steps] == oks


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said(INFO, 302, location="https://www.intuit.example"), (1, "reach.redirect")),
        (said(INFO, 401), (2, "key.refused")),
        (fault("120", 403), (4, "key.permission")),
        (fault("0120", 400), (4, "key.permission")),
        (fault("6190", 403), (3, "company.ended")),
        (said(INFO, 404), (3, "company.unknown")),
        (said({"CompanyInfo": {}}), (3, "company.unknown")),
        (said([]), (3, "company.unknown")),
    ],
)
def test_each_answer_for_the_company_has_its_own_cause(
    answer: HttpAnswer, expected: tuple[int, str]
) -> None:
    books = Books(companyinfo=answer)
    assert stops(books.report()) == expected
    assert len(books.asked) == 1


def test_a_company_that_lets_nobody_in_was_not_read() -> None:
    steps = Books(companyinfo=fault("120", 403)).report().steps
    assert (steps[3].ok, steps[3].words) == (None, "Company 9341452 was not read.")
    steps = Books(companyinfo=fault("6190", 403)).report().steps
    assert [step.name for step in steps] == list(probe.STEPS), "each once"


def test_a_name_that_nobody_entered_is_compared_with_none() -> None:
    told = Books().report({"company_name": " "})
    assert told.steps[3].words == "Kedai Bunga, ID 9341452."
    assert stops(Books().report({"company_name": "Kedai"})) == (3, "company.other")


@pytest.mark.parametrize("name", ["client_id", "company_id"])
@pytest.mark.parametrize(("value", "words"), [("", "blank"), ("a b", "not one word")])
def test_an_id_is_one_word(name: str, value: str, words: str) -> None:
    books = Books()
    told = books.report({name: value})
    assert (stops(told), books.asked) == ((0, "key.text"), [])
    assert told.steps[0].words == f"The {name.replace('_id', ' ID')} is {words}."


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (AWAY, (5, "answer")),
        (said({"Preferences": {}}, 500), (5, "answer")),
        (
            said({"Preferences": {"AccountingInfoPrefs": {"BookCloseDate": "soon"}}}),
            (5, "closed_day"),
        ),
    ],
)
def test_a_closing_date_that_is_not_told_stops_the_test(
    answer: HttpAnswer | HttpFailure, expected: tuple[int, str]
) -> None:
    assert stops(Books(preferences=answer).report()) == expected


def test_numbers_that_quickbooks_gives_itself_stop_the_test() -> None:
    """Documents are found again by our number, so without it one could be posted twice."""
    off = PREFERENCES | {"SalesFormsPrefs": {"CustomTxnNumbers": False}}
    told = Books(preferences=said({"Preferences": off})).report()
    assert stops(told) == (6, "numbers.own")
    untold = Books(preferences=said({"Preferences": {}})).report()
    assert (untold.ok, untold.steps[6].ok) == (True, None)


@pytest.mark.parametrize(("multi_currency", "currencies"), [(False, ("MYR",)), (True, None)])
def test_a_company_of_one_currency_takes_documents_in_that_one(
    multi_currency: bool,
    currencies: tuple[str, ...] | None,
) -> None:
    home = {"HomeCurrency": {"value": "MYR"}, "MultiCurrencyEnabled": multi_currency}
    told = Books(preferences=said({"Preferences": PREFERENCES | {"CurrencyPrefs": home}})).report()
    assert told.ok
    assert told.snapshot is not None
    assert told.snapshot.currencies == currencies
    assert ("only MYR" in told.steps[6].words) is not multi_currency


USED = [
    {"Name": f"SalesFormsPrefs.UseSalesCustom{key}", "Type": "BooleanType", "BooleanValue": used}
    for key, used in (("3", False), ("2", True), ("1", True))
]
NAMED = [
    {"Name": f"SalesFormsPrefs.SalesCustomName{key}", "Type": "StringType", "StringValue": name}
    for key, name in (("1", "Crew"), ("2", "SalesRep"), ("3", "Old"))
]


@pytest.mark.parametrize("wanted", ["", "Crew", "Old", "crew"])
def test_custom_fields_are_known_by_their_definition_and_the_settings_name_one(
    wanted: str,
) -> None:
    """Groups and entries come in any order; a field that is switched off keeps no value."""
    groups = [{"CustomField": USED}, {"CustomField": NAMED}]
    forms = {"CustomTxnNumbers": True, "CustomField": groups}
    answer = said({"Preferences": PREFERENCES | {"SalesFormsPrefs": forms}})
    told = Books(preferences=answer).report({"e_invoice_field": wanted})
    if wanted in ("Old", "crew"):
        assert stops(told) == (7, "fields.own")
        return
    assert told.ok
    assert told.snapshot is not None
    assert told.snapshot.codes()["custom_field"] == {"1", "2"}
    assert told.snapshot.called("custom_field", "2") == {"name": "SalesRep"}


def test_custom_fields_that_are_not_listed_are_unknown() -> None:
    told = Books(preferences=said({"Preferences": PREFERENCES})).report({"e_invoice_field": "Crew"})
    assert told.ok
    assert told.snapshot is not None
    assert "custom_field" not in told.snapshot.codes()


def test_a_list_that_was_not_read_or_not_to_its_end_is_unknown() -> None:
    told = Books(PaymentMethod=AWAY).report()
    assert (told.ok, told.steps[8].ok) == (True, None)
    assert "stay unknown" in told.steps[8].words
    assert told.snapshot is not None
    assert (told.snapshot.payment_methods, told.snapshot.tax_codes) == (None, ())
    full = said({"QueryResponse": {"Account": [{"Id": "1"}] * MOST}})
    books = Books(Account=full)
    told = books.report()
    assert told.snapshot is not None
    assert (told.snapshot.accounts, told.steps[8].ok) == (None, None)
    assert sum("from Account" in path for path in books.asked) == PAGES


def test_a_list_is_read_page_by_page_with_what_is_out_of_use() -> None:
    rows = [
        {"Id": "7", "DisplayName": "Kedai", "Active": False},
        {"Id": "8", "Name": "Mug", "Sku": "MUG"},
        {"Id": "", "Name": "nobody"},
    ]
    rows += [{"Id": str(n), "Name": "x"} for n in range(9, 9 + MOST - len(rows))]
    books = Books(Item=said({"QueryResponse": {"Item": rows}}))
    page = probe.list_page("item", "", books.get)
    assert isinstance(page, ListPage)
    assert page.after == str(1 + MOST)
    assert [(e.code, e.name, e.active, e.sku) for e in page.entries[:3]] == [
        ("7", "Kedai", False, ""),
        ("8", "Mug", True, "MUG"),
        ("9", "x", True, ""),
    ]
    probe.list_page("item", page.after, books.get)
    assert "startposition" not in books.asked[0]
    assert f"startposition {1 + MOST} " in books.asked[1]
    last = probe.list_page("item", "5", Books(Item=said({"QueryResponse": {}})).get)
    assert isinstance(last, ListPage)
    assert (last.entries, last.after) == ((), "")


@pytest.mark.parametrize(
    ("status", "code"), [(400, "answer"), (403, "company.unknown"), (404, "company.unknown")]
)
def test_only_some_refusals_mean_another_company(status: int, code: str) -> None:
    report = Books(companyinfo=fault("4000", status)).report()
    [step] = [one for one in report.steps if one.ok is False]
    assert (step.name, step.code) == ("Company", code)
