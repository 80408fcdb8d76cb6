"""AutoCount On The Go as a target: build, send, ask again, look up, test, log in.

Here: the form of a connection, and the protocol. Not here: bodies (payload.py), calls (relay.py),
what became of a document (outcomes.py), the token (tokens.py), the connection test (probe.py).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Literal

from connectors.contract import (
    Action,
    Answer,
    BookFacts,
    ConnectionForm,
    ConnectionReport,
    DuplicateWindow,
    EInvoices,
    FileLimits,
    Found,
    KeyField,
    OutgoingDocument,
    Pace,
    Payload,
    Rounding,
    Sent,
    Setting,
    Settings,
    Submitter,
    Target,
    master_lists,
)
from connectors.contract import declared_settings as declared
from connectors.contract.master_lists import Listed, ListPage
from connectors.contract.targets import Renewed
from connectors.kit.calls import not_made, sent
from connectors.kit.connection_settings import E_INVOICES
from connectors.targets.autocount_aotg import debtors, outcomes, payload, probe, read_back, tokens
from connectors.targets.autocount_aotg.answers import not_taken
from connectors.targets.autocount_aotg.compare import Wanted, wanted_of
from connectors.targets.autocount_aotg.documents import POSTED, TOTAL
from connectors.targets.autocount_aotg.outcomes import Ticket
from connectors.targets.autocount_aotg.relay import Relay, told_of
from connectors.transport.http import Http
from connectors.transport.strict_json import loads

_KNOWN = "The same number is known as long as it is there (AOTG answers: already exists)."
FORM = ConnectionForm(
    title="AutoCount On The Go (AOTG)",
    system="AutoCount",
    tells=BookFacts(
        closing_date="entered",
        known_by=(DuplicateWindow(_KNOWN),),
    ),
    e_invoices=EInvoices(
        submitter=Submitter.TARGET,
        types={"ar_invoice": "01"},
        says=(
            "They are submitted in AutoCount desktop.",
            "Clearpost submits none, waits for none, and reads nothing of them.",
        ),
    ),
    can=(
        "Puts A/R invoices into a queue, and asks until the desktop has made them.",
        "Looks at each invoice in the books before it counts as posted.",
        "Reads posted invoices again each day, for a month: customer, day, total, and void.",
        "Looks for invoices that were typed in by hand before it posts one, where that is set.",
    ),
    cannot=(
        "Post items, units and stock: an invoice books amounts to accounts.",
        "Post sales orders, delivery orders and goods received notes: there is no method for them.",
        "Post credit notes, payments and bills, or change and void what is posted.",
        "Tell which line of an invoice changed.",
    ),
    gives="A/R invoices over amounts: no stock, no changes, no credit notes, no payments",
    needs="API key of the account book, user name and password; the desktop has to be switched on",
    settings=(
        declared.address(
            "https://aotgapi.autocountcloud.com", "The address of the interface of AOTG."
        ),
        Setting(
            name="company_id",
            label="Beginning of the API key",
            hint="The API key names the account book: its beginning is compared before each call.",
            example="3DT88",
            required=True,
        ),
        Setting(
            name="company_name",
            label="Name of the account book",
            hint="Shown here only: AutoCount does not tell it, so it cannot be compared.",
            example="Kedai Contoh Sdn Bhd",
        ),
        Setting(
            name="user_name",
            label="User name",
            hint="That of the user in AOTG for whom Clearpost logs in. It is not a secret.",
            example="clearpost@kedai.example",
            required=True,
        ),
        Setting(
            name="locked_through",
            label="Books closed through",
            hint="The last closed day, or none. AutoCount does not tell it: keep it up to date.",
            example="2026-09-30",
            kind="closed_day",
            required=True,
        ),
        Setting(
            name="date_format",
            label="Date format of the account book",
            hint="Post one invoice of a day after the 12th first: it shows which is right.",
            kind="choice",
            choices={one: one for one in payload.DATE_FORMATS},
            unset="Not set: dd-MM-yyyy",
        ),
        Setting(
            name="line_state",
            label="State of a new line",
            hint="Older versions of AOTG ask for 0.",
            kind="choice",
            choices={"1": "1", "0": "0"},
            unset="Not set: 1",
        ),
        E_INVOICES,
        replace(
            declared.LOOK_FIRST,
            label="Look through the books before each invoice",
            hint="For its number, and for one that somebody typed: the same debtor and total, up to"
            " three days apart. An invoice then waits until the desktop has listed them.",
        ),
        *master_lists.SETTINGS,
    ),
    key=KeyField(
        label="Password and API key",
        hint="Paste both with a colon between them. They are kept encrypted and never shown again.",
        steps=(
            "Open AOTG's portal as an administrator and select the account book.",
            "Copy its API key, and set a password for the user that Clearpost is to be.",
            "Paste both here, the password first, with a colon between them.",
        ),
    ),
)


class AutoCountOnTheGo:
    """The target `autocount_aotg`. Its secret is described in tokens.py."""

    name = "autocount_aotg"
    form = FORM
    documents = POSTED
    dedupe: Literal["key", "number", "number+customer", "none"] = "number"
    lookup: Literal["strong", "lagging", "none"] = "lagging"
    settle_seconds = 86_400.0  # the desktop may be switched off for a night
    pace = Pace(per_minute=60, to_send=4, to_look=3)  # a write, a list, and the result of each
    file_limits = FileLimits(documents=payload.MOST)
    read_at_once = read_back.AT_ONCE
    lists = debtors.LISTS

    def rounding(self, settings: Settings) -> Rounding:  # noqa: ARG002 - it has no other way
        """Tax is worked out for each line, and the lines are summed."""
        return "per_line"

    def build(
        self,
        documents: Sequence[OutgoingDocument],
        settings: Settings,
        *,
        batch: bool,
        batch_name: str,  # noqa: ARG002 - a batch has no name there
        action: Action = "create",
    ) -> Payload:
        """One document as JSON, or a batch as an array."""
        return payload.build(documents, settings, batch=batch, action=action)

    def rows_of(self, document: OutgoingDocument) -> int:  # noqa: ARG002 - it takes no files
        """A batch counts documents alone."""
        return 1

    def send(
        self,
        payload: Payload,
        settings: Settings,
        secret: str,
        key: str,  # noqa: ARG002 - it knows none
        http: Http,
    ) -> Sent:
        """Make the call, once. What the account book makes later is `awaiting` until then."""
        if not payload.body:
            return not_made(payload)
        relay = Relay(settings, secret, http)
        answer = relay.write(payload.path, payload.body)
        told, wanted = told_of(answer), _wanted(payload, settings)
        if told is None:
            made = tuple(not_taken(answer, one.number) for one in wanted)
        else:
            made = outcomes.answers_of(told, wanted, relay)
        return sent(_in_order(payload, made), answer, partial(tokens.masked, secret=secret))

    def look_up(
        self,
        document: OutgoingDocument,
        settings: Settings,
        secret: str,
        key: str,  # noqa: ARG002 - it knows none
        http: Http,
        *,
        action: Action = "create",  # noqa: ARG002 - it has no other
        standing: OutgoingDocument | None = None,  # noqa: ARG002
    ) -> Found:
        """Whether it is posted under its day, in the intended account book."""
        relay = Relay(settings, secret, http)
        return _kept(outcomes.look_up(wanted_of(document, settings), relay), secret)

    def ask_again(
        self, document: OutgoingDocument, ticket: str, settings: Settings, secret: str, http: Http
    ) -> Found:
        """What became of the request of this ticket, and then what the target has."""
        relay, wanted = Relay(settings, secret, http), wanted_of(document, settings)
        return _kept(outcomes.ask_again(wanted, Ticket.read(ticket), relay), secret)

    def read(
        self, documents: Sequence[OutgoingDocument], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """Ask for the list of their days; mostly it is told later."""
        wanted = [wanted_of(one, settings) for one in documents]
        found = read_back.ask(wanted, Relay(settings, secret, http))
        return tuple(_kept(one, secret) for one in found)

    def read_later(
        self,
        documents: Sequence[OutgoingDocument],
        ticket: str,
        settings: Settings,
        secret: str,
        http: Http,
    ) -> tuple[Found, ...]:
        """What the list of this ticket says of these."""
        wanted = [wanted_of(one, settings) for one in documents]
        found = read_back.ask_again(wanted, ticket, Relay(settings, secret, http))
        return tuple(_kept(one, secret) for one in found)

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Try the connection without writing."""
        return probe.report(settings, secret, http)

    def list_page(
        self,
        kind: Listed,  # noqa: ARG002 - it lists customers alone
        after: str,
        settings: Settings,
        secret: str,
        http: Http,
    ) -> ListPage | Found:
        """The debtors of the account book: `after` is the request that tells them."""
        found = debtors.list_page(after, Relay(settings, secret, http))
        return _kept(found, secret) if isinstance(found, Found) else found

    def is_due(self, secret: str, now: datetime) -> bool:
        """Whether there is no token that is good for the next minutes."""
        return tokens.is_due(secret, now)

    def may_be_over(self, secret: str, now: datetime) -> bool:
        """Whether the token is more than a minute old."""
        return tokens.may_be_over(secret, now)

    def renew(self, settings: Settings, secret: str, http: Http) -> Renewed:
        """Log in for the next token."""
        return tokens.renew(settings, secret, http)


