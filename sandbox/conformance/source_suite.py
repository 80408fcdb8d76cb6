"""Test the contract of a source: one suite for all, and a part for those without webhooks.

pytest collects these classes where the fixture `scheme` exists: in tests/connectors for our
sources, in own_source_suite.py for your own.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.contract import Accepted, IncomingRecord, Source, SourceRefusal
from connectors.kit.preflight import meaning_of
from connectors.transport.strict_json import loads

Signed = tuple[dict[str, str], bytes]
Answer = Accepted | SourceRefusal
TOO_LARGE = 20 * 1024 * 1024 + 1
ZONE = ZoneInfo("Asia/Kuala_Lumpur")
EARLY, LATE = "2026-11-19T09:00:00+08:00", "2026-11-19T11:30:00+08:00"


@dataclass(frozen=True)
class Scheme:
    """One source: how to sign a body, a valid body, and the header with the signature.

    `state` makes the delivery of one order from its status, the moment of that state and its total;
    None for a source without tested orders. If deliveries only report a change, `state` makes the
    answer to a read, and another function returns the records in it. `states` are the words for a
    bought, cancelled and refunded order, `totals` the totals of an order before and after an edit.
    """

    source: Callable[[], Source]
    sign: Callable[[bytes, str], Mapping[str, str]]
    body: Mapping[str, Any]
    signature: str
    now: datetime = datetime(2026, 11, 20, 2, tzinfo=UTC)
    zone: ZoneInfo = ZONE
    secret: str = "hush"  # noqa: S105 - of the examples
    state: Callable[[str, str, str], Mapping[str, Any]] | None = None
    told: Callable[[Mapping[str, Any]], Sequence[IncomingRecord]] | None = None
    states: tuple[str, str, str] = ("paid", "cancelled", "refunded")
    totals: tuple[str, str] = ("99.00", "120.00")

    def call(self, content: object, secret: str = "") -> Signed:
        """Return a signed delivery with this content."""
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        return dict(self.sign(raw, secret or self.secret)), raw

    def accept(self, call: Signed, *secrets: str, later: timedelta = timedelta(0)) -> Answer:
        """Return the source's answer to a delivery."""
        headers, raw = call
        accepted_secrets = secrets or (self.secret,)
        return self.source().accept(headers, raw, accepted_secrets, self.now + later, self.zone)

    def order(self, status: str, moment: str, edited: int = 0) -> IncomingRecord | None:
        """Return the order in a state; None for a source without states."""
        if self.state is None:
            return None
        content = self.state(status, moment, self.totals[edited])
        records = self.told(content) if self.told else self._heard(content)
        (order,) = (record for record in records if record.kind == self.source().kinds[0].kind)
        return order

    def _heard(self, content: Mapping[str, Any]) -> Sequence[IncomingRecord]:
        answer = self.accept(self.call(content))
        assert isinstance(answer, Accepted), answer
        assert answer.errors == ()
        return answer.records


def code(answer: Answer) -> tuple[int, str]:
    """Return status and code of a refusal."""
    assert isinstance(answer, SourceRefusal), answer
    return answer.status, answer.code


class StatesSuite:
    """The contract of any source about the states of an order. `scheme` is given."""

    def test_an_edit_is_the_same_order_in_a_later_state(self, scheme: Scheme) -> None:
        bought, _, _ = scheme.states
        first, edited = (
            scheme.order(bought, EARLY),
            scheme.order(bought, LATE, edited=1),
        )
        if first is None or edited is None:
            return
        assert (first.kind, first.external_id, first.number) == (
            edited.kind,
            edited.external_id,
            edited.number,
        )
        assert first.body != edited.body
        assert (first.body["total"], edited.body["total"]) == scheme.totals

    def test_out_of_order_the_stamp_says_which_state_is_later(self, scheme: Scheme) -> None:
        """Compare stamps as text: the earlier state is the smaller, however late it arrives."""
        bought, _, _ = scheme.states
        late, early = scheme.order(bought, LATE), scheme.order(bought, EARLY)
        if late is None or early is None:
            return
        assert early.stamp is not None
        assert late.stamp is not None
        assert early.stamp < late.stamp
        assert datetime.fromisoformat(early.stamp) == datetime.fromisoformat(EARLY)

    def test_cancel_and_refund_are_told_by_the_status(self, scheme: Scheme) -> None:
        orders = [scheme.order(status, LATE) for status in scheme.states]
        statuses = [order.body["status"] for order in orders if order is not None]
        assert len(set(statuses)) == len(statuses)

    def test_a_status_that_nobody_knows_comes_as_it_was_written(self, scheme: Scheme) -> None:
        """Check that no source guesses: the rules hold a word that they do not name."""
        order = scheme.order("Half-Shipped?!", LATE)
        assert order is None or "half-shipped?!" in str(order.body["status"]).lower()


