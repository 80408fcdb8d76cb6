"""What AutoCount On The Go answers, word by word, and the class that each becomes.

Beside each answer stands the section of the contract that says so (2 the states, 5 the samples, 6
writes in doubt, 8 the table of errors) and its mark: V read in the vendor's own pages, O our own
wording for what the section says in other words or without a mark. That there are forty, each with
its place: test_literal_answers.py.
"""

from datetime import UTC, datetime

import pytest

from connectors.contract.errors import RETRY
from connectors.registry import targets
from connectors.targets.autocount_aotg.relay import WORDS, Progress, login_of, meaning, told_of
from connectors.transport.http import HttpAnswer, HttpFailure
from tests.connectors.sample_documents import aotg_invoice
from tests.connectors.simulator_processes import SAMPLES, Bench

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
SAMPLE = SAMPLES["autocount_aotg"]
SETTINGS = {"base_url": "https://recorded.example", **SAMPLE.settings}
MARKS = "VO"
FAILED = [
    (
        "5",
        "V",
        "Transaction date 30/09/2026 is locked, you can unlock it from Tools > Manage Fiscal Year.",
        "period_locked",
    ),
    ("8", "O", "Transaction date 01/01/2026 is locked.", "period_locked"),
    ("7", "V", "The linked document OR-000123 is locked.", "period_locked"),
    ("8", "O", "Fiscal year 2025 is locked", "period_locked"),
    ("5", "O", "Document No. NS-10231 already exists.", "duplicate"),
    ("8", "O", "DocNo NS-1 Already Exists", "duplicate"),
    ("8", "O", "Duplicate document number NS-10231", "duplicate"),
    ("8", "O", "Cannot insert duplicate key row in object 'dbo.ARInvoice'.", "duplicate"),
    ("5", "O", "Debtor 300-X999 not exists", "mapping_missing"),
    ("8", "O", "Account 999-0000 not exists", "mapping_missing"),
    ("8", "O", "Tax code SR-6 not exist", "mapping_missing"),
    ("8", "O", "Credit term Net 14 days not found", "mapping_missing"),
    ("8", "O", "Agent ALI NOT FOUND", "mapping_missing"),
    ("8", "O", "Invalid debtor code 300-X999", "mapping_missing"),
    ("8", "O", "Invalid Account Code: 999", "mapping_missing"),
    ("8", "O", "The currency USD is an invalid currency code", "mapping_missing"),
    ("8", "O", "Credit limit exceeded for debtor 300-W001.", "business_rule"),
    ("8", "O", "Debtor 300-W001 is blocked.", "business_rule"),
    ("8", "O", "Object reference not set to an instance of an object.", "business_rule"),
    ("8", "O", "String was not recognized as a valid DateTime.", "business_rule"),
    ("8", "O", "DebtorCode is required.", "business_rule"),
    ("8", "O", "The account book is opened by another user.", "business_rule"),
    ("8", "O", "Invalid operation.", "business_rule"),
    ("8", "O", "You have no access right to unlock this screen.", "business_rule"),
    ("8", "O", "", "business_rule"),
]
SUBMITTED = [
    ("2", "V", 200, '{"RequestId":"r-1","Status":"InQueue"}', "awaiting", None),
    ("2", "V", 200, '{"RequestId":"r-1","Status":"Processing"}', "awaiting", None),
    ("8", "O", 400, '{"Message":"Could not find member \'X\'."}', "refused", "bad_value"),
    ("8", "O", 400, "The request is invalid.", "refused", "bad_value"),
    ("8", "O", 400, "", "refused", "bad_value"),
    ("8", "O", 401, '{"Message":"Unauthorized."}', "refused", "authorization_failed"),
    ("8", "O", 403, "", "refused", "authorization_failed"),
    ("8", "O", 404, "Not found.", "refused", "business_rule"),
    ("1", "V", 429, '{"Message":"Too many requests."}', "temporary", "temporary"),
    ("8", "O", 500, '{"Message":"Internal error."}', "uncertain", "uncertain"),
    ("8", "O", 502, "<html>Bad Gateway</html>", "uncertain", "uncertain"),
    ("8", "O", 503, "", "uncertain", "uncertain"),
    ("8", "O", 504, "", "uncertain", "uncertain"),
    ("8", "O", 408, "", "uncertain", "uncertain"),
    ("6", "O", 200, "", "uncertain", "uncertain"),
    ("6", "O", 200, "\x00 not json", "uncertain", "uncertain"),
    ("6", "O", 200, '{"Status":"InQueue"}', "uncertain", "uncertain"),
    ("6", "O", 200, '{"RequestId":"r-1"}', "uncertain", "uncertain"),
    ("6", "O", 200, '{"RequestId":"r-1","Status":"Sleeping"}', "uncertain", "uncertain"),
    ("6", "O", 200, '["r-1"]', "uncertain", "uncertain"),
    ("6", "O", 302, "", "uncertain", "uncertain"),
]