def _kept(found: Found, secret: str) -> Found:
    return replace(found, proof=tokens.masked(found.proof, secret))


def _wanted(payload: Payload, settings: Settings) -> tuple[Wanted, ...]:
    """What is to be in the books of each document of a call, from the call alone."""
    content = loads(payload.body)
    bodies = content if isinstance(content, list) else [content]
    return tuple(_wanted_of_body(one, payload, settings) for one in bodies)


def _wanted_of_body(body: object, call: Payload, settings: Settings) -> Wanted:
    told = body if isinstance(body, dict) else {}
    number = str(told["DocNo"])
    day = call.expected[f"DocDate.{number}"]
    return Wanted(
        number=number,
        party=str(told["DebtorCode"]),
        day=day,
        shown_day=payload.day_text(day, settings),
        currency=str(told.get("CurrencyCode") or ""),
        total=Decimal(call.expected[f"{TOTAL}.{number}"]),
        lines=len(told["DetailsLine"]),
    )


def _in_order(call: Payload, made: Sequence[Answer]) -> tuple[Answer, ...]:
    """One answer for each document that was asked for, in their order."""
    rest = iter(made)
    return tuple(
        call.refused[at] if at in call.refused else next(rest) for at in range(len(call.numbers))
    )


TARGET: Target = AutoCountOnTheGo()
