"""AutoCount's cloud interface as a target: build, send, look up, read, test.

Here: the calls and their headers. Not here: bodies (payload.py), answers (answers.py),
look-ups (lookup.py), readings (read_back.py), parties (parties.py), the connection test (probe.py).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal
from urllib.parse import quote

from connectors.contract import (
    Action,
    Answer,
    BookFacts,
    ConnectionForm,
    ConnectionReport,
    EInvoices,
    FileLimits,
    Found,
    ItemSetup,
    KeyField,
    OutgoingDocument,
    Pace,
    Payload,
    Rounding,
    Sent,
    Setting,
    Settings,
    Stands,
    Submitter,
    Target,
    master_lists,
)
from connectors.contract import declared_settings as declared
from connectors.contract.master_lists import Listed, ListPage
from connectors.kit.calls import Call, Get, not_made, reader, sent, unanswered
from connectors.kit.connection_settings import E_INVOICES, base_currency_of, zone_of
from connectors.kit.rounding.book_decimals import settings_of_book
from connectors.targets.autocount import lookup, parties, payload, probe, read_back
from connectors.targets.autocount.answers import NUMBER_TAKEN, confirmed, read, refusal, taken
from connectors.targets.autocount.documents import POSTED, UNPOSTED
from connectors.transport.http import Http, HttpAnswer, HttpFailure, mask

Write = Callable[[str, str, bytes], Call]
"""A call that has an effect: its method, its path below the account book, and its body."""

FORM = ConnectionForm(
    title="AutoCount Cloud",
    system="AutoCount",
    tells=BookFacts(units=True, closing_date="entered"),
    e_invoices=EInvoices(
        submitter=Submitter.TARGET,
        types={"invoice": "01", "credit_note": "02"},
        says=(
            "They are submitted in AutoCount.",
            "Clearpost submits none and waits for none.",
            "Since when one is valid is read where AutoCount shows it.",
        ),
    ),
    can=(
        "Posts each document by a call, and reads it back before it counts as posted.",
        "Takes invoices, credit notes, purchase orders, purchase invoices, bills and payments.",
        "Ties a receipt to the invoices that it pays, by a knock-off.",
        "Finds documents that were typed in by hand, and changes of posted ones.",
        "Creates customers and suppliers that are missing, where that is set.",
    ),
    cannot=(
        "Post other types of document: the interface has no method for them.",
        "Convert units: the unit of a line is text there.",
        "Tie a payment to a supplier to its bill: that is knocked off in AutoCount.",
        "Tell what is left to pay of an invoice: payments are not compared with it.",
    ),
    gives="Sales and purchase documents, bills and payments",
    needs="API key and its key ID, and the number of the account book",
    settings=(
        declared.address(
            "https://accounting-api.autocountcloud.com",
            "The address of the interface, without the number of the account book.",
        ),
        Setting(
            name="company_id",
            label="Number of the account book",
            hint="AutoCount tells no name of a book: compare the number in AutoCount once.",
            example="1042",
            required=True,
        ),
        Setting(
            name="company_name",
            label="Name of the account book",
            hint="Shown here only: AutoCount does not tell it, so it cannot be compared.",
            example="Kedai Contoh Sdn Bhd",
        ),
        Setting(
            name="key_id",
            label="Key ID",
            hint="Stands beside the key in AutoCount. It is not a secret.",
            example="AC-KEY-7",
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
        *settings_of_book(payload.USUAL_DECIMALS),
        parties.CREATES,
        *master_lists.SETTINGS,
        E_INVOICES,
    ),
    key=KeyField(
        label="API key",
        hint="Paste it once. It is kept encrypted and never shown again in full.",
        steps=(
            "Open the account book in AutoCount as an administrator.",
            "Go to the settings of the account book, tab API Keys, and create a key.",
            "Copy the key ID and the key, and paste both here.",
        ),
    ),
)


class AutoCount:
    """The target `autocount`."""

    name = "autocount"
    form = FORM
    documents = POSTED
    unposted = UNPOSTED
    dedupe: Literal["key", "number", "number+customer", "none"] = "none"
    lookup: Literal["strong", "lagging", "none"] = "lagging"
    settle_seconds = 30.0
    pace = Pace(  # searched for first, and read back
        per_minute=100, to_send=3, more_where=((parties.CREATE, parties.MORE_CALLS),)
    )
    lists = parties.LISTS
    file_limits = FileLimits(documents=1)
    read_at_once = read_back.AT_ONCE
    items_at_once = read_back.ITEMS_AT_ONCE

    def rounding(self, settings: Settings) -> Rounding:  # noqa: ARG002 - it has no other way
        """Tax is worked out for each line, and the lines are summed."""
        return "per_line"

    def build(
        self,
        documents: Sequence[OutgoingDocument],
        settings: Settings,
        *,
        batch: bool,  # noqa: ARG002 - one document a call, in a batch too
        batch_name: str,  # noqa: ARG002
        action: Action = "create",
    ) -> Payload:
        """One document as JSON."""
        return payload.build(documents, settings, action=action)

    def rows_of(self, document: OutgoingDocument) -> int:  # noqa: ARG002 - it takes no files
        """One document a call, and no rows."""
        return 1

    def send(
        self,
        payload: Payload,
        settings: Settings,
        secret: str,
        key: str,  # noqa: ARG002 - it knows none
        http: Http,
    ) -> Sent:
        """Make the call, once, and read the document back: AutoCount's yes has no content. Where
        it was refused for its party alone, that is created, and the call made then.
        """
        if payload.refused:
            return not_made(payload)
        get, write = _reader(settings, secret, http), _writer(settings, secret, http)
        answer, told = _called(payload, write, get)
        party = parties.missing(payload, told, settings)
        if party is not None:
            heard = write("POST", party.path, party.body)
            failed = party.failed(heard, told)
            if failed is not None:
                return sent((failed,), heard, partial(mask, secret=secret))
            answer, told = _called(payload, write, get)
            told = party.noted(told, heard)
        return sent((told,), answer, partial(mask, secret=secret))

    def look_up(
        self,
        document: OutgoingDocument,
        settings: Settings,
        secret: str,
        key: str,  # noqa: ARG002 - it knows none
        http: Http,
        *,
        action: Action = "create",
        standing: OutgoingDocument | None = None,
    ) -> Found:
        """Whether it has been done, in the intended account book."""
        found = lookup.look_up(document, action, standing, _reader(settings, secret, http))
        return replace(found, proof=mask(found.proof, secret))

    def read(
        self, documents: Sequence[OutgoingDocument], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """What stands in the intended account book beside each document."""
        get, ask = _reader(settings, secret, http), _asker(settings, secret, http)
        found = read_back.standing(documents, get, ask, zone_of(settings))
        return tuple(replace(one, proof=mask(one.proof, secret)) for one in found)

    def alike(
        self, document: OutgoingDocument, settings: Settings, secret: str, http: Http
    ) -> tuple[Stands, ...] | Found:
        """Documents of the same party and total, a few days around, in the intended book."""
        ask = _asker(settings, secret, http)
        return read_back.alike(document, ask, base_currency_of(settings))

    def items(
        self, codes: Sequence[str], settings: Settings, secret: str, http: Http
    ) -> Mapping[str, ItemSetup | None] | Found:
        """The unit of each product."""
        return read_back.units(codes, _reader(settings, secret, http))

    def list_page(
        self, kind: Listed, after: str, settings: Settings, secret: str, http: Http
    ) -> ListPage | Found:
        """A page of its customers or suppliers."""
        found = parties.list_page(kind, after, _reader(settings, secret, http))
        if isinstance(found, Found):
            return replace(found, proof=mask(found.proof, secret))
        return found

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Try the connection without writing."""
        return probe.report(settings, secret, _reader(settings, secret, http))

    def more_calls(self, documents: Collection[str]) -> int:
        """One for each type that no listing of the usual test shows."""
        return len(probe.alone(documents))

    def test_whole(
        self, documents: Collection[str], settings: Settings, secret: str, http: Http
    ) -> ConnectionReport:
        """Try the connection, and each of these types, without writing."""
        return probe.report(settings, secret, _reader(settings, secret, http), documents)


