"""At least forty answers a target, as they travel, become the class that the sheet gives each."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.contract.errors import ERROR_CLASSES
from connectors.registry import targets
from connectors.targets.autocount.answers import changed_by
from connectors.targets.quickbooks.responses import EXPIRED, told_of
from connectors.transport.http import HttpAnswer
from tests.connectors.literal_answers import AIACCOUNT, AUTOCOUNT, EXCEL, QUICKBOOKS
from tests.connectors.simulator_processes import SAMPLES
from tests.connectors.targets.test_aotg_errors import FAILED, SUBMITTED

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
ANSWERS = {"aiaccount": AIACCOUNT, "autocount": AUTOCOUNT, "quickbooks": QUICKBOOKS}
SHEETS = {
    "aiaccount": "aiaccount.md",
    "autocount": "autocount-cloud.md",
    "autocount_aotg": "autocount-aotg.md",
    "autocount_excel": "autocount-excel.md",
    "quickbooks": "quickbooks-online.md",
}
TABLES = {
    **ANSWERS,
    "autocount_aotg": [row for row in (*FAILED, *SUBMITTED) if row[-1] is not None],
    "autocount_excel": EXCEL,
}
"""Every row is a no, or no answer; On The Go and the import have tests of their own."""
CONTRACTS = Path(__file__).resolve().parents[4] / "shared" / "contracts"
NOTHING_THERE = {
    "aiaccount": (200, '{"data":[],"page":1,"pages":1}'),
    "autocount": (404, '{"statusCode":404,"message":"Invoice (InvoiceKey = NS-1) not exists"}'),
    "quickbooks": (200, '{"QueryResponse":{},"time":"2026-11-20T02:00:06-08:00"}'),
}
"""What a look-up is answered, in the words of the sheet."""
WAYS = [
    pytest.param(name, *row, id=f"{name}-{at}")
    for name, rows in ANSWERS.items()
    for at, row in enumerate(rows)
]


class Line:
    """Answers each write with these bytes, each read with nothing."""

    def __init__(self, name, status, body):
        self.read = self._answer(*NOTHING_THERE[name])
        self.written = self._answer(status, body)
        self.writes = 0

    def _answer(self, status, body):
        told = {"content-type": "application/json"}
        return HttpAnswer(status=status, headers=told, body=body.encode(), seconds=0.1, at=NOW)

    def now(self):
        return NOW

    def request(self, method, url, *, headers, body=None, push=False):
        self.writes += push
        return self.written if push else self.read


@pytest.mark.parametrize(("name", "section", "mark", "status", "body", "error_class"), WAYS)
def test_an_answer_has_the_class_of_the_sheet(name, section, mark, status, body, error_class):
    target, sample = targets()[name], SAMPLES[name]
    settings = {**sample.settings, "base_url": "https://recorded.example"}
    payload = target.build(
        [sample.make()], {**settings, **sample.listed}, batch=False, batch_name=""
    )
    line = Line(name, status, body)
    (answer,) = target.send(payload, settings, sample.secret, "cp-1", line).answers
    assert line.writes == 1
    kind = {"temporary": "temporary", "uncertain": "uncertain"}.get(error_class, "refused")
    assert (answer.kind, answer.error_class) == (kind, error_class)
    assert (answer.number, answer.status) == ("NS-1", status)
    assert answer.words
    assert answer.code


@pytest.mark.parametrize(("section", "mark", "message", "error_class"), EXCEL)
def test_a_row_in_error_has_the_class_of_its_words(section, mark, message, error_class):
    assert targets()["autocount_excel"].class_of(message) == error_class


@pytest.mark.parametrize("name", SHEETS)
def test_there_are_forty_of_them_each_of_its_own_with_a_place_in_the_sheet(name):
    rows = TABLES[name]
    assert SHEETS.keys() == TABLES.keys() == targets().keys()
    assert len(rows) >= 40
    told = Counter(row[2:-1] for row in rows)
    assert [one for one, count in told.items() if count > 1] == []
    assert {row[1] for row in rows} <= set("VRSAO")
    assert {row[-1] for row in rows} <= set(ERROR_CLASSES)
    assert len({row[-1] for row in rows}) >= 6
    if not CONTRACTS.exists():
        pytest.skip(f"{len(rows)} places are not compared: the sheets are not here")
    sheet = (CONTRACTS / SHEETS[name]).read_text("utf-8")
    assert [row[0] for row in rows if f"# {row[0]}" not in sheet] == []


@pytest.mark.parametrize("name", ANSWERS)
def test_what_nobody_knows_is_a_rule_and_never_temporary(name):
    """Whatever a target may come to say in a status of its own fault-finding."""
    target, sample = targets()[name], SAMPLES[name]
    settings = {**sample.settings, "base_url": "https://recorded.example"}
    payload = target.build(
        [sample.make()], {**settings, **sample.listed}, batch=False, batch_name=""
    )
    for status in (400, 402, 405, 406, 410, 415, 418, 422, 451):
        for body in ("", "{}", '{"news":"something"}', '{"error":{"code":"xyzzy"}}', "<p>No</p>"):
            line = Line(name, status, body)
            (answer,) = target.send(payload, settings, sample.secret, "k", line).answers
            assert (answer.kind, answer.error_class) == ("refused", "business_rule"), (status, body)


def test_a_corrupted_word_in_a_table_is_seen():
    """The rows are literal: an answer with another word is another class."""
    at = next(at for at, row in enumerate(AUTOCOUNT) if "already exists" in row[3])
    row = AUTOCOUNT[at]
    line = Line("autocount", row[2], row[3].replace("already", "allready"))
    target, sample = targets()["autocount"], SAMPLES["autocount"]
    settings = {**sample.settings, "base_url": "https://recorded.example"}
    payload = target.build(
        [replace(sample.make())], {**settings, **sample.listed}, batch=False, batch_name=""
    )
    (answer,) = target.send(payload, settings, sample.secret, "k", line).answers
    assert answer.error_class == "business_rule"


@pytest.mark.parametrize(
    ("same", "kind", "error_class"), [(True, "accepted", None), (False, "refused", "stale_version")]
)
def test_a_number_that_aiaccount_has_is_told_with_its_id_there(same, kind, error_class):
    told = (
        f'"reason":"document_exists","existing_id":"inv_55120","same_content":{str(same).lower()}'
    )
    body = f'{{"error":{{"code":"duplicate","message":"Already exists",{told}}}}}'
    target, sample = targets()["aiaccount"], SAMPLES["aiaccount"]
    settings = {**sample.settings, "base_url": "https://recorded.example"}
    payload = target.build(
        [sample.make()], {**settings, **sample.listed}, batch=False, batch_name=""
    )
    line = Line("aiaccount", 409, body)
    (answer,) = target.send(payload, settings, sample.secret, "cp-1", line).answers
    assert (answer.kind, answer.error_class) == (kind, error_class)
    assert (answer.target_ref, answer.same_content) == ("inv_55120", same)


@pytest.mark.parametrize(
    ("master", "user"), [('{"lastModifiedUserID":"SITI"}', "SITI"), ("{}", ""), ("null", "")]
)
def test_who_changed_a_document_of_autocount_is_read_by_its_own_word(master, user):
    assert changed_by(json.loads(f'{{"master":{master}}}')) == user


class Asked(Line):
    """Keeps what it is asked besides."""

    def request(self, method, url, *, headers, body=None, push=False):
        self.asked = (method, url, body)
        return self.written


def test_what_was_typed_by_hand_is_sought_in_the_words_of_autocount():
    """4.6: dates by from and to, the debtor by multiSelect."""
    target, sample = targets()["autocount"], SAMPLES["autocount"]
    settings = {**sample.settings, "base_url": "https://recorded.example"}
    line = Asked("autocount", 200, '{"data":[],"totalCount":0}')
    assert target.alike(sample.make(), settings, sample.secret, line) == ()
    days = '"date":{"from":"2026-11-16","to":"2026-11-22"}'
    sought = f'{{"page":1,"filter":{{"debtorCode":{{"multiSelect":["300-W001"]}},{days}}}}}'
    url = "https://recorded.example/1042/invoice/listing"
    assert line.asked == ("POST", url, sought.encode())


def test_why_intuit_ends_no_token_is_told_in_its_own_word():
    line = Line("quickbooks", 400, '{"error":"invalid_token"}')
    line.read = line.written
    told = targets()["quickbooks"].revoke({}, "qbo-client:qbo-refresh", line)
    assert (told.kind, told.words) == ("unknown", "Intuit answered 400: invalid_token.")


@pytest.mark.parametrize("code", ["3200", "003200"])
def test_a_code_of_quickbooks_is_the_same_with_the_zeros_of_the_gate(code):
    told = told_of(f'{{"fault":{{"error":[{{"message":"x","code":"{code}"}}]}}}}'.encode())
    assert told is not None
    assert told.code == EXPIRED
