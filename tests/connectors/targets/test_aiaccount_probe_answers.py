"""The connection test of AiAccount, by answers that its stand-in does not give."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contract import ConnectionReport
from connectors.targets.aiaccount import probe
from connectors.transport.http import HttpAnswer

SETTINGS = {"base_url": "https://api.aiaccount.example", "company_name": "Kedai Contoh Sdn Bhd"}
GOOD: dict[str, Any] = {
    "company": {"id": "CMP-1", "name": "Kedai Contoh Sdn Bhd"},
    "key": {"status": "active", "permissions": [*probe.NEEDED, "expense.write"]},
    "settings": {"rounding_mode": "per_line", "tax_codes": ["SR-S"]},
    "quota": {"limit": 100, "used": 1},
}


def report(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None, **more: object
) -> ConnectionReport:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    body = json.dumps(content).encode()
    answer = HttpAnswer(status=status, headers=dict(headers or {}), body=body, seconds=0.0, at=at)
    return probe.report({**SETTINGS, **more}, "per_line", "aia_live_9Tq4", answer)


def changed(part: str, **values: object) -> dict[str, Any]:
    return {**GOOD, part: {**GOOD[part], **values}}


def stops(told: ConnectionReport) -> tuple[int, str]:
    """At which step the test stops, and with which code."""
    at = next(at for at, step in enumerate(told.steps) if step.ok is False)
    assert all(step.ok is None for step in told.steps[at + 1 :])
    assert told.snapshot is None
    return at, told.steps[at].code


def test_this_answer_is_good() -> None:
    assert [step.ok for step in report(GOOD).steps] == [True] * 8


def test_an_address_that_sends_us_on_is_no_interface_whatever_stands_there() -> None:
    told = report(GOOD, 302, {"location": "https://www.aiaccount.example/login"})
    assert stops(told) == (1, "reach.redirect")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "company_not_found", (3, "company.unknown")),
        (403, "company_not_found", (2, "key.refused")),
        (404, "no_such_page", (2, "answer")),
        (401, "unauthorized", (2, "key.refused")),
        (418, "", (2, "answer")),
    ],
)
def test_a_refusal_is_of_the_key_of_the_company_or_of_the_address(
    status: int, code: str, expected: tuple[int, str]
) -> None:
    assert stops(report({"error": {"code": code, "message": "No."}}, status)) == expected


BOTH = [{"id": "CMP-1", "name": "Kedai Contoh Sdn Bhd"}, {"id": "CMP-2", "name": "Kedai Dua"}]
REACHED = "The key reaches: Kedai Contoh Sdn Bhd, ID CMP-1; Kedai Dua, ID CMP-2."


def test_the_companies_of_a_key_are_listed_where_aiaccount_names_them() -> None:
    named = changed("key", companies=BOTH)
    assert REACHED in report(named).steps[3].words
    other = report(named, company_name="Kedai Tiga")
    assert (other.steps[3].ok, REACHED in other.steps[3].words) == (False, True)
    unknown = {"error": {"code": "company_not_found", "message": "No.", "companies": BOTH}}
    told = report(unknown, 404, company_id="CMP-9")
    assert (told.steps[3].code, REACHED in told.steps[3].words) == ("company.unknown", True)


@pytest.mark.parametrize("named", [None, {}, "CMP-1", [], [None, "CMP-2", {"name": "Kedai"}]])
def test_a_list_of_companies_that_is_none_shows_none(named: object) -> None:
    step = report(changed("key", companies=named)).steps[3]
    assert (step.ok, step.words) == (True, "Kedai Contoh Sdn Bhd, ID CMP-1.")


def test_of_very_many_companies_the_first_are_shown() -> None:
    many = [{"id": f"CMP-{no}", "name": "K" * 500} for no in range(probe.MOST_COMPANIES + 5)]
    words = report(changed("key", companies=many)).steps[3].words
    assert "and 5 more" in words
    assert len(words) < 3_000


@pytest.mark.parametrize("part", ["company", "key", "settings"])
@pytest.mark.parametrize("there", [None, [], "text"])
def test_an_answer_without_one_of_its_parts_says_nothing(part: str, there: object) -> None:
    assert stops(report({**GOOD, part: there})) == (2, "answer")


def test_another_company_may_be_called_nearly_the_same() -> None:
    told = report(GOOD, company_name="KEDAI CONTOH SDN BHD")
    assert (told.steps[3].ok, told.steps[3].code) == (False, "company.other")


def test_what_is_of_another_type_is_not_taken_for_what_it_looks_like() -> None:
    told = report(changed("settings", tax_codes="SR-S", excel_import_enabled="off")).snapshot
    assert told is not None
    assert (told.tax_codes, told.excel_import_enabled) == (None, False)
    told = report(changed("quota", limit=True, used="7")).snapshot
    assert told is not None
    assert (told.quota_limit, told.quota_used) == (None, None)
    told = report(changed("settings", rounding_mode=None, locked_through="soon")).snapshot
    assert told is not None
    assert (told.rounding_mode, told.locked_through) == (None, None)
    assert report({**GOOD, "quota": None}).steps[7].words == "No limit."


def test_a_rounding_that_it_does_not_tell_is_not_ours() -> None:
    step = report(changed("settings", rounding_mode=None)).steps[6]
    assert (step.ok, step.words) == (
        False,
        "AiAccount rounds in a way that it does not name, but the rules round line by line.",
    )