class Line:
    """Answers each call with the next of these."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def now(self):
        return NOW

    def request(self, method, url, *, headers, body=None, push=False):
        self.asked.append((method, url.rpartition("/")[2], push))
        return self.answers.pop(0)


def answered(status, text, **headers):
    return HttpAnswer(status=status, headers=headers, body=text.encode(), seconds=0.1, at=NOW)


def sent(*answers):
    target = targets()["autocount_aotg"]
    line = Line(*answers)
    payload = target.build([aotg_invoice()], SETTINGS, batch=False, batch_name="")
    (answer,) = target.send(payload, SETTINGS, SAMPLE.secret, "", line).answers
    return answer, line


@pytest.mark.parametrize(("section", "mark", "message", "error_class"), FAILED)
def test_a_failed_request_has_the_class_of_its_message(section, mark, message, error_class):
    assert (section in "2578", mark in MARKS) == (True, True)
    assert meaning(message).error_class == error_class
    ended = f'{{"RequestId":"r-1","Status":"Failed","Message":"{message}"}}'
    answer, line = sent(
        answered(200, '{"RequestId":"r-1","Status":"Failed"}'),
        answered(200, ended),
        answered(200, '{"RequestId":"r-2","Status":"Completed"}'),
        answered(200, '{"RequestId":"r-2","Status":"Completed","Data":[]}'),
    )
    assert (answer.kind, answer.error_class) == ("refused", error_class)
    assert answer.words == (message or "AutoCount could not make it, and gave no reason.")
    assert [push for _, _, push in line.asked] == [True, False, False, False]


@pytest.mark.parametrize(("section", "mark", "status", "text", "kind", "error_class"), SUBMITTED)
def test_the_answer_to_a_write(section, mark, status, text, kind, error_class):
    assert (section in "12568", mark in MARKS) == (True, True)
    told = answered(status, text)
    log_in = answered(200, '{"AccessToken":"another","Expired":"2026-11-21T02:00:00Z"}')
    again = [log_in, told] if status in (401, 403) else []
    answer, line = sent(told, *again)
    assert (answer.kind, answer.error_class) == (kind, error_class)
    assert answer.number == "NS-1"
    assert line.answers == []
    assert answer.target_ref == ("r-1" if kind == "awaiting" else None)


def test_where_it_says_so_it_is_left_alone_for_a_while():
    answer, _ = sent(answered(429, "", **{"retry-after": "30"}))
    assert answer.retry_after == 30.0


def test_a_token_that_ended_early_is_replaced_once_and_the_call_is_made():
    log_in = answered(200, '{"AccessToken":"another","Expired":"2026-11-21T02:00:00Z"}')
    taken = answered(200, '{"RequestId":"r-1","Status":"InQueue"}')
    answer, line = sent(answered(401, ""), log_in, taken)
    assert answer.kind == "awaiting"
    assert [name for _, name, _ in line.asked] == [
        "CreateARInvoice",
        "Authenticate",
        "CreateARInvoice",
    ]


def test_a_log_in_that_is_refused_or_not_answered_sends_nothing():
    answer, _ = sent(answered(401, ""), answered(401, '{"Message":"Invalid password."}'))
    assert (answer.error_class, answer.words) == ("authorization_failed", "Invalid password.")
    away = HttpFailure(kind="no_answer", words="It did not answer in time.", seconds=1.0)
    answer, _ = sent(answered(401, ""), away)
    assert (answer.kind, answer.code) == ("temporary", "not_sent")
    answer, _ = sent(answered(401, ""), answered(503, ""))
    assert (answer.kind, answer.code) == ("temporary", "not_sent")


def test_an_answer_about_another_request_says_nothing():
    told = answered(200, '{"RequestId":"r-2","Status":"Completed"}')
    assert told_of(told, "r-1") is None
    assert told_of(told).progress is Progress.COMPLETED


def test_every_meaning_has_a_class_with_words_for_people():
    assert {told.error_class for _, told in WORDS} <= RETRY.keys()


@pytest.mark.parametrize(
    ("settings", "secret", "step", "words"),
    [
        ({}, "no-colon", "Key text", "not written as PASSWORD:API-KEY"),
        ({}, "pass:3DT88 X", "Key text", "a space or a foreign sign"),
        ({"user_name": ""}, "", "Key text", "user name is blank"),
        ({"company_id": "9KX21"}, "", "Key text", "not that of the account book 9KX21"),
        ({}, "wrong:3DT88-KEDAI-CONTO-H0001-7QK2M", "Key accepted", "Invalid user name"),
        ({"locked_through": "soon"}, "", "Closed period", "soon is not a day"),
    ],
)
def test_the_connection_test_names_what_is_wrong(emptied, http, settings, secret, step, words):
    bench = Bench(targets()["autocount_aotg"], emptied("autocount_aotg"), http)
    there = {**bench.sim.settings, **settings}
    report = bench.target.test(there, secret or SAMPLE.secret, http)
    (bad,) = [one for one in report.steps if one.ok is False]
    assert (bad.name, words in bad.words) == (step, True)


def test_a_desktop_that_is_switched_off_is_no_fault(emptied, http):
    bench = Bench(targets()["autocount_aotg"], emptied("autocount_aotg"), http)
    bench.sim.control("book", offline=True)
    report = bench.target.test(bench.sim.settings, SAMPLE.secret, http)
    assert report.ok
    assert any("switched off" in one.words for one in report.steps)


def test_no_part_of_the_secret_is_shown_or_kept(emptied, http):
    bench = Bench(targets()["autocount_aotg"], emptied("autocount_aotg"), http)
    given = SAMPLE.secret.partition("\t")[0]
    told = bench.target.renew(bench.sim.settings, given, http)
    login = login_of(told.secret)
    assert login is not None
    bench.send(bench.make(), secret=told.secret)
    shown = f"{login!r} {told!r}"
    for part in (login.api_key, login.password, login.token):
        assert part not in shown
    assert login.password not in bench.sim.ledger_path.read_text()
    assert bench.target.is_due(given, NOW)
    assert not bench.target.is_due(told.secret, http.now())
    assert not bench.target.may_be_over(told.secret, http.now())