def _called(payload: Payload, write: Write, get: Get) -> tuple[Call, Answer]:
    """The call for the document, and what became of it."""
    answer = write(payload.method, payload.path, payload.body)
    if isinstance(answer, HttpFailure):
        return answer, unanswered(answer, payload.numbers[0])
    return answer, _end(payload, answer, get)


def _end(payload: Payload, answer: HttpAnswer, get: Get) -> Answer:
    """What became of the document, read back where AutoCount's answer alone does not tell."""
    number, action = payload.numbers[0], _action(payload)
    refused = refusal(number, action, answer)
    if refused is not None and refused.code != NUMBER_TAKEN:
        return refused
    place = payload.path.partition("?")[0].removesuffix("/void")
    seen = read(f"{place}?docNo={quote(number, safe='')}", number, get)
    if refused is not None:
        return taken(payload, refused, seen)
    return confirmed(payload, action, answer.status, seen)


def _action(payload: Payload) -> Action:
    if payload.method == "PUT":
        return "update"
    return "void" if payload.path.partition("?")[0].endswith("/void") else "create"


def _reader(settings: Settings, secret: str, http: Http) -> Get:
    return reader(http, partial(_url, settings), _identity(settings, secret))


def _writer(settings: Settings, secret: str, http: Http) -> Write:
    def write(method: str, path: str, body: bytes) -> Call:
        headers = {**_identity(settings, secret), "Content-Type": payload.JSON}
        url = _url(settings, path)
        return http.request(method, url, headers=headers, body=body or None, push=True)

    return write


def _asker(settings: Settings, secret: str, http: Http) -> read_back.Ask:
    def ask(path: str, body: bytes) -> HttpAnswer | HttpFailure:
        headers = {**_identity(settings, secret), "Content-Type": payload.JSON}
        return http.request("POST", _url(settings, path), headers=headers, body=body)

    return ask


def _url(settings: Settings, path: str) -> str:
    book = quote(str(settings.get("company_id", "")).strip(), safe="")
    return f"{str(settings.get('base_url', '')).rstrip('/')}/{book}{path}"


def _identity(settings: Settings, secret: str) -> dict[str, str]:
    return {
        "Key-ID": str(settings.get("key_id", "")).strip(),
        "API-Key": secret.strip(),
        "Accept": "application/json",
    }


TARGET: Target = AutoCount()
