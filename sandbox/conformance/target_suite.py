"""Test the contract of a target: its declaration, its calls, late answers and refusals.

pytest collects these classes where the fixtures `bench` and `target` exist: in tests/connectors for
our targets, in own_target_suite.py for your own.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Unpack
from urllib.parse import urlsplit

import pytest

from connectors.contract import Question
from connectors.contract.errors import ERROR_CLASSES, RETRY, RetryWay
from connectors.contract.targets import Deferring, LooksTogether, TellsParties
from connectors.transport.http import Http, HttpAnswer, HttpFailure
from connectors.transport.http import RequestOptions as Given
from sandbox.conformance.target_bench import (
    HOME,
    Bench,
    Fixed,
    Guarded,
    Literal,
    Refusals,
    Refused,
    answering,
    closed,
    send_against,
    silent,
)

JSON, HTML = "application/json", "text/html"

UNREADABLE = {
    "empty": Fixed(200),
    "html": Fixed(200, b"<html><body>Please sign in</body></html>", HTML),
    "half a JSON": Fixed(200, b'{"id": "x", "numb'),
    "a list": Fixed(200, b"[]"),
    "a list of texts": Fixed(200, b'["r-1"]'),
    "a number": Fixed(200, b"7"),
    "a text": Fixed(200, b'"done"'),
    "nothing": Fixed(200, b"null"),
    "another object": Fixed(200, b'{"hello": {"world": [1, 2]}}'),
    "wrong types": Fixed(200, b'{"id": 7, "number": [], "documents": "x", "master": 1}'),
    "not JSON": Fixed(200, b"\x00\x01\xff", JSON),
    "gateway": Fixed(502, b"<html>502</html>", HTML),
    "fault": Fixed(500, b'{"error": "oops"}'),
    "moved": Fixed(302, b"", HTML, {"Location": "{url}/elsewhere"}),
    "moved with its body": Fixed(307, b"", HTML, {"Location": "{url}/elsewhere"}),
}
"""Answers that say neither yes nor no."""

NO_WORD = "no_such_word_ever"

_KINDS = {RetryWay.AUTOMATIC: "temporary", RetryWay.LOOK_UP_FIRST: "uncertain"}

_REASON = 20  # characters that a reason has at least

_LONG, _SHORT = 30.0, 0.2  # seconds that the session waits for what comes, and for what is late

_MARK = "X-Late"

_OF_THE_WAY = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})

Told = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body of an answer."""

Chosen = Callable[[str, int], bool]
"""Whether a call is the late one, by its method and how many came before it."""


