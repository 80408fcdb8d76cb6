"""AutoCount On The Go in two steps: taken in, asked again and again, made or refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.contract.targets import Searchable, TellsItems, TellsParties
from connectors.registry import targets
from tests.connectors.recorded import Tape, expected, played, recorded
from tests.connectors.recorded_aotg import FIRST
from tests.connectors.recorded_documents import DOCUMENTS
from tests.connectors.sample_documents import booked_line
from tests.connectors.simulator_processes import SAMPLES, Bench
from tests.support.zones import BOOKS

SECRET = SAMPLES["autocount_aotg"].secret
SETTINGS = {"base_url": "https://recorded.example", **SAMPLES["autocount_aotg"].settings}
WEEK = timedelta(days=7).total_seconds()


@pytest.fixture
def bench(emptied, http):
    return Bench(targets()["autocount_aotg"], emptied("autocount_aotg"), http)


@pytest.fixture
def slow(bench):
    """An account book that takes 90 seconds for each request."""
    bench.sim.control("queue", seconds=90)
    return bench


def at(bench, seconds):
    bench.sim.control("clock", offset_seconds=seconds)


def submitted(bench, *documents, **more):
    answers = bench.send(*(documents or (bench.make(),)), **more).answers
    assert {one.kind for one in answers} == {"awaiting"}
    return answers[0].target_ref


class TestAsRecorded:
    STEPS = recorded("autocount_aotg", "queued/two_steps")

    def test_what_stands_under_the_number_is_told_by_its_own_words(self):
        """The list of the books is literal: another debtor, another day, each under its name."""
        (asked, told) = recorded("autocount_aotg", "ar_invoice.alone")["look-up"]
        other = told.answer.replace("300-W001", "300-X009").replace("19-11-2026", "18-11-2026")
        assert other != told.answer
        document = DOCUMENTS["autocount_aotg"]["ar_invoice.alone"][0]
        tape = Tape([asked, replace(told, answer=other)])
        found = targets()["autocount_aotg"].look_up(document, SETTINGS, SECRET, "", tape)
        assert (found.kind, found.target_ref) == ("different", "1455")
        differs = {one.field: one.value for one in found.differs}
        assert differs == {"DebtorCode": "300-X009", "DocDate": "18-11-2026"}
        stands = found.stands
        assert (stands.number, stands.party) == ("NS-10231", "300-X009")
        assert (stands.date, stands.amount) == ("18-11-2026", found.total)

    def test_the_client_goes_from_ticket_to_ticket(self):
        target = targets()["autocount_aotg"]
        payload = target.build([FIRST], BOOKS, batch=False, batch_name="")
        tape = Tape(self.STEPS["submitted"])
        (answer,) = target.send(payload, SETTINGS, SECRET, "", tape).answers
        assert (answer.kind, answer.code) == ("awaiting", "taken_in")
        ticket, kinds = answer.target_ref, []
        for step in ("waiting", "working", "done", "looked"):
            tape = Tape(self.STEPS[step])
            found = target.ask_again(FIRST, ticket, SETTINGS, SECRET, tape)
            assert tape.calls == []
            kinds.append(found.kind)
            ticket = found.target_ref
        assert kinds == ["unknown", "unknown", "unknown", "equal"]
        assert (ticket, found.total) == ("1455", FIRST.amount)

    def test_the_client_logs_in_as_recorded(self):
        target, given = targets()["autocount_aotg"], SECRET.partition("\t")[0]
        (call,) = self.STEPS["log-in"]
        bare = {name: call.headers[name] for name in ("Cache-Control", "Content-Type")}
        tape = Tape([type(call)(call.method, call.path, bare, *_rest(call))])
        told = target.renew(SETTINGS, given, tape)
        assert told.kind == "renewed"
        token, since, until = told.secret.split("\t")[1:]
        assert (token, until) == ("SAMc13a36d2-a139-e911-b8b3-000d3aa04f3d", "1795226400")
        assert int(since) < int(until)
        assert token not in repr(told)

    def test_the_stand_in_answers_as_recorded(self, slow):
        moments = {"working": 70, "done": 91, "looked": 200}
        for step, calls in self.STEPS.items():
            at(slow, moments.get(step, 0))
            for call in calls:
                assert played(slow.sim.url, call) == expected(call), step


def _rest(call):
    return call.body, call.status, call.told, call.answer


class TestTheEnd:
    def test_it_is_asked_until_it_is_done(self, slow):
        ticket = submitted(slow)
        assert slow.ask_again(slow.make(), ticket).words.startswith("The account book has not")
        at(slow, 91)
        found = slow.ask_again(slow.make(), ticket)
        assert (found.kind, found.target_ref[: len(ticket) + 1]) == ("unknown", f"{ticket}+")
        at(slow, 182)
        done = slow.ask_again(slow.make(), found.target_ref)
        assert (done.kind, done.target_ref) == ("equal", "1455")
        assert [one["number"] for one in slow.sim.ledger("created")][-1:] == ["NS-1"]

    @pytest.mark.parametrize(
        ("fault", "kind", "words"),
        [
            ("failed_after", "equal", "It exists there as it was sent"),
            ("duplicate_delivery", "equal", "It exists there as it was sent"),
            ("silent_drop", "different", "no such document exists there"),
            ("closed_period", "absent", "is locked"),
        ],
    )
    def test_no_word_of_it_is_the_last(self, slow, fault, kind, words):
        slow.sim.control("faults", fault=fault)
        ticket = submitted(slow)
        slow.sim.control("queue", seconds=0)
        at(slow, 91)
        found = slow.ask_again(slow.make(), ticket)
        assert (found.kind, words in found.words) == (kind, True)
        assert (found.refused is not None) == (kind == "absent")

    def test_a_book_that_is_switched_off_has_all_the_time(self, slow):
        slow.sim.control("book", offline=True)
        ticket = submitted(slow)
        at(slow, WEEK)
        found = slow.ask_again(slow.make(), ticket)
        assert (found.kind, found.target_ref) == ("unknown", ticket)
        slow.sim.control("book", offline=False)
        slow.sim.control("queue", seconds=0)
        assert slow.ask_again(slow.make(), ticket).kind == "equal"

    def test_a_result_that_is_not_kept_any_more_is_looked_up(self, bench):
        bench.sim.control("queue", seconds=1)
        ticket = submitted(bench)
        at(bench, 2)
        bench.sim.control("queue", seconds=0)
        assert bench.sim.show("documents")
        at(bench, WEEK + 60)
        assert bench.ask_again(bench.make(), ticket).kind == "equal"
        assert bench.ask_again(bench.make("NS-2"), ticket).kind == "absent"

    @pytest.mark.parametrize("ticket", ["no-such", "no-such+no-such", "+no-such"])
    def test_a_look_that_is_lost_is_made_again(self, bench, ticket):
        assert bench.ask_again(bench.make(), ticket).kind == "absent"

    def test_who_cannot_answer_leaves_the_ticket_good(self, slow):
        ticket = submitted(slow)
        found = slow.ask_again(slow.make(), ticket, base_url="http://127.0.0.1:1")
        assert (found.kind, found.target_ref) == ("unknown", None)

    def test_the_stand_in_forgets_nothing_when_it_starts_again(self, start, http):
        bench = Bench(
            targets()["autocount_aotg"], start("--seconds", "90", target="autocount_aotg"), http
        )
        ticket = submitted(bench)
        bench.sim.kill()
        bench.sim.start()
        at(bench, 91)
        bench.sim.control("queue", seconds=0)
        assert bench.ask_again(bench.make(), ticket).kind == "equal"

    def test_many_at_once_wait_longer(self, bench):
        bench.sim.control("queue", crowd_seconds=5)
        assert bench.send(bench.make()).answers[0].kind == "accepted"
        bench.sim.control("book", offline=True)
        for no in range(2, 5):
            submitted(bench, bench.make(f"NS-{no}"))
        bench.sim.control("book", offline=False)
        waits = bench.sim.show("queue")
        assert len(waits) == 2, "the first of a second goes at once"
        at(bench, 60)
        assert bench.sim.show("queue") == []


class TestABatch:
    def test_each_has_its_own_end(self, slow):
        bad = slow.make("NS-2", DebtorCode="300-X999")
        ticket = submitted(slow, slow.make("NS-1"), bad, batch=True)
        at(slow, 91)
        slow.sim.control("queue", seconds=0)
        assert slow.ask_again(slow.make("NS-1"), ticket).kind == "equal"
        refused = slow.ask_again(bad, ticket).refused
        assert (refused.error_class, refused.words) == (
            "mapping_missing",
            "Debtor 300-X999 not exists",
        )

    def test_where_one_undoes_all_the_others_go_again(self, slow):
        slow.sim.control("book", whole_batches=True)
        bad = slow.make("NS-2", DebtorCode="300-X999")
        ticket = submitted(slow, slow.make("NS-1"), bad, batch=True)
        at(slow, 91)
        slow.sim.control("queue", seconds=0)
        found = slow.ask_again(slow.make("NS-1"), ticket)
        assert (found.kind, found.refused.kind, found.refused.code) == (
            "absent",
            "temporary",
            "batch_undone",
        )
        assert slow.ask_again(bad, ticket).refused.error_class == "mapping_missing"

    def test_what_could_never_be_taken_is_not_in_it(self, bench):
        bad = bench.make("NS-2", DebtorCode="")
        first, second, third = bench.send(
            bench.make("NS-1"), bad, bench.make("NS-3"), batch=True
        ).answers
        assert (first.kind, second.error_class, third.number) == (
            "awaiting",
            "missing_field",
            "NS-3",
        )


class TestTheBook:
    def test_a_day_that_is_read_the_other_way_round_is_noticed(self, bench):
        bench.sim.control("book", date_format="MM-dd-yyyy")
        early = bench.make(DocDate="2026-11-09")
        ticket = submitted(bench, early)
        found = bench.ask_again(early, ticket)
        assert found.kind == "different"
        assert "correct the date format of the connection" in found.words
        right = {"date_format": "MM-dd-yyyy"}
        assert bench.send(bench.make("NS-2"), **right).answers[0].kind == "refused"

    def test_the_setting_is_what_is_told(self, bench):
        bench.sim.control("book", date_format="MM-dd-yyyy")
        there = {**bench.sim.settings, "date_format": "MM-dd-yyyy", "line_state": "0"}
        payload = bench.target.build([bench.make()], there, batch=False, batch_name="")
        assert b'"DocDate":"11-19-2026"' in payload.body
        assert b'"LineState":0' in payload.body
        (answer,) = bench.target.send(payload, there, SECRET, "", bench.http).answers
        assert answer.kind == "accepted"

    def test_a_total_may_differ_by_rounding_alone(self, bench):
        bench.send(bench.make())
        bench.sim.control("by_hand", number="NS-1", NetTotal="118.82")
        found = bench.look_up(bench.make())
        assert (found.kind, str(found.total)) == ("equal", "118.82")
        bench.sim.control("by_hand", number="NS-1", NetTotal="118.83")
        found = bench.look_up(bench.make())
        assert (found.kind, [one.field for one in found.differs]) == ("different", ["NetTotal"])

    def test_another_debtor_and_a_void_one_are_seen(self, bench):
        bench.send(bench.make())
        bench.sim.control("by_hand", number="NS-1", DebtorCode="300-K210")
        assert "DebtorCode is 300-K210 there" in bench.look_up(bench.make()).words
        bench.sim.control("by_hand", number="NS-1", DebtorCode="300-W001", Cancelled=True)
        assert bench.look_up(bench.make()).void

    def test_inclusive_tax_makes_the_amounts_the_total(self, bench):
        document = bench.make(
            InclusiveTax="yes", lines=[booked_line(Amount="118.80")], NetTotal="118.80"
        )
        assert bench.send(document).answers[0].kind == "accepted"

    def test_without_a_number_it_has_its_own(self, bench):
        body = bench.build(bench.make()).body.replace(b'"DocNo":"NS-1",', b"")
        url = f"{bench.sim.url}/api/public/v1/ARInvoice/CreateARInvoice"
        told = {"SOTC_AUTH": "SAM-demo-token-without-an-end"}
        assert bench.http.request("POST", url, headers=told, body=body).status == 200
        assert [one["DocNo"] for one in bench.standing()] == ["I-000001"]
        assert bench.look_up(bench.make()).kind == "absent"


def test_what_it_cannot_do_is_declared():
    target = targets()["autocount_aotg"]
    for more in (Searchable, TellsItems, TellsParties):
        assert not isinstance(target, more)
    (document,) = target.documents
    assert (document.actions, document.lists, document.reckons) == ((), (), False)
    assert "no stock, no changes, no credit notes, no payments" in target.form.gives


@pytest.mark.parametrize(
    ("offline", "says"),
    [
        (False, "answers. AOTG tells no name: compare it in AOTG once."),
        (True, "has not answered yet: the desktop is busy or switched off."),
    ],
)
def test_the_connection_test_names_the_account_book_that_is_meant(bench, offline, says):
    bench.sim.control("book", offline=offline)
    named = {**bench.sim.settings, "company_name": "Kedai Bunga Sdn Bhd", "company_id": "3DT88"}
    for given, told in ((named, "Kedai Bunga Sdn Bhd"), ({**named, "company_name": " "}, None)):
        report = bench.target.test(given, bench.sample.secret, bench.http)
        (step,) = [one for one in report.steps if one.name == "Account book"]
        assert (step.ok, step.words) == (None, f"Book 3DT88 ({told or 'no name given'}) {says}")
