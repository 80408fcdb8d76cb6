"""Connect to AutoCount's cloud interface: build, send, look up, read, test, and parties."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Literal
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
    Step,
    Submitter,
    Target,
    schema,
    targets,
)
from connectors.contract.schema import split_list
from connectors.contract.targets import Listed, ListEntry, ListPage, UnusableEntry
from connectors.kit.calls import (
    E_INVOICES,
    REACH,
    UNREAD_HINT,
    Call,
    Get,
    base_currency_of,
    closed_through,
    make_not_sent,
    make_sent,
    quote_answer,
    reach,
    reader,
    snapshot_from_settings,
    unanswered,
    zone_of,
)
from connectors.kit.preflight import settings_of_book
from connectors.targets.autocount import payload, read_back
from connectors.targets.autocount.answers import (
    DONE,
    NUMBER_TAKEN,
    confirmed,
    find_document,
    message_of,
    not_told,
    read,
    refusal,
    taken,
)
from connectors.targets.autocount.documents import POSTED, UNPOSTED
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer, HttpFailure, mask, reached
from connectors.transport.strict_json import dumps, loads

Write = Callable[[str, str, bytes], Call]
"""A call that has an effect: its method, its path below the account book, and its body."""

CREATE: Final = "create_parties"

CREATES: Final = Setting(
    name=CREATE,
    label="Create missing customers and suppliers",
    hint="One whose code the account book lacks is created under that code, with name, credit term"
    " and currency of the document: a wrong code makes a wrong one. Leave both blank for none.",
    kind="some_of",
    choices={"customer": "Customers", "vendor": "Suppliers"},
)

ROUNDS: Final = Setting(
    name=payload.FIVE_SEN,
    label="Rounding of invoices to 5 sen",
    hint="As in AutoCount: Settings > Invoicing > 5 Cents Rounding. Where it is on, an invoice that"
    " the shop rounded to 5 sen is rounded by AutoCount, into its rounding account.",
    kind="choice",
    choices={"off": "Disabled", payload.ON: "Enabled or enforced"},
    unset="Not set: disabled",
)

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
        schema.address_setting(
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
        ROUNDS,
        CREATES,
        *targets.SETTINGS,
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

_ASK = (
    "AutoCount does not tell what is closed: enter the last closed day, or none, in “Books closed"
    " through”."
)

STEPS = (
    "Key text",
    REACH,
    "Key accepted",
    "Account book",
    "Permission",
    "Closed period",
)

LISTINGS: Mapping[str, str] = {
    "invoices": "/invoice/listing?page=1",
    "credit notes": "/creditNote/listing?page=1",
}

_NOBODYS = "docNo=no-such-number"

ALONE: Mapping[str, tuple[str, str]] = {
    "ap_invoice": ("purchase invoices", f"/purchaseInvoice?{_NOBODYS}"),
    "ap_payment": ("payments", f"/payment?{_NOBODYS}"),
    "ar_payment": ("receipts", f"/receipt?{_NOBODYS}"),
    "knock_off": ("knock-offs", f"/knockOffEntry?{_NOBODYS}"),
    "purchase_invoice": ("purchase invoices", f"/purchaseInvoice?{_NOBODYS}"),
    "purchase_order": ("purchase orders", f"/purchaseOrder?{_NOBODYS}"),
}
"""What is read alone: a number that nothing has is answered 404 where the key may read."""

LISTS: Final[tuple[Listed, ...]] = ("customer", "vendor")

_PARTY_NOT_SHOWN: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})

A_PAGE: Final = 100

MORE_CALLS: Final = 2
"""Additional calls per document if its party may be created: the creation, and a second attempt."""


@dataclass(frozen=True, slots=True)
class _PartyKind:
    """Customers or suppliers in AutoCount's API.

    `path` is their endpoint. `code` and `name` are the document fields for a party's code and
    name.
    """

    path: str
    code: str
    name: str

    @property
    def thing(self) -> str:
        """The word for the party in AutoCount's error messages, such as "Debtor"."""
        return self.path[1:].capitalize()


