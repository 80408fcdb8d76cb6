"""Books in memory that take invoices and credit notes, and can change and void what they have.

Here: a target for tests of holding, with moods: it keeps silent after the effect, refuses, or is
away. Not here: what a real target answers (tests/connectors).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from connectors.contract import (
    Action,
    Answer,
    ConnectionForm,
    ConnectionReport,
    FileLimits,
    Found,
    OutgoingDocument,
    Pace,
    Payload,
    Rounding,
    Sent,
    Settings,
)
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.targets.aiaccount.connector import FORM
from connectors.targets.aiaccount.ways import SALES_INVOICE
from connectors.transport.http import Http
from grammar.text.finding_codes import ErrorClass
from rules.values.canonical import dumps

INVOICE = replace(SALES_INVOICE, actions=("update", "void"))
CREDIT_NOTE = DocumentSchema(
    target="aiaccount",
    name="credit_note",
    title="Credit note",
    header=(*SALES_INVOICE.header, FieldSchema(name="Reason")),
    lines=SALES_INVOICE.lines,
    number_field="InvoiceNumber",
    number_max=50,
    date_field="InvoiceDate",
    party_field="Customer",
    total_field="Total",
)


@dataclass
class Standing:
    """One document in the books."""

    document: str
    content: str
    void: bool = False


REFUSALS: Mapping[str, tuple[str, ErrorClass, str]] = {
    "refuse": ("No.", "business_rule", "no"),
    "locked": ("Closed.", "period_locked", ""),
    "refuse_key": ("Who?", "authorization_failed", ""),
    "unread": ("Not readable.", "bad_value", "lookup_refused"),
    "blocked": ("Private address.", "authorization_failed", "address_refused"),
    "beyond": ("One line too many.", "business_rule", "preflight"),
    "unlisted": ("Unknown account.", "mapping_missing", "unknown_account"),
}
"""Mood -> words, class and code of the refusal."""

NO_CALL = frozenset({"silent", "away", "blocked", "beyond", "unread"})
"""Moods in which no HTTP status arrives."""


@dataclass
class Books:
    """The target `aiaccount` of a test. `moods` are used up, one a call."""

    name: str = "aiaccount"
    documents: tuple[DocumentSchema, ...] = (INVOICE, CREDIT_NOTE)
    dedupe: Literal["key", "number", "number+customer", "none"] = "number"
    lookup: Literal["strong", "lagging", "none"] = "strong"
    settle_seconds: float = 0.0
    file_limits: FileLimits = field(default_factory=lambda: FileLimits(documents=500))
    pace: Pace = field(default_factory=Pace)
    shelf: dict[str, Standing] = field(default_factory=dict)
    effects: list[tuple[str, str]] = field(default_factory=list)
    moods: list[str] = field(default_factory=list)
    form: ConnectionForm = FORM

    def rounding(self, settings: Settings) -> Rounding:
        return "per_line"

    def rows_of(self, document: OutgoingDocument) -> int:
        return len(document.lines)

    def build(
        self,
        documents: Sequence[OutgoingDocument],
        settings: Settings,
        *,
        batch: bool,
        batch_name: str,
        action: Action = "create",
    ) -> Payload:
        assert action == "create" or len(documents) == 1
        body = dumps([action, [[d.document, d.number, content_of(d)] for d in documents]])
        return Payload(
            method="POST",
            path=f"/{action}",
            headers={":action": action, ":batch": str(batch)},
            body=body.encode(),
            content_type="application/json",
            rows={},
            numbers=tuple(d.number for d in documents),
            positions={},
        )

    def send(self, payload: Payload, settings: Settings, secret: str, key: str, http: Http) -> Sent:
        mood = self.moods.pop(0) if self.moods else ""
        given: Any = json.loads(payload.body)
        answers = tuple(self._do(given[0], mood, *one) for one in given[1])
        status = None if mood in NO_CALL else 200
        return Sent(answers=answers, status=status, headers={}, body=b"", seconds=0.0)

    def _do(self, action: str, mood: str, document: str, number: str, content: str) -> Answer:
        if mood in REFUSALS:
            words, error_class, code = REFUSALS[mood]
            return Answer(
                kind="refused", words=words, error_class=error_class, code=code, number=number
            )
        if mood == "later":
            return Answer(
                kind="temporary", words="Not now.", error_class="temporary", number=number
            )
        if mood != "away":
            if action == "create":
                assert number not in self.shelf, f"{number} a second time"
                self.shelf[number] = Standing(document, content)
            elif action == "update":
                self.shelf[number].content = content
            else:
                self.shelf[number].void = True
            self.effects.append((action, number))
        if mood in {"silent", "away"}:
            return Answer(kind="uncertain", words="No answer.", error_class="uncertain")
        return Answer(kind="accepted", words="Done.", number=number, target_ref=f"ref-{number}")

    def look_up(
        self,
        document: OutgoingDocument,
        settings: Settings,
        secret: str,
        key: str,
        http: Http,
        *,
        action: Action = "create",
        standing: OutgoingDocument | None = None,
    ) -> Found:
        there = self.shelf.get(document.number)
        if there is None:
            return Found(kind="absent" if action == "create" else "different", words="Not there.")
        same = there.content == content_of(document)
        unchanged = standing is not None and there.content == content_of(standing)
        done = there.void if action == "void" else same and not there.void
        if done:
            return Found(kind="equal", words="There.", target_ref=f"ref-{document.number}")
        if action != "create" and unchanged and not there.void:
            return Found(kind="absent", words="As we left it.")
        return Found(kind="different", words="Somebody changed it.")

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        return ConnectionReport(steps=(), snapshot=None)

    def by_hand(self, number: str) -> None:
        """Somebody changes a document there."""
        self.shelf[number].content = "changed by hand"


def content_of(document: OutgoingDocument) -> str:
    lines: list[Mapping[str, str]] = [dict(line) for line in document.lines]
    return dumps([dict(document.fields), lines])
