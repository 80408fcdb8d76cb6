"""Many documents looked up in QuickBooks by one query: each is told what it is told alone."""

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.contract import Question
from connectors.contract.targets import LooksTogether
from connectors.registry import targets
from connectors.targets.quickbooks import responses
from connectors.targets.quickbooks.connector import look_up_together
from connectors.transport.http import HttpAnswer, HttpFailure
from tests.connectors.quickbooks import money
from tests.connectors.recorded import NOW
from tests.connectors.sample_documents import quickbooks_invoice
from tests.connectors.simulator_processes import Bench


@pytest.fixture
def bench(emptied, http):
    return Bench(targets()["quickbooks"], emptied("quickbooks"), http)


def question(document, **given):
    return Question(document=document, key="cp-1", **given)


def together(bench, *questions):
    assert isinstance(bench.target, LooksTogether)
    there = bench.sim.settings, bench.sample.secret, bench.http
    return bench.target.look_up_together(questions, *there)


def asked(bench):
    """The queries so far."""
    return [line["number"] for line in bench.sim.ledger() if line["call"] == "lookup"]


def plain(found):
    """What is told, without the bytes that it was read from."""
    return [(one.kind, one.words, one.target_ref, one.total, one.void) for one in found]


class TestOneQuery:
    def test_thirty_doubts_are_one_call(self, bench):
        made = [bench.make(f"NS-{at}") for at in range(30)]
        for first in (0, 10):
            bench.send(*made[first : first + 10], batch=True, key=f"cp-{first}")
        before = len(asked(bench))
        found = together(bench, *map(question, made))
        assert [one.kind for one in found] == ["equal"] * 20 + ["absent"] * 10
        (query,) = asked(bench)[before:]
        assert query.startswith("select * from Invoice where DocNumber in ('NS-0', 'NS-1', ")
        assert query.endswith("'NS-29') maxresults 1000")

    def test_no_query_asks_for_more_than_thirty(self, bench):
        before = len(asked(bench))
        found = together(bench, *(question(bench.make(f"NS-{at}")) for at in range(31)))
        assert {one.kind for one in found} == {"absent"}
        many, one = asked(bench)[before:]
        assert many.count("NS-") == 30
        assert one == "select * from Invoice where DocNumber = 'NS-30' maxresults 1000"

    def test_each_is_told_what_it_is_told_alone(self, bench):
        """Found, absent, other content, void, a change that was made and one that was not."""
        made = {at: bench.make(f"NS-{at}") for at in range(1, 7)}
        for at in (1, 2, 4, 5, 6):
            bench.send(made[at], key=f"cp-{at}")
        bench.sim.control("by_hand", number="NS-2", lines=[{"Description": "Gift"}])
        bench.send(made[4], action="void", key="cp-v")
        changed = bench.changed()
        later = quickbooks_invoice("NS-5", lines=changed.lines, amount="163.35")
        last = quickbooks_invoice("NS-6", lines=changed.lines, amount="163.35")
        bench.send(later, action="update", key="cp-u")
        questions = (
            question(made[1]),
            question(made[2]),
            question(made[3]),
            question(made[4], action="void", standing=made[4]),
            question(later, action="update", standing=made[5]),
            question(last, action="update", standing=made[6]),
        )
        found = together(bench, *questions)
        kinds = ["equal", "different", "absent", "equal", "equal", "absent"]
        assert [one.kind for one in found] == kinds
        alone = [
            bench.look_up(one.document, action=one.action, standing=one.standing)
            for one in questions
        ]
        assert plain(found) == plain(alone)
        assert [one.differs for one in found] == [one.differs for one in alone]

    def test_each_type_is_one_query_and_what_payments_pay_another(self, bench):
        bench.send(bench.make("NS-1"), bench.make("NS-2"), batch=True, key="cp-a")
        pay = [money(f"RC-{at}", f"NS-{at}", "10.00") for at in (1, 2)]
        bench.send(*pay, batch=True, key="cp-b")
        before = len(asked(bench))
        found = together(
            bench, question(pay[0]), question(bench.make("NS-1")), question(pay[1]), question(
                money("RC-3", "NS-2", "10.00")
            )
        )  # fmt: skip
        assert [one.kind for one in found] == ["equal", "equal", "equal", "absent"]
        assert [query.split(" where ")[0] for query in asked(bench)[before:]] == [
            "select * from Payment",
            "select * from Invoice",
            "select * from Invoice",
        ]

    def test_two_under_a_number_are_a_doubt_of_that_one_alone(self, bench):
        bench.sim.control("company", duplicate_check=False)
        bench.send(bench.make("NS-1"), bench.make("NS-2"), batch=True, key="cp-a")
        bench.send(bench.make("NS-1"), key="cp-b")
        first, second = together(bench, *(question(bench.make(f"NS-{at}")) for at in (1, 2)))
        assert (first.kind, first.words) == ("different", "2 documents exist there under NS-1.")
        assert second.kind == "equal"

    def test_a_type_that_nobody_posts_is_not_asked_for(self, bench):
        odd = replace(bench.make(), document="deposit")
        before = len(asked(bench))
        (found,) = together(bench, question(odd))
        assert found.kind == "unknown"
        assert asked(bench)[before:] == []