_PARTY_KINDS: Final[Mapping[Listed, _PartyKind]] = {
    "customer": _PartyKind("/debtor", "debtorCode", "debtorName"),
    "vendor": _PartyKind("/creditor", "creditorCode", "creditorName"),
}


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
        per_minute=100, to_send=3, more_where=((CREATE, MORE_CALLS),)
    )
    lists = LISTS
    file_limits = FileLimits(documents=1)
    read_at_once = read_back.AT_ONCE
    items_at_once = read_back.ITEMS_AT_ONCE

    def rounding(self, settings: Settings) -> Rounding:  # noqa: ARG002 - it has no other way
        """Return `per_line`: AutoCount calculates tax for each line and sums the lines."""
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
        """Build the call for one document as JSON."""
        return payload.build(documents, settings, action=action)

    def refusal(
        self, document: OutgoingDocument, settings: Settings, action: Action
    ) -> Answer | None:
        """Return why AutoCount could never take this document, or None."""
        return payload.preflight(document, action, settings)

    def rows_of(self, document: OutgoingDocument) -> int:  # noqa: ARG002 - it takes no files
        """Return 1, because each call carries one document and no rows."""
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
            return make_not_sent(payload)
        get, write = _reader(settings, secret, http), _writer(settings, secret, http)
        answer, outcome = _called(payload, write, get)
        party = missing(payload, outcome, settings)
        if party is not None:
            heard = write("POST", party.path, party.body)
            failed = party.failed(heard, outcome)
            if failed is not None:
                return make_sent((failed,), heard, partial(mask, secret=secret))
            answer, outcome = _called(payload, write, get)
            outcome = party.noted(outcome, heard)
        return make_sent((outcome,), answer, partial(mask, secret=secret))

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
        """Look up in the intended account book whether the action has been done."""
        result = find_document(document, action, standing, _reader(settings, secret, http))
        return replace(result, proof=mask(result.proof, secret))

    def read(
        self, documents: Sequence[OutgoingDocument], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """Return, for each document, its state in the intended account book."""
        get, ask = _reader(settings, secret, http), _asker(settings, secret, http)
        results = read_back.standing(documents, get, ask, zone_of(settings))
        return tuple(replace(result, proof=mask(result.proof, secret)) for result in results)

    def alike(
        self, document: OutgoingDocument, settings: Settings, secret: str, http: Http
    ) -> tuple[Stands, ...] | Found:
        """Return the book's documents with an equal party and total, dated a few days around this
        document.
        """
        ask = _asker(settings, secret, http)
        return read_back.alike(document, ask, base_currency_of(settings))

    def unusable_entry(
        self, document: OutgoingDocument, settings: Settings, secret: str, http: Http
    ) -> UnusableEntry | Found | None:
        """Return the document's party if it has another currency in the account book, else None."""
        base = base_currency_of(settings)
        result = unusable_party(document, base, _reader(settings, secret, http))
        if isinstance(result, Found):
            return replace(result, proof=mask(result.proof, secret))
        return result

    def items(
        self, codes: Sequence[str], settings: Settings, secret: str, http: Http
    ) -> Mapping[str, ItemSetup | None] | Found:
        """Return the unit of each product, by product code."""
        return read_back.units(codes, _reader(settings, secret, http))

    def list_page(
        self, kind: Listed, after: str, settings: Settings, secret: str, http: Http
    ) -> ListPage | Found:
        """Return a page of the account book's customers or suppliers."""
        result = list_page(kind, after, _reader(settings, secret, http))
        if isinstance(result, Found):
            return replace(result, proof=mask(result.proof, secret))
        return result

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Try the connection without writing."""
        return report(settings, secret, _reader(settings, secret, http))

    def more_calls(self, documents: Collection[str]) -> int:
        """Return the number of document types that need a call of their own in the connection
        test.
        """
        return len(alone(documents))

    def test_whole(
        self, documents: Collection[str], settings: Settings, secret: str, http: Http
    ) -> ConnectionReport:
        """Try the connection, and each of these types, without writing."""
        return report(settings, secret, _reader(settings, secret, http), documents)


def _reader(settings: Settings, secret: str, http: Http) -> Get:
    return reader(http, partial(_url, settings), _auth_headers(settings, secret))


def _url(settings: Settings, path: str) -> str:
    book = quote(str(settings.get("company_id", "")).strip(), safe="")
    return f"{str(settings.get('base_url', '')).rstrip('/')}/{book}{path}"


def _auth_headers(settings: Settings, secret: str) -> dict[str, str]:
    """Return the request headers that authenticate us with the key's id and secret."""
    return {
        "Key-ID": str(settings.get("key_id", "")).strip(),
        "API-Key": secret.strip(),
        "Accept": "application/json",
    }


def _writer(settings: Settings, secret: str, http: Http) -> Write:
    def write(method: str, path: str, body: bytes) -> Call:
        headers = {**_auth_headers(settings, secret), "Content-Type": payload.JSON}
        url = _url(settings, path)
        return http.request(method, url, headers=headers, body=body or None, push=True)

    return write


def _called(payload: Payload, write: Write, get: Get) -> tuple[Call, Answer]:
    """Send the call for the document, and return it with its answer."""
    answer = write(payload.method, payload.path, payload.body)
    if isinstance(answer, HttpFailure):
        return answer, unanswered(answer, payload.numbers[0])
    return answer, _end(payload, answer, get)


def _end(payload: Payload, answer: HttpAnswer, get: Get) -> Answer:
    """Return the document's answer.

    The document is read back if AutoCount's response alone does not prove the result.
    """
    number, action = payload.numbers[0], _action(payload)
    refused = refusal(number, action, answer)
    if refused is not None and refused.code != NUMBER_TAKEN:
        return refused
    place = payload.path.partition("?")[0].removesuffix("/void")
    reading = read(f"{place}?docNo={quote(number, safe='')}", number, get)
    if refused is not None:
        return taken(payload, refused, reading)
    return confirmed(payload, action, answer.status, reading)


def _action(payload: Payload) -> Action:
    if payload.method == "PUT":
        return "update"
    return "void" if payload.path.partition("?")[0].endswith("/void") else "create"


def _asker(settings: Settings, secret: str, http: Http) -> read_back.Ask:
    def ask(path: str, body: bytes) -> HttpAnswer | HttpFailure:
        headers = {**_auth_headers(settings, secret), "Content-Type": payload.JSON}
        return http.request("POST", _url(settings, path), headers=headers, body=body)

    return ask


def alone(documents: Collection[str]) -> dict[str, str]:
    """Return the lists to read for document types that the usual listings do not cover: name for
    people -> path.
    """
    return dict(sorted(ALONE[name] for name in documents if name in ALONE))


def report(
    settings: Settings, secret: str, get: Get, documents: Collection[str] = ()
) -> ConnectionReport:
    """Return the connection test's steps.

    They need one read for each listing, and for each of these document types that no listing
    covers.
    """
    fault = _key_fault(settings, secret)
    if fault:
        hint = "Copy both again in AutoCount: settings of the account book, tab API Keys."
        return ConnectionReport.stopped(STEPS, Step.failed(STEPS[0], fault, hint, "key.text"))
    responses = {name: get(path) for name, path in LISTINGS.items()}
    first = responses["invoices"]
    text = Step(STEPS[0], ok=True, words="No spaces or hidden characters, and its ID is given.")
    first_steps = (text, reach(settings, first))
    if isinstance(first, HttpFailure) or first_steps[1].ok is False:
        return ConnectionReport.stopped(STEPS, *first_steps, there=reached(first))
    if first.status == HTTPStatus.UNAUTHORIZED:
        return ConnectionReport.stopped(STEPS, *first_steps, _unknown_key(settings, first, secret))
    key_step = Step(STEPS[2], ok=True, words="AutoCount knows the key.")
    if first.status not in (HTTPStatus.OK, HTTPStatus.FORBIDDEN):
        return ConnectionReport.stopped(STEPS, *first_steps, key_step, _no_book(settings, first))
    more = {name: get(path) for name, path in alone(documents).items()}
    locked = closed_through(settings, _ASK)
    closed = f"Closed through {locked}" if locked else "Nothing is closed"
    steps = (
        *first_steps,
        key_step,
        _book(settings),
        _permissions(responses | more, named=bool(documents)),
        Step.failed(STEPS[5], locked, "Set Books closed through of this connection.", "closed_day")
        if isinstance(locked, str)
        else Step(STEPS[5], ok=True, words=f"{closed}, by the setting."),
    )
    snapshot = None if isinstance(locked, str) else snapshot_from_settings(settings, locked)
    return ConnectionReport(steps=steps, snapshot=snapshot)


def _key_fault(settings: Settings, secret: str) -> str:
    key_id = str(settings.get("key_id", ""))
    for name, text in (("API key", secret.strip()), ("key ID", key_id.strip())):
        if not text:
            return f"No {name} is given."
        if re.search(r"\s", text):
            return f"The {name} contains a space or a line break: paste it again."
        if not (text.isascii() and text.isprintable()):
            return f"The {name} contains a foreign sign."
    return ""


def _unknown_key(settings: Settings, answer: HttpAnswer, secret: str) -> Step:
    """Return the failed step for a refused key.

    AutoCount gives an equal answer to a key of another account book.
    """
    book = str(settings.get("company_id", "")).strip()
    tail = secret.strip()[-4:]
    words = f"AutoCount does not accept this API key, ending in …{tail}, for account book {book}."
    hint = (
        "Compare the number of the account book. If it is right, copy key and key ID again:"
        " settings of the account book, tab API Keys."
    )
    return Step.failed(STEPS[2], f"{words} {_told(answer)}", hint, "key.refused")


def _told(answer: HttpAnswer) -> str:
    return quote_answer("AutoCount", answer.status, _message(answer))


def _message(answer: HttpAnswer) -> str:
    return message_of(loads(answer.body))


def _no_book(settings: Settings, answer: HttpAnswer) -> Step:
    book = str(settings.get("company_id", "")).strip()
    if answer.status != HTTPStatus.NOT_FOUND:
        words = f"AutoCount refused to be read, so book {book} was not found. {_told(answer)}"
        return Step.failed(STEPS[3], words, UNREAD_HINT, "answer")
    words = f"The key is good, and reaches no account book {book}. {_told(answer)}"
    hint = "Correct the number of the account book, or create the key in that book."
    return Step.failed(STEPS[3], words, hint, "company.unknown")


def _book(settings: Settings) -> Step:
    book = str(settings.get("company_id", "")).strip()
    name = str(settings.get("company_name", "")).strip() or "no name given"
    words = f"Book {book} ({name}). AutoCount tells no name: compare the number in AutoCount once."
    return Step(STEPS[3], ok=None, words=words)


def _permissions(responses: Mapping[str, HttpAnswer | HttpFailure], *, named: bool) -> Step:
    """Return the step that checks whether the key may read each of these lists.

    `named`: the step lists all that were tried.
    """
    refused = [
        name
        for name, answer in responses.items()
        if isinstance(answer, HttpAnswer) and answer.status in KEY_REFUSED
    ]
    lacking = _row(refused)
    seconds = sum(
        answer.seconds for answer in list(responses.values())[1:]
    )  # the first one is the way
    if lacking:
        words = f"The key may not read {' and '.join(lacking)}."
        hint = "Tick them on the key in AutoCount, then test again."
        code = "key.types" if LISTINGS.keys().isdisjoint(refused) else "key.permission"
        return Step.failed(STEPS[4], words, hint, code).took(seconds)
    unclear = _row(name for name, answer in responses.items() if _unclear(answer))
    words = "It may read; whether it may write, only a write shows."
    if named:
        read = _row(responses)
        words = f"It may read {' and '.join(read)}; whether it may write, only a write shows."
    words = f"Nothing is known about {' and '.join(unclear)}." if unclear else words
    hint = (
        "In AutoCount open settings of the account book, tab API Keys, and allow the key to create"
        " what is posted."
    )
    return Step(STEPS[4], None, words, hint).took(seconds)


def _row(names: Iterable[str]) -> tuple[str, ...]:
    """Return names prepared for joining with "and": all but the last are joined with commas."""
    *first, last = [*names] or [""]
    return (*([", ".join(first)] if first else []), *([last] if last else []))


def _unclear(answer: HttpAnswer | HttpFailure) -> bool:
    if isinstance(answer, HttpFailure):
        return True
    absent = answer.status == HTTPStatus.NOT_FOUND and "not exists" in _message(answer)
    return answer.status != HTTPStatus.OK and not absent


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingParty:
    """A missing party of a refused document, with the request that creates it.

    `path` and `body` are the request's. `called` is the party's code and name for messages.
    """

    path: str
    body: bytes
    called: str

    def failed(self, answer: Call, refused: Answer) -> Answer | None:
        """Return the document's final answer if its party could not be created, else None.

        `answer` is the reply to the party's creation, `refused` the document's first answer. Since
        the document was refused, nothing was posted and no lookup is needed. None means that the
        party exists now, so that the document can be sent again.
        """
        number = refused.number or ""
        if isinstance(answer, HttpFailure):
            party_answer: Answer | None = unanswered(answer, number)
        else:
            party_answer = refusal(number, "create", answer)
        if party_answer is None or party_answer.code == NUMBER_TAKEN:
            return None
        if party_answer.kind == "uncertain":
            words = f"Whether {self.called} was created there is not known. {party_answer.words}"
            return replace(party_answer, kind="temporary", error_class="temporary", words=words)
        if party_answer.kind == "temporary" or party_answer.status == HTTPStatus.UNAUTHORIZED:
            return party_answer
        words = f"{refused.words}. It was not created there: {party_answer.words}"
        return replace(refused, words=words)

    def noted(self, document_answer: Answer, heard: Call) -> Answer:
        """Return the second answer to the document, with a note if its party was created first."""
        if heard.status not in DONE:
            return document_answer
        note = f"{self.called} was created there first."
        if document_answer.kind == "accepted":
            return replace(document_answer, besides=note)
        words = f"{note} {document_answer.words}"
        return replace(document_answer, words=words)


def missing(payload: Payload, refused: Answer, settings: Settings) -> MissingParty | None:
    """Return the party that the refused document names and the book lacks.

    None if the setting does not allow creating such parties, or the document lacks data for it.
    """
    kind_names, body = split_list(str(settings.get(CREATE) or "")), loads(payload.body)
    master = body.get("master") if isinstance(body, dict) else None
    if refused.error_class != "mapping_missing" or not isinstance(master, dict):
        return None
    for name, kind in _PARTY_KINDS.items():
        code = master.get(kind.code)
        says = f"{kind.thing} ({kind.thing}Key = {code}) not exists"
        # This refusal proves that nothing was stored, so the document may go again after the party
        # exists.
        if name in kind_names and code and says in refused.words:
            return _missing_party(kind, str(code), master, payload, settings)
    return None


def _missing_party(
    kind: _PartyKind, code: str, master: Mapping[str, Any], payload: Payload, settings: Settings
) -> MissingParty | None:
    party_fields = {
        "accNo": code,
        "companyName": master.get(kind.name),
        "currencyCode": payload.expected.get("currencyCode") or base_currency_of(settings),
        "creditTerm": master.get("creditTerm"),
    }
    if not all(party_fields.values()):
        return None
    return MissingParty(
        path=kind.path, body=dumps(party_fields), called=f"{code} ({master[kind.name]})"
    )


def unusable_party(document: OutgoingDocument, base: str, get: Get) -> UnusableEntry | Found | None:
    """Return the party of a document that has another currency there, or None.

    AutoCount takes the currency of a document from its debtor or creditor, so the amounts would be
    posted in that one. A party that is not there, or that the key may not read, is left to the
    write, which is read back.
    """
    schema = payload.SCHEMAS.get(document.document)
    refers = {field.name: field.refers for field in schema.header} if schema else {}
    name = refers.get(schema.party_field, "") if schema else ""
    kind = next((kind for listed, kind in _PARTY_KINDS.items() if listed == name), None)
    if kind is None or not document.party:
        return None
    answer = get(f"{kind.path}?accNo={quote(document.party, safe='')}")
    if isinstance(answer, HttpAnswer) and answer.status in _PARTY_NOT_SHOWN:
        return None
    if not isinstance(answer, HttpAnswer) or answer.status != HTTPStatus.OK:
        return not_told(answer)
    content = loads(answer.body)
    values = content.get(kind.path[1:], content) if isinstance(content, dict) else None
    entry = _entry(values) if isinstance(values, dict) else None
    their_currency = entry.currency if entry else ""
    currency = document.fields.get("CurrencyCode") or document.currency or base
    if their_currency in ("", currency) or not currency:
        return None
    return UnusableEntry(f"{name} {document.party}", their_currency, currency)


def list_page(kind: Listed, after: str, get: Get) -> ListPage | Found:
    """Return the list page with this number, counted from 1. It includes inactive entries."""
    page = int(after) if after.isdecimal() else 1
    query = f"page={page}&activeOnly=false&field=registerNo&field=isActive"
    answer = get(f"{_PARTY_KINDS[kind].path}/listing?{query}")
    if not isinstance(answer, HttpAnswer) or answer.status != HTTPStatus.OK:
        return not_told(answer)
    content = loads(answer.body)
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        return not_told(answer)
    entries = (_entry(row) for row in data)
    more = str(page + 1) if len(data) >= A_PAGE else ""
    return ListPage(tuple(entry for entry in entries if entry is not None), more)


def _entry(values: Mapping[str, Any]) -> ListEntry | None:
    """Return a list entry, or None without an account number.

    AutoCount answers with capitalized field names, so names are compared in lower case.
    """
    fields = {name.casefold(): value for name, value in values.items()}
    code = str(fields.get("accno") or "")
    if not code:
        return None
    return ListEntry(
        code,
        str(fields.get("companyname") or code),
        active=fields.get("isactive", True) is not False,
        registration=str(fields.get("registerno") or ""),
        currency=str(fields.get("currencycode") or ""),
    )


TARGET: Target = AutoCount()