class SourceSuite(StatesSuite):
    """The contract of a source with webhooks. `scheme` is given."""

    def test_a_good_signature_is_taken_and_says_something(self, scheme: Scheme) -> None:
        answer = scheme.accept(scheme.call(scheme.body))
        assert isinstance(answer, Accepted), answer
        assert answer.errors == ()
        assert bool(answer.records) != answer.changed
        assert not answer.ping

    def test_forgeries_of_every_sort_are_refused_before_they_are_read(self, scheme: Scheme) -> None:
        headers, raw = scheme.call(scheme.body)
        other = {**headers, scheme.signature: headers[scheme.signature][:-2] + "00"}
        for forged, body in (
            (other, raw),
            (headers, raw + b" "),
            (scheme.call(scheme.body, "guessed")[0], raw),
            ({**headers, scheme.signature: "é" * 64}, raw),
            (scheme.call(b"{", "guessed")[0], b"{"),
        ):
            assert code(scheme.accept((forged, body)))[0] == 401
        missing = {name: value for name, value in headers.items() if name != scheme.signature}
        assert code(scheme.accept((missing, raw))) == (401, "not_signed")
        assert code(scheme.accept((headers, raw), ""))[0] == 401

    def test_header_names_may_come_in_any_case_and_two_secrets_may_be_live(
        self, scheme: Scheme
    ) -> None:
        headers, raw = scheme.call(scheme.body, "old-one")
        shouted = {name.upper(): value for name, value in headers.items()}
        assert isinstance(scheme.accept((shouted, raw), "new-one", "old-one"), Accepted)
        assert code(scheme.accept((shouted, raw), "new-one"))[0] == 401

    def test_the_same_call_is_the_same_delivery_and_another_body_is_another(
        self, scheme: Scheme
    ) -> None:
        first, repeated = (scheme.accept(scheme.call(scheme.body)) for _ in range(2))
        other = scheme.accept(scheme.call({**scheme.body, "more": 1}))
        assert isinstance(first, Accepted)
        assert isinstance(other, Accepted)
        assert first == repeated
        assert first.delivery_id
        if first.signature:
            assert first.signature != other.signature

    def test_a_call_that_comes_late_is_refused_or_can_bring_no_old_state(
        self, scheme: Scheme
    ) -> None:
        answer = scheme.accept(scheme.call(scheme.body), later=timedelta(days=3))
        if isinstance(answer, SourceRefusal):
            assert code(answer) == (401, "old_timestamp")
        else:  # its own stamp tells its age, or it holds no state at all
            assert all(record.stamp for record in answer.records if record.kind == "order")
            assert bool(answer.records) != answer.changed

    @pytest.mark.parametrize("raw", [b"", b"{", b"null", b"[]", b"7", b"\xff", b'{"a":1,"a":2}'])
    def test_a_signed_body_that_is_nothing_is_refused_in_words(
        self, scheme: Scheme, raw: bytes
    ) -> None:
        answer = scheme.accept(scheme.call(raw))
        assert code(answer)[0] in (400, 422)
        assert isinstance(answer, SourceRefusal)
        assert answer.message.endswith(".")

    def test_one_that_is_too_large_is_not_even_proved_and_a_huge_one_is_taken(
        self, scheme: Scheme
    ) -> None:
        assert code(scheme.accept(({}, b" " * TOO_LARGE)))[0] == 413
        huge = {**scheme.body, "note_of_the_buyer": ["x" * 30_000] * 60}
        assert isinstance(scheme.accept(scheme.call(huge)), Accepted)

    def test_what_it_declares_is_whole(self, scheme: Scheme) -> None:
        source = scheme.source()
        assert source.form.key is not None
        assert source.form.key.label
        assert all(declared.label and declared.hint for declared in source.form.settings)
        assert all(
            declared.example for declared in source.form.settings if declared.choices is None
        )
        for kind in source.kinds:
            names = [declared.name for declared in kind.fields]
            assert len(names) == len(set(names))
            assert {"number", "status"} <= set(names)
            assert [
                declared.name for declared in kind.fields if not meaning_of(declared, of_line=False)
            ] == []
            assert [
                declared.name for declared in kind.lines if not meaning_of(declared, of_line=True)
            ] == []

    def test_the_example_of_its_page_is_taken(self, scheme: Scheme) -> None:
        source: Any = scheme.source()
        if not hasattr(source, "example"):
            return
        call = source.example(f"{scheme.secret}:rest", scheme.now, "evt-9")
        secrets = [f"{scheme.secret}:rest"]
        answer = source.accept(call.headers, call.body, secrets, scheme.now, scheme.zone)
        assert isinstance(answer, Accepted)
        assert loads(call.body)