class TestQuoting:
    @pytest.mark.parametrize("number", ["O'NEIL-1", "A\\B", "A', 'B", "x) or (1", "N%S_1", "码-1"])
    def test_a_number_of_any_letters_is_found_among_others(self, bench, number):
        bench.send(bench.make(number), key="cp-a")
        found = together(bench, question(bench.make(number)), question(bench.make("NS-2")))
        assert [one.kind for one in found] == ["equal", "absent"]
        assert bench.look_up(bench.make(number)).kind == "equal"


def heard(*documents):
    body = json.dumps({"QueryResponse": {"Invoice": list(documents)} if documents else {}})
    return HttpAnswer(status=200, headers={}, body=body.encode(), seconds=0.1, at=NOW)


def answering(*answers):
    """Each call has the next answer; what was asked."""
    queries, left = [], list(answers)

    def get(path):
        queries.append(parse_qs(urlsplit(path).query)["query"][0])
        return left.pop(0)

    return get, queries


def numbered(number, **more):
    return {"Id": "7", "DocNumber": number, "TotalAmt": 1, "Line": [], **more}


TWO = tuple(question(quickbooks_invoice(number)) for number in ("NS-1", "NS-2"))


FAILED = HttpFailure(kind="no_answer", words="It took too long.", seconds=0.1)


class TestWhatIsOpen:
    def test_another_case_is_no_absence(self):
        """QuickBooks may call the same what we tell apart: a second one must not be made."""
        get, queries = answering(heard(numbered("ns-1")))
        first, second = look_up_together(TWO, get)
        assert (first.kind, second.kind) == ("different", "absent")
        assert "DocNumber" in [one.field for one in first.differs]
        assert len(queries) == 1

    def test_of_two_cases_ours_is_the_one_with_just_our_number(self):
        get, _ = answering(heard(numbered("ns-1", Id="8"), numbered("NS-1")))
        first, _ = look_up_together(TWO, get)
        assert first.target_ref == "7"

    def test_what_was_not_asked_for_makes_absence_a_question_of_its_own(self):
        get, queries = answering(heard(numbered("NS-1"), numbered("NS 2")), heard(numbered("NS 2")))
        first, second = look_up_together(TWO, get)
        assert (first.target_ref, second.kind) == ("7", "different")
        assert queries[1:] == ["select * from Invoice where DocNumber = 'NS-2' maxresults 1000"]

    def test_an_answer_that_is_not_whole_makes_absence_a_question_of_its_own(self, monkeypatch):
        monkeypatch.setattr(responses, "MOST", 1)
        monkeypatch.setattr(responses, "PAGES", 1)
        get, queries = answering(heard(numbered("NS-1")), heard())
        first, second = look_up_together(TWO, get)
        assert (first.target_ref, second.kind) == ("7", "absent")
        assert len(queries) == 2

    def test_an_answer_that_tells_nothing_tells_it_of_all(self):
        enough = HttpAnswer(
            status=429, headers={"Retry-After": "9"}, body=b"{}", seconds=0.1, at=NOW
        )
        for answer in (enough, FAILED):
            get, queries = answering(answer)
            found = look_up_together(TWO, get)
            assert [one.kind for one in found] == ["unknown", "unknown"]
            assert len(queries) == 1

    def test_the_proof_of_each_is_its_own_part_of_the_answer(self):
        get, _ = answering(heard(numbered("NS-1")))
        first, second = look_up_together((*TWO, *TWO[:1]), get)[:2]
        assert json.loads(first.proof) == {"QueryResponse": {"Invoice": [numbered("NS-1")]}}
        assert second.proof == heard(numbered("NS-1")).body