class TargetSuite:
    """The contract of a target.

    `bench`: a target with its simulator and empty books; `batch`: whether a document is sent alone
    or in a batch.
    """

    def test_same_documents_give_the_same_bytes(self, bench: Bench, batch: bool) -> None:
        first, repeated = (bench.build(bench.make(), batch=batch) for _ in range(2))
        assert first == repeated
        assert first.body
        assert bench.sample.secret not in repr(first)

    def test_a_document_is_accepted_and_written_once(self, bench: Bench, batch: bool) -> None:
        sent = bench.send(bench.make(), batch=batch)
        assert [answer.kind for answer in sent.answers] == ["accepted"]
        assert sent.answers[0].number == "NS-1"
        assert sent.answers[0].target_ref
        assert [line["number"] for line in bench.sim.ledger("created")][-1:] == ["NS-1"]

    def test_the_ledger_knows_the_bytes(self, bench: Bench, batch: bool) -> None:
        payload = bench.build(bench.make(), batch=batch)
        bench.send(bench.make(), batch=batch)
        written = bench.sim.ledger("created")[-1]
        assert written["body_sha256"] == hashlib.sha256(payload.body).hexdigest()
        assert written["total"] == str(bench.make().amount)

    def test_the_same_key_does_it_once(self, bench: Bench, batch: bool) -> None:
        bench.send(bench.make(), batch=batch)
        (answer,) = bench.send(bench.make(), batch=batch).answers
        assert answer.kind == "accepted"
        assert answer.target_ref
        assert len(bench.standing()) == 1

    def test_another_key_finds_it_there(self, bench: Bench, batch: bool) -> None:
        bench.send(bench.make(), batch=batch)
        (answer,) = bench.send(bench.make(), key="cp-2", batch=batch).answers
        assert (answer.kind, answer.existing, answer.same_content) == ("accepted", True, True)
        assert answer.words == "Already there, with the same content."
        assert len(bench.standing()) == 1

    def test_other_content_under_the_number_is_stale(self, bench: Bench, batch: bool) -> None:
        bench.send(bench.make(), batch=batch)
        (answer,) = bench.send(bench.changed(), key="cp-2", batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", "stale_version")
        assert answer.same_content is False

    def test_an_unclear_answer_is_uncertain_and_the_look_up_finds_it(
        self, bench: Bench, batch: bool
    ) -> None:
        for fault in bench.sample.stored:
            bench.afresh()
            bench.sim.control("faults", fault=fault)
            (answer,) = bench.send(bench.make(), batch=batch).answers
            assert (answer.kind, answer.error_class) == ("uncertain", "uncertain"), fault
            assert bench.look_up(bench.make()).kind == "equal"
            assert len(bench.standing()) == 1

    def test_a_fault_of_one_document_meets_no_other(self, bench: Bench, batch: bool) -> None:
        """Match whole numbers only: a number that is a part of this one is another document."""
        fault = bench.sample.stored[0]
        for number, kind in (
            ("NS-9", "accepted"),
            ("NS-11", "accepted"),
            ("S-1", "accepted"),
            ("NS-1", "uncertain"),
        ):
            bench.afresh()
            bench.sim.control("faults", fault=fault, number=number)
            (answer,) = bench.send(bench.make(), batch=batch).answers
            assert answer.kind == kind, number
            assert bench.look_up(bench.make()).kind == "equal"

    def test_nothing_stored_is_uncertain_and_the_look_up_says_absent(
        self, bench: Bench, batch: bool
    ) -> None:
        for fault in bench.sample.not_stored:
            bench.afresh()
            bench.sim.control("faults", fault=fault)
            (answer,) = bench.send(bench.make(), batch=batch).answers
            assert answer.kind == "uncertain", fault
            assert bench.look_up(bench.make()).kind == "absent"
            assert bench.send(bench.make(), batch=batch).answers[0].kind == "accepted"

    @pytest.mark.parametrize("body", UNREADABLE)
    def test_an_answer_that_says_nothing_is_never_a_yes_or_a_no(
        self, bench: Bench, batch: bool, body: str
    ) -> None:
        """Require a lookup after a call that may have had an effect.

        A lookup with such an answer is unknown.
        """
        with answering(UNREADABLE[body]) as server:
            (answer,) = bench.send(bench.make(), batch=batch, base_url=server.url).answers
            assert answer.words
            if server.written:
                assert (answer.kind, answer.error_class) == ("uncertain", "uncertain")
            else:  # it looked first, and sent nothing
                assert (answer.kind, answer.code) == ("temporary", "not_sent")
            lookup = bench.look_up(bench.make(), base_url=server.url)
            assert (lookup.kind, lookup.refused) == ("unknown", None)
            assert "/elsewhere" not in {path for _, path in server.asked}

    def test_a_target_that_has_enough_is_left_alone(self, bench: Bench, batch: bool) -> None:
        enough = Fixed(429, b"{}", headers={"Retry-After": "30"})
        with answering(enough) as server:
            (answer,) = bench.send(bench.make(), batch=batch, base_url=server.url).answers
            assert (answer.kind, answer.error_class) == ("temporary", "temporary")
            assert (answer.status, answer.retry_after) == (429, 30)
            lookup = bench.look_up(bench.make(), base_url=server.url)
            assert (lookup.kind, lookup.status, lookup.retry_after) == ("unknown", 429, 30)

    def test_a_key_that_is_refused_is_for_an_administrator(self, bench: Bench, batch: bool) -> None:
        with answering(Fixed(401, b"{}")) as server:
            (answer,) = bench.send(bench.make(), batch=batch, base_url=server.url).answers
            if server.written:
                assert (answer.kind, answer.error_class) == ("refused", "authorization_failed")
            else:
                assert answer.kind in ("refused", "temporary")
            lookup = bench.look_up(bench.make(), base_url=server.url)
            assert (lookup.kind, lookup.key_refused) == ("unknown", True)

    def test_a_closed_period_is_told_as_one(self, bench: Bench, batch: bool) -> None:
        bench.sim.control("faults", fault="closed_period")
        (answer,) = bench.send(bench.make(), batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", "period_locked")
        assert answer.words
        assert bench.standing() == []

    def test_a_batch_at_its_limit_is_taken_whole(self, bench: Bench, batch: bool) -> None:
        limits = bench.target.file_limits
        assert limits.documents >= 1
        rows_each = bench.target.rows_of(bench.make())
        assert rows_each >= 1
        if not batch:
            return
        most = min(limits.documents, (limits.rows or limits.documents * rows_each) // rows_each)
        documents = [bench.make(f"NS-{number}") for number in range(1, most + 1)]
        assert limits.bytes is None or len(bench.build(*documents, batch=True).body) <= limits.bytes
        answers = bench.send(*documents, batch=True).answers
        assert [answer.number for answer in answers] == [document.number for document in documents]
        later = isinstance(bench.target, Deferring)
        assert {answer.kind for answer in answers} <= {"accepted", *(["awaiting"] if later else [])}
        assert len(bench.standing()) == most

    def test_one_document_of_a_batch_that_is_refused_holds_none_of_the_others(
        self, bench: Bench, batch: bool
    ) -> None:
        if not batch or isinstance(bench.target, Deferring):
            return
        bench.send(bench.changed(), key="cp-other")
        documents = [bench.make(number) for number in ("NS-2", "NS-1", "NS-3")]
        answers = bench.send(*documents, batch=True, key="cp-batch").answers
        assert [answer.number for answer in answers] == ["NS-2", "NS-1", "NS-3"]
        assert [answer.kind == "accepted" for answer in answers] == [True, False, True]
        assert (answers[1].error_class, answers[1].same_content) == ("stale_version", False)

    def test_what_it_declares_can_be_done_to_a_posted_document(
        self, bench: Bench, batch: bool
    ) -> None:
        """Update and void, each twice; an undeclared action is refused and never sent."""
        old, new = bench.make(), bench.changed()
        bench.send(old, batch=batch)
        for action in ("update", "void"):
            document = new if action == "update" else old
            if action not in self.actions(bench):
                payload = bench.build(document, action=action)
                called = len(bench.sim.ledger())
                kinds = {answer.error_class for answer in payload.refused.values()}
                assert kinds <= {"business_rule"}
                assert len(bench.sim.ledger()) == called
                continue
            bench.afresh()
            bench.send(old, batch=batch)
            before = bench.look_up(document, action=action, standing=old)
            assert before.kind == "absent", action
            for _ in range(2):
                (answer,) = bench.send(document, key=f"cp-{action}", action=action).answers
                assert answer.kind == "accepted", action
            after = bench.look_up(document, action=action, standing=old)
            assert after.kind == "equal", action
            assert len(bench.standing()) == 1

    def actions(self, bench: Bench) -> tuple[str, ...]:
        """Return the actions that the sample's document declares."""
        name = bench.make().document
        (schema,) = (
            document_type for document_type in bench.target.documents if document_type.name == name
        )
        declared: tuple[str, ...] = schema.actions
        return declared

    def test_a_closed_door_is_temporary_and_nothing_was_sent(
        self, bench: Bench, batch: bool
    ) -> None:
        with closed() as url:
            (answer,) = bench.send(bench.make(), batch=batch, base_url=url).answers
        assert (answer.kind, answer.code) == ("temporary", "not_sent")

    def test_an_unknown_name_is_temporary(self, bench: Bench, batch: bool) -> None:
        (answer,) = bench.send(bench.make(), batch=batch, base_url="http://x.invalid").answers
        assert (answer.kind, answer.error_class) == ("temporary", "temporary")

    def test_silence_is_uncertain(self, bench: Bench, batch: bool) -> None:
        with silent() as url:
            bench.http = Http(read_seconds=0.2)
            (answer,) = bench.send(bench.make(), batch=batch, base_url=url).answers
        assert (answer.kind, answer.error_class) == ("uncertain", "uncertain")

    def test_a_look_up_sees_other_content(self, bench: Bench, batch: bool) -> None:
        bench.send(bench.make(), batch=batch)
        assert bench.look_up(bench.changed(), key="cp-other").kind == "different"
        assert bench.look_up(bench.make(), key="cp-other").kind == "equal"
        assert bench.look_up(bench.make("NS-9"), key="cp-other").kind == "absent"

    def test_many_are_told_what_each_is_told_alone(self, bench: Bench, batch: bool) -> None:
        """Compare a lookup of many documents with single lookups."""
        if not isinstance(bench.target, LooksTogether):
            return
        bench.send(bench.make(), batch=batch)
        bench.send(bench.make("NS-2"), key="cp-2", batch=batch)
        documents = [bench.make("NS-9"), bench.changed(), bench.make("NS-2"), bench.make()]
        questions = [Question(document=entry, key="cp-other") for entry in documents]
        connection = bench.sim.settings, bench.sample.secret, bench.http
        lookups = bench.target.look_up_together(questions, *connection)
        single_lookups = [bench.look_up(entry, key="cp-other") for entry in documents]
        assert [entry.kind for entry in lookups] == ["absent", "different", "equal", "equal"]
        assert [
            (entry.kind, entry.words, entry.target_ref, entry.differs) for entry in lookups
        ] == [
            (entry.kind, entry.words, entry.target_ref, entry.differs) for entry in single_lookups
        ]
        nowhere = {**bench.sim.settings, "base_url": "http://127.0.0.1:1"}
        lookups = bench.target.look_up_together(questions, nowhere, *connection[1:])
        assert [entry.kind for entry in lookups] == ["unknown"] * 4

    def test_a_look_up_without_an_answer_knows_nothing(self, bench: Bench, batch: bool) -> None:
        assert bench.look_up(bench.make(), company_id="9").kind == "unknown"
        assert bench.look_up(bench.make(), base_url="http://127.0.0.1:1").kind == "unknown"

    @pytest.mark.parametrize("first", "=+-@\t\r\x00＝＋－＠")
    def test_a_dangerous_beginning_is_refused_before_it_is_sent(
        self, bench: Bench, batch: bool, first: str
    ) -> None:
        before = len(bench.sim.ledger())
        document = bench.make(**{bench.sample.party: f"{first}HYPERLINK(1)"})
        (answer,) = bench.send(document, batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", "bad_value")
        assert len(bench.sim.ledger()) == before

    @pytest.mark.parametrize(
        ("field", "value", "error_class"),
        [
            ("party", "", "missing_field"),
            ("party", "x" * 101, "bad_value"),
            ("party", "a\x07b", "bad_value"),
            ("party", "a\ud800b", "bad_value"),
            ("day", "19/11/2026", "bad_value"),
            ("rate", "NaN", "bad_value"),
            ("rate", "1.1234567891234", "bad_value"),
        ],
    )
    def test_what_would_be_cut_or_misread_is_refused(
        self, bench: Bench, batch: bool, field: str, value: str, error_class: str
    ) -> None:
        sample = bench.sample
        name = {"party": sample.party, "day": sample.day, "rate": sample.rate}[field]
        (answer,) = bench.send(bench.make(**{name: value}), batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", error_class)

    def test_the_key_is_never_in_what_is_kept(self, bench: Bench, batch: bool) -> None:
        sent = bench.send(bench.make(), batch=batch)
        assert bench.sample.secret not in repr(sent)
        assert bench.sample.secret not in bench.sim.ledger_path.read_text()

    def test_a_connection_test_passes_and_says_how(self, bench: Bench, batch: bool) -> None:
        report = bench.target.test(bench.sim.settings, bench.sample.secret, bench.http)
        assert [step for step in report.steps if step.ok is False] == []
        assert report.snapshot is not None
        assert all(step.words for step in report.steps)
        with closed() as url:
            settings = {**bench.sim.settings, "base_url": url}
            away = bench.target.test(settings, bench.sample.secret, bench.http)
        assert (away.ok, away.reached, away.snapshot) == (False, False, None)
        assert next(step for step in away.steps if step.ok is False).hint


class DeclarationSuite:
    """Checks that a target's declaration is complete; no call is made. `target` is a fixture."""

    def test_every_field_has_a_type_a_meaning_and_one_name(self, target: Any) -> None:
        for document in target.documents:
            for fields in (document.header, document.lines):
                names = [field.name for field in fields]
                assert len(names) == len(set(names)), document.name
                assert [field.name for field in fields if not field.meaning] == [], document.name

    def test_its_own_fields_are_there(self, target: Any) -> None:
        for document in target.documents:
            head = {field.name: field for field in document.header}
            assert document.target == target.name
            assert head[document.number_field].required
            assert head[document.date_field].type == "date"
            assert document.party_field in {"", *head}
            assert document.total_field in {None, *head}
            assert set(document.actions) <= {"update", "void"}

    def test_its_form_says_what_to_enter(self, target: Any) -> None:
        form = target.form
        assert form.title
        assert form.gives
        assert form.needs
        assert all(setting.label for setting in form.settings)
        assert all(setting.example for setting in form.settings if setting.required)
        assert form.tells is not None
        assert form.e_invoices is not None
        entered = any(setting.name == "locked_through" for setting in form.settings)
        assert (form.tells.closing_date == "entered") == entered

    def test_its_limits_and_its_pace_can_be_kept(self, target: Any) -> None:
        limits, pace = target.file_limits, target.pace
        assert limits.documents >= 1
        assert limits.rows is None or limits.rows >= limits.documents
        assert pace.to_send >= 1
        assert pace.to_look >= 1
        assert target.settle_seconds >= 0
        assert target.rounding({}) in ("per_line", "sum_then_round")

    def test_what_it_refuses_has_one_of_the_ten_classes(self, target: Any) -> None:
        """Check the class of each of the target's own words for a refusal.

        An unknown word goes to a person and is never retried automatically.
        """
        refusals = getattr(target, "refusals", None)
        if refusals is None:
            return
        assert refusals
        assert set(refusals.values()) <= set(ERROR_CLASSES)
        assert target.class_of("no such word, ever") == "business_rule"


class GuardSuite:
    """What a target holds before it sends anything. `guarded`: a target with a good document."""

    def test_the_good_document_is_sent(self, guarded: Guarded) -> None:
        assert guarded.answer() is None

    def test_a_document_abroad_states_its_rate(self, guarded: Guarded) -> None:
        """Hold the document even if a target takes no rate, because it would use one of its own."""
        if guarded.follows:
            return
        abroad = {guarded.currency_field: "SGD"} if guarded.currency_field else {}
        without = {guarded.rate_field: ""} if guarded.rate_field else {}
        answer = guarded.answer({**abroad, **without}, currency="SGD")
        assert answer is not None
        assert answer.error_class in ("missing_field", "bad_value")
        if guarded.rate_field:
            stated = guarded.answer({**abroad, guarded.rate_field: "3.41"}, currency="SGD")
            assert stated is None

    def test_a_document_abroad_names_its_currency(self, guarded: Guarded) -> None:
        """Require the currency: otherwise the party's or the books' currency would be booked.

        A target that takes the currency from the party is queried for the party (`TellsParties`).
        """
        if not guarded.sends_currency:
            assert not guarded.rate_field or isinstance(guarded.target, TellsParties)
            return
        rate = {guarded.rate_field: "3.41"} if guarded.rate_field else {}
        answer = guarded.answer({guarded.currency_field: "", **rate}, currency="SGD")
        assert answer is not None
        assert answer.error_class == "missing_field"

    @pytest.mark.parametrize("rate", ["3.41", "0", "-1"])
    def test_at_home_a_rate_is_one(self, guarded: Guarded, rate: str) -> None:
        if not guarded.rate_field:
            return
        home = {guarded.currency_field: HOME} if guarded.currency_field else {}
        answer = guarded.answer({**home, guarded.rate_field: rate})
        assert answer is not None
        assert answer.error_class == "bad_value"
        assert rate in answer.words

    def test_what_it_requires_is_stated(self, guarded: Guarded) -> None:
        for field in guarded.schema.header:
            if field.required or field.needed:
                answer = guarded.answer({field.name: ""})
                assert answer is not None, field.name
                assert answer.error_class == "missing_field", field.name

    def test_no_text_is_longer_than_it_takes(self, guarded: Guarded) -> None:
        for field in guarded.schema.header:
            if field.type == "text" and field.max_length and field.sent:
                text = guarded.document.fields.get(field.name, "").ljust(field.max_length + 1, "x")
                answer = guarded.answer({field.name: text})
                assert answer is not None, field.name
                assert answer.error_class == "bad_value", field.name

    def test_no_number_has_more_decimals_than_it_keeps(self, guarded: Guarded) -> None:
        for field in guarded.schema.header:
            if field.places is not None and field.sent:
                answer = guarded.answer({field.name: f"1.{'1' * (field.places + 1)}"})
                assert answer is not None, field.name
                assert answer.error_class == "bad_value", field.name
        for field in guarded.schema.lines:
            if field.places is not None and field.sent:
                answer = guarded.answer(line={field.name: f"1.{'1' * (field.places + 1)}"})
                assert answer is not None, field.name
                assert answer.error_class == "bad_value", field.name

    def test_a_quantity_that_it_requires_is_above_zero(self, guarded: Guarded) -> None:
        for field in guarded.schema.lines:
            if field.type == "quantity" and field.required:
                for quantity in ("0", "-2"):
                    answer = guarded.answer(line={field.name: quantity})
                    assert answer is not None, quantity
                    assert answer.error_class == "bad_value", quantity

    def test_no_payment_is_below_zero(self, guarded: Guarded) -> None:
        """Check the total of a payment, which states it; the target calculates an invoice's
        total.
        """
        total = guarded.schema.total_field
        if any(field.name == total and field.sent for field in guarded.schema.header):
            answer = guarded.answer({str(total): "-5.00"})
            assert answer is not None
            assert answer.error_class == "bad_value"


class RefusalSuite:
    """The contract of a target about refusals.

    `refusals`: its list of refusals; `way` and `literal`: each entry.
    """

    def test_each_class_is_met_or_never_told(self, refusals: Refusals) -> None:
        """List what refusals.toml lacks: a way to the class, or the reason why there is none."""
        met = [refused.error_class for refused in refusals.ways]
        assert sorted([*met, *refusals.never]) == sorted(ERROR_CLASSES)
        assert [name for name, why in refusals.never.items() if len(why) < _REASON] == []

    def test_each_code_of_its_table_is_met(self, target: Any, refusals: Refusals) -> None:
        """Require proof of each class: a way to the code, or an answer that has it."""
        answers = " ".join(entry.body for entry in refusals.literal)
        met = {entry.code for entry in refusals.ways}
        assert [code for code in target.refusals if code not in met and code not in answers] == []

    def test_a_refusal_has_its_class(self, bench: Bench, refusal: Refused) -> None:
        sent = refusal.meet(bench)
        (answer,) = sent.answers
        assert (answer.error_class, answer.code) == (refusal.error_class, refusal.code), answer
        assert refusal.told in answer.words, answer
        (retry_rule,) = (rule for name, rule in RETRY.items() if name == refusal.error_class)
        assert answer.kind == _KINDS.get(retry_rule.retry, "refused")
        if answer.kind != "uncertain":
            assert len(bench.standing()) == bool(refusal.there), (
                "a no leaves the books as they were"
            )

    def test_an_answer_of_the_sheet_has_its_class(self, bench: Bench, literal: Literal) -> None:
        answer, wrote = literal.heard(bench)
        if wrote:  # else it looked first, and nothing was sent
            assert answer.error_class == literal.error_class, answer
            assert answer.words

    def test_a_word_that_nobody_knows_is_for_a_person(
        self, bench: Bench, refusals: Refusals
    ) -> None:
        """Repeat each refusal with an unknown code: it is never retried automatically."""
        met = False
        for refusal in refusals.ways:
            bench.afresh()
            sent = refusal.meet(bench)
            (answer,) = sent.answers
            code = answer.code.encode()
            if answer.kind != "refused" or not sent.status or code not in sent.body:
                continue
            unknown_answer, wrote = send_against(
                bench, sent.status, sent.body.replace(code, NO_WORD.encode())
            )
            assert not wrote or (unknown_answer.kind, unknown_answer.error_class) == (
                "refused",
                "business_rule",
            ), unknown_answer
            met = met or wrote
        has_literal = any(literal.error_class == "business_rule" for literal in refusals.literal)
        assert met or has_literal, (
            "an answer with a word that is in no sheet belongs into refusals.toml"
        )


class Late(Enum):
    """A delayed message: the call before the target gets it, or its answer before the caller gets
    it.
    """

    CALL = "call"
    ANSWER = "answer"


class Relay:
    """A running relay: its address, the session that calls it, and the calls that it received."""

    def __init__(self, to: str, late: Late, chosen: Chosen) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.arrived = threading.Event()
        """Set once the target has answered the late call."""
        self.released = threading.Event()
        self.http: Http = _Session(self.asked, chosen)
        self._to, self._late = urlsplit(to), late

    def release(self) -> None:
        """Send on what was kept back, and wait until the target has it."""
        self.released.set()
        if not self.arrived.wait(_LONG):
            raise AssertionError("The late call never came to the target.")

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Told:
        """Return the target's answer, delayed if it is the late one."""
        forwarded_headers = {name: value for name, value in headers.items() if name != _MARK}
        is_late = _MARK in headers
        if is_late and self._late is Late.CALL:
            self.released.wait(_LONG)
        response = self._forward(method, path, forwarded_headers, body)
        if is_late:
            self.arrived.set()
        if is_late and self._late is Late.ANSWER:
            self.released.wait(_LONG)
        return response

    def _forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Told:
        connection = HTTPConnection(self._to.netloc, timeout=_LONG)
        try:
            connection.request(method, path, body or None, dict(headers))
            response = connection.getresponse()
            response_headers = [
                header for header in response.getheaders() if header[0].lower() not in _OF_THE_WAY
            ]
            return response.status, response_headers, response.read()
        finally:
            connection.close()


class LateSuite:
    """The contract of a target about late calls and answers: nothing is doubled or believed absent.

    `bench` and `batch` as in TargetSuite.
    """

    def test_a_late_answer_is_uncertain_and_the_look_up_finds_it(
        self, bench: Bench, batch: bool
    ) -> None:
        with relaying(bench.sim.url, first_write()) as relay:
            self.send_in_vain(bench, relay, batch=batch)
            assert relay.arrived.wait(30)
            assert len(bench.standing()) == 1, "it was made, and nobody heard of it"
            relay.release()
            lookup = bench.look_up(bench.make(), base_url=relay.url)
            assert lookup.kind == "equal"
            (repeated,) = bench.send(bench.make(), batch=batch, base_url=relay.url).answers
            assert repeated.kind == "accepted"
            assert repeated.target_ref == lookup.target_ref
            assert len(bench.standing()) == 1

    def test_a_call_that_arrives_before_its_repeat_is_done_once(
        self, bench: Bench, batch: bool
    ) -> None:
        with relaying(bench.sim.url, first_write(), Late.CALL) as relay:
            self.send_in_vain(bench, relay, batch=batch)
            assert bench.look_up(bench.make()).kind == "absent"
            relay.release()
            assert bench.look_up(bench.make()).kind == "equal"
            assert bench.send(bench.make(), batch=batch).answers[0].kind == "accepted"
            assert len(bench.standing()) == 1

    def test_a_call_that_arrives_after_its_repeat_is_done_once(
        self, bench: Bench, batch: bool
    ) -> None:
        """Check that its key or its number is known in the target by then."""
        with relaying(bench.sim.url, first_write(), Late.CALL) as relay:
            self.send_in_vain(bench, relay, batch=batch)
            assert bench.send(bench.make(), batch=batch).answers[0].kind == "accepted"
            relay.release()
            assert bench.look_up(bench.make()).kind == "equal"
            assert len(bench.standing()) == 1

    @pytest.mark.parametrize(
        ("number", "key", "kind"),
        [("NS-1", "cp-1", "equal"), ("NS-1", "cp-other", "equal"), ("NS-9", "cp-other", "absent")],
        ids=["our key", "another key", "not there"],
    )
    def test_a_look_up_knows_nothing_whichever_of_its_answers_is_late(
        self, bench: Bench, batch: bool, number: str, key: str, kind: str
    ) -> None:
        """Repeat the lookup as well: the late answer must not mislead it."""
        bench.send(bench.make(), batch=batch)
        document = bench.make(number)
        with relaying(bench.sim.url, nth(-1)) as relay:
            bench.http = relay.http
            reference = bench.look_up(document, key=key, base_url=relay.url)
            assert reference.kind == kind
        assert relay.asked
        for late in range(len(relay.asked)):
            with relaying(bench.sim.url, nth(late)) as slow:
                bench.http = slow.http
                late_lookup = bench.look_up(document, key=key, base_url=slow.url)
                assert (late_lookup.kind, late_lookup.refused) == ("unknown", None), late
                assert not late_lookup.key_refused
                slow.release()
                repeated = bench.look_up(document, key=key, base_url=slow.url)
                assert (repeated.kind, repeated.words) == (reference.kind, reference.words), late

    def send_in_vain(self, bench: Bench, relay: Relay, *, batch: bool) -> None:
        """Send the document of the sample, and give up before the answer is there."""
        bench.http = relay.http
        (answer,) = bench.send(bench.make(), batch=batch, base_url=relay.url).answers
        assert (answer.kind, answer.error_class) == ("uncertain", "uncertain")
        assert answer.words


@contextmanager
def relaying(to: str, chosen: Chosen, late: Late = Late.ANSWER) -> Iterator[Relay]:
    """Start a relay to this address that holds back the chosen call, or its answer, until
    released.
    """
    relay = Relay(to, late, chosen)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, headers, content = relay.answer(
                self.command, self.path, dict(self.headers.items()), body
            )
            with suppress(OSError):  # who does not wait any more has hung up
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    relay.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield relay
    finally:
        relay.released.set()
        server.shutdown()
        server.server_close()


def first_write() -> Chosen:
    """Return a condition that is true only for the first call that is not a GET."""
    met: list[str] = []

    def chosen(method: str, _: int) -> bool:
        if method == "GET" or met:
            return False
        met.append(method)
        return True

    return chosen


def nth(place: int) -> Chosen:
    """Return a condition that is true only for the call at this position, counted from 0.

    For a negative position it is always false.
    """
    return lambda _, before: before == place


class _Session(Http):
    """Waits for an answer as long as it takes, and hardly for the one that it knows to be late."""

    def __init__(self, methods: list[str], chosen: Chosen) -> None:
        super().__init__()
        self._asked, self._chosen = methods, chosen

    def request(self, method: str, url: str, **options: Unpack[Given]) -> HttpAnswer | HttpFailure:
        is_late = self._chosen(method, len(self._asked))
        self._asked.append(method)
        if is_late:
            options["headers"] = {**options["headers"], _MARK: "1"}
        return Http(read_seconds=_SHORT if is_late else _LONG).request(method, url, **options)
