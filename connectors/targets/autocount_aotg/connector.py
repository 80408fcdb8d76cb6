"""Connect to AutoCount On The Go: build, send, read results later, look up, test, and log in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, Literal

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
    KeyPart,
    OutgoingDocument,
    Pace,
    Payload,
    Rounding,
    Sent,
    Setting,
    Settings,
    Step,
    Submitter,
    Target,
    schema,
    targets,
)
from connectors.contract.targets import Listed, ListEntry, ListPage, Renewed
from connectors.kit.calls import (
    E_INVOICES,
    KEPT_BYTES,
    REACH,
    Call,
    base_currency_of,
    closed_through,
    make_not_sent,
    make_sent,
    quote_answer,
    reach,
    snapshot_from_settings,
    zone_of,
)
from connectors.targets.autocount_aotg import relay as payload
from connectors.targets.autocount_aotg.compare import (
    AROUND,
    Wanted,
    is_number,
    judged,
    wanted_of,
    written,
)
from connectors.targets.autocount_aotg.relay import (
    GONE,
    POSTED,
    TOTAL,
    UNDER_WAY,
    Progress,
    Relay,
    Told,
    failed,
    is_apart,
    login_is_due,
    login_may_be_over,
    login_of,
    masked,
    message_of,
    not_taken,
    not_told,
    renew_login,
    strange_book,
    told_of,
    with_result,
)
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer, HttpFailure, reached
from connectors.transport.strict_json import dumps, loads

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
        schema.address_setting(
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
            schema.LOOK_FIRST,
            label="Look through the books before each invoice",
            hint="For its number, and for one that somebody typed: the same debtor and total, up to"
            " three days apart. An invoice then waits until the desktop has listed them.",
        ),
        *targets.SETTINGS,
    ),
    key=KeyField(
        label="Password and API key",
        hint="Paste both with a colon between them. They are kept encrypted and never shown again.",
        parts=(
            KeyPart(name="password", label="Password", hint="Of the user that Clearpost is to be."),
            KeyPart(
                name="api_key",
                label="API key",
                hint="Of the account book. It is kept encrypted and never shown again.",
            ),
        ),
        steps=(
            "Open AOTG's portal as an administrator and select the account book.",
            "Copy its API key, and set a password for the user that Clearpost is to be.",
            "Paste both here.",
        ),
    ),
)

AT_ONCE = 50

SPAN = timedelta(days=31)

_LATER = "It is read by a list of its own, in a later turn."

LISTS: Final[tuple[Listed, ...]] = ("customer",)

_ASK = (
    "AutoCount does not tell what is closed: enter the last closed day, or none, in “Books closed"
    " through”."
)

_RIGHTS = "See in AutoCount's user maintenance that the user of AOTG may make A/R invoices."

STEPS = ("Key text", REACH, "Key accepted", "Account book", "Permission", "Closed period")


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
    read_at_once = AT_ONCE
    lists = LISTS

    def rounding(self, settings: Settings) -> Rounding:  # noqa: ARG002 - it has no other way
        """Return `per_line`: AutoCount calculates tax for each line and sums the lines."""
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
        """Build the call for one document as JSON, or for a batch as an array."""
        return payload.build(documents, settings, batch=batch, action=action)

    def refusal(
        self, document: OutgoingDocument, settings: Settings, action: Action
    ) -> Answer | None:
        """Return why AutoCount On The Go could never take this document, or None."""
        return payload.preflight(document, action, base_currency_of(settings))

    def rows_of(self, document: OutgoingDocument) -> int:  # noqa: ARG002 - it takes no files
        """Return 1, because the size of a batch is counted in documents."""
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
            return make_not_sent(payload)
        relay = Relay(settings, secret, http)
        answer = relay.write(payload.path, payload.body)
        state, expected = told_of(answer), _wanted(payload, settings)
        if state is None:
            answers = tuple(not_taken(answer, document.number) for document in expected)
        else:
            answers = answers_of(state, expected, relay)
        return make_sent(_in_order(payload, answers), answer, partial(masked, secret=secret))

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
        """Look up in the intended account book whether the document is posted under its day."""
        relay = Relay(settings, secret, http)
        return _masked(look_up(wanted_of(document, settings), relay), secret)

    def ask_again(
        self, document: OutgoingDocument, ticket: str, settings: Settings, secret: str, http: Http
    ) -> Found:
        """Return the current result of the request with this ticket, then the document's state in
        AutoCount.
        """
        relay, expected = Relay(settings, secret, http), wanted_of(document, settings)
        return _masked(ask_again(expected, Ticket.read(ticket), relay), secret)

    def read(
        self, documents: Sequence[OutgoingDocument], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """Request the list of invoices of the documents' days. The list usually arrives later."""
        expected = [wanted_of(document, settings) for document in documents]
        lookups = ask(expected, Relay(settings, secret, http))
        return tuple(_masked(lookup, secret) for lookup in lookups)

    def read_later(
        self,
        documents: Sequence[OutgoingDocument],
        ticket: str,
        settings: Settings,
        secret: str,
        http: Http,
    ) -> tuple[Found, ...]:
        """Return, for each document, its state in the requested list with this ticket."""
        expected = [wanted_of(document, settings) for document in documents]
        lookups = request_again(expected, ticket, Relay(settings, secret, http))
        return tuple(_masked(lookup, secret) for lookup in lookups)

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Try the connection without writing."""
        return report(settings, secret, http)

    def list_page(
        self,
        kind: Listed,  # noqa: ARG002 - it lists customers alone
        after: str,
        settings: Settings,
        secret: str,
        http: Http,
    ) -> ListPage | Found:
        """Return the debtors of the account book. `after` is the id of the request for the list."""
        lookup = list_page(after, Relay(settings, secret, http))
        return _masked(lookup, secret) if isinstance(lookup, Found) else lookup

    def is_due(self, secret: str, now: datetime) -> bool:
        """Check whether the token is missing or expires within the next minutes."""
        return login_is_due(secret, now)

    def may_be_over(self, secret: str, now: datetime) -> bool:
        """Check whether the token is more than a minute old."""
        return login_may_be_over(secret, now)

    def renew(self, settings: Settings, secret: str, http: Http) -> Renewed:
        """Log in for the next token."""
        return renew_login(settings, secret, http)


def _wanted(payload: Payload, settings: Settings) -> tuple[Wanted, ...]:
    """Return the values to compare for each document of a call, read from the payload alone."""
    content = loads(payload.body)
    bodies = content if isinstance(content, list) else [content]
    return tuple(_wanted_of_body(body, payload, settings) for body in bodies)


def _wanted_of_body(body: object, call: Payload, settings: Settings) -> Wanted:
    fields = body if isinstance(body, dict) else {}
    number = str(fields["DocNo"])
    day = call.expected[f"DocDate.{number}"]
    return Wanted(
        number=number,
        party=str(fields["DebtorCode"]),
        day=day,
        shown_day=payload.day_text(day, settings),
        currency=str(fields.get("CurrencyCode") or ""),
        total=Decimal(call.expected[f"{TOTAL}.{number}"]),
        lines=len(fields["DetailsLine"]),
    )


def _in_order(call: Payload, answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """Return an answer for each document of the payload, in its order."""
    remaining_answers = iter(answers)
    return tuple(
        call.refused[at] if at in call.refused else next(remaining_answers)
        for at in range(len(call.numbers))
    )


def _masked(lookup: Found, secret: str) -> Found:
    """Return the lookup's result with the secret masked in its proof."""
    return replace(lookup, proof=masked(lookup.proof, secret))


def ask(expected: Sequence[Wanted], relay: Relay) -> tuple[Found, ...]:
    """Request the list of invoices of the documents' days, and read it if it is ready at once.

    If the days lie too far apart for one list, documents outside the first document's days must
    wait.
    """
    low, high = _days(expected)
    answer = relay.listed((low - AROUND).isoformat(), (high + AROUND).isoformat())
    state = told_of(answer)
    if state is None:
        return (not_told(answer),) * len(expected)
    listing = _waiting(state) if state.progress in UNDER_WAY else _read(state.request, relay)
    return tuple(
        _of_one(document, listing)
        if low <= _day(document) <= high
        else Found(kind="unknown", words=_LATER)
        for document in expected
    )


def _days(expected: Sequence[Wanted]) -> tuple[date, date]:
    """Return the first and last day of the documents around the first document's day, within one
    list.
    """
    first = _day(expected[0])
    near = [day for document in expected if abs((day := _day(document)) - first) <= SPAN / 2]
    return min(near), max(near)


def _day(expected: Wanted) -> date:
    return date.fromisoformat(expected.day)


def _waiting(state: Told) -> Found:
    words = f"The account book has not listed its invoices yet (request {state.request})."
    return Found(kind="unknown", words=words, proof=state.proof, target_ref=state.request)


def _read(request: str, relay: Relay) -> Told | Found:
    state = result(request, relay)
    if isinstance(state, Found):
        return state
    if state.progress in UNDER_WAY:
        return _waiting(state)
    if state.progress == Progress.FAILED or not isinstance(state.content, list):
        words = "The account book could not list its invoices: they are asked for once more."
        return Found(kind="unknown", words=words, proof=state.proof, answered=True)
    return state


def _of_one(expected: Wanted, listing: Told | Found) -> Found:
    if isinstance(listing, Found):
        return listing
    matching_rows = [row for row in listing.rows if is_number(row, expected.number)]
    proof = dumps(matching_rows)[:KEPT_BYTES]  # of the others nothing is kept beside this one
    verdict = judged(expected, None, replace(listing, content=matching_rows, proof=proof))
    if verdict.kind != "absent":
        return verdict
    day = _day(expected)
    low, high = day - AROUND, day + AROUND
    words = (
        f"No {expected.number} exists there from {low} to {high}: it was deleted,"
        " or moved to another day."
    )
    return Found(kind="different", words=words, proof=proof)


def request_again(expected: Sequence[Wanted], ticket: str, relay: Relay) -> tuple[Found, ...]:
    """Return each document's state from the list with this ticket.

    A list that was deleted is requested again.
    """
    listing = _read(ticket, relay)
    if isinstance(listing, Found) and listing.status == GONE:
        return ask(expected, relay)
    return tuple(_of_one(document, listing) for document in expected)


def list_page(request: str, relay: Relay) -> ListPage | Found:
    """Return the account book's whole list of debtors, which the request with this id prepares.

    If the id is blank, or if the request failed or was deleted, request the list and return an
    empty page with the new request's id. `unknown` while the list is not ready.
    """
    if not request:
        return _request_list(relay)
    state = result(request, relay)
    if isinstance(state, Found):
        return _request_list(relay) if state.status == GONE else state
    if state.progress in UNDER_WAY:
        words = f"The account book has not listed its debtors yet (request {state.request})."
        return Found(kind="unknown", words=words, proof=state.proof)
    if state.progress == Progress.FAILED:
        return _request_list(relay)
    if not isinstance(state.content, list):
        words = "The account book listed its debtors in a way that nobody can read."
        return Found(kind="unknown", words=words, proof=state.proof)
    return ListPage(tuple(_entry(row) for row in state.rows if row.get("AccNo")), "")


def _request_list(relay: Relay) -> ListPage | Found:
    """Request the list of debtors, and return an empty page with the request's id as the cursor."""
    answer = relay.debtors()
    state = told_of(answer)
    return not_told(answer) if state is None else ListPage((), state.request)


def _entry(values: Mapping[str, Any]) -> ListEntry:
    code = str(values["AccNo"])
    return ListEntry(
        code,
        str(values.get("CompanyName") or code),
        active=values.get("IsActive", True) is not False,
        registration=str(values.get("RegisterNo") or ""),
        currency=str(values.get("CurrencyCode") or ""),
    )


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """Return the connection test's steps, from a list of today's invoices.

    The test changes nothing.
    """
    fault = _key_fault(settings, secret)
    if fault:
        hint = "Paste password and API key again, with a colon between them, from AOTG's portal."
        if _is_strange(settings, secret):
            hint = "Compare the account book with the beginning of the API key in AOTG's portal."
        return ConnectionReport.stopped(STEPS, Step.failed(STEPS[0], fault, hint, "key.text"))
    text = Step(STEPS[0], ok=True, words="API key and password are there, and a user name.")
    relay = Relay(settings, secret, http)
    first = relay.listed(http.now().astimezone(zone_of(settings)).date().isoformat())
    first_steps = (text, reach(settings, relay.no_token or first))
    if first_steps[1].ok is False:
        return ConnectionReport.stopped(STEPS, *first_steps, there=reached(relay.no_token or first))
    if isinstance(first, HttpFailure):
        step = Step.failed(STEPS[2], first.words, "Test again in a few minutes.", "key.answer")
        return ConnectionReport.stopped(STEPS, *first_steps, step)
    state = told_of(first)
    if state is None:
        answer = quote_answer("AutoCount", first.status, message_of(first))
        words = f"AutoCount did not let us log in. {answer}"
        hint = "Compare user name, password and API key with AOTG's portal."
        code = "key.refused" if first.status in KEY_REFUSED else "key.answer"
        step = Step.failed(STEPS[2], words, hint, code)
        return ConnectionReport.stopped(STEPS, *first_steps, step)
    locked = closed_through(settings, _ASK)
    closed = f"Closed through {locked}" if locked else "Nothing is closed"
    steps = (
        *first_steps,
        Step(STEPS[2], ok=True, words="AutoCount let us log in."),
        _book(settings, relay.result(state.request) if state.progress not in UNDER_WAY else None),
        Step(STEPS[4], None, "It may read; whether it may write, only a write shows.", _RIGHTS),
        Step.failed(STEPS[5], locked, "Set Books closed through of this connection.", "closed_day")
        if isinstance(locked, str)
        else Step(STEPS[5], ok=True, words=f"{closed}, by the setting."),
    )
    snapshot = None if isinstance(locked, str) else snapshot_from_settings(settings, locked)
    return ConnectionReport(steps=steps, snapshot=snapshot)


def _key_fault(settings: Settings, secret: str) -> str:
    login = login_of(secret)
    if login is None:
        return "The key is not written as PASSWORD:API-KEY."
    if re.search(r"\s", login.api_key) or not (login.api_key.isascii()):
        return "The API key contains a space or a foreign sign: paste it again."
    if not str(settings.get("user_name", "")).strip():
        return "The user name is blank."
    return strange_book(settings, login)


def _is_strange(settings: Settings, secret: str) -> bool:
    """Check whether the key belongs to another account book."""
    login = login_of(secret)
    return login is not None and bool(strange_book(settings, login))


def _book(settings: Settings, answer: Call | None) -> Step:
    """Return the step for the account book.

    A desktop that is switched off is not an error: documents wait for it.
    """
    book = str(settings.get("company_id", "")).strip()
    name = str(settings.get("company_name", "")).strip() or "no name given"
    state = None if answer is None else told_of(answer)
    if state is None or state.progress in UNDER_WAY:
        words = f"Book {book} ({name}) has not answered yet: the desktop is busy or switched off."
    else:
        words = f"Book {book} ({name}) answers. AOTG tells no name: compare it in AOTG once."
    step = Step(STEPS[3], ok=None, words=words)
    return step.took(answer.seconds) if answer else step


@dataclass(frozen=True, slots=True)
class Ticket:
    """The requests of a document that are under way: its write, and the look that followed."""

    write: str
    look: str = ""

    @property
    def text(self) -> str:
        """The ticket as stored text."""
        return f"{self.write}+{self.look}" if self.look else self.write

    @classmethod
    def read(cls, text: str) -> "Ticket":
        """Return the ticket from its stored text."""
        write, _, look = text.partition("+")
        return cls(write, look)


def ask_again(expected: Wanted, ticket: Ticket, relay: Relay) -> Found:
    """Return the request's current result, as far as it is known."""
    if ticket.look:
        lookup = _of_look(expected, ticket, relay)
        if lookup is not None:
            return lookup
    if not ticket.write:
        return look_up(expected, relay)
    ticket = Ticket(ticket.write)
    state = result(ticket.write, relay)
    if isinstance(state, Found):  # it is not kept for ever: then only the look-up can tell
        return look_up(expected, relay) if state.status == GONE else state
    if state.progress in UNDER_WAY:
        return _under_way(ticket, state)
    return look_up(expected, relay, state)


def _of_look(
    expected: Wanted, ticket: Ticket, relay: Relay, write: Told | None = None
) -> Found | None:
    """Return the result of a requested list.

    None if the list is gone, so that it must be requested again.
    """
    state = result(ticket.look, relay)
    if isinstance(state, Found):
        return None if state.status == GONE else state
    if state.progress in UNDER_WAY:
        return _under_way(ticket, state)
    if state.progress == Progress.FAILED or not isinstance(state.content, list):
        return None
    if ticket.write and write is None:
        write_state = result(ticket.write, relay)
        if isinstance(write_state, Found) and write_state.status != GONE:
            return write_state
        write = write_state if isinstance(write_state, Told) else None
    return judged(expected, written(write, expected.number) if write else None, state)


def _under_way(ticket: Ticket, request_state: Told) -> Found:
    state = (
        "is working on it"
        if request_state.progress == Progress.PROCESSING
        else "has not begun it yet"
    )
    return Found(
        kind="unknown",
        words=f"The account book {state} (request {request_state.request}).",
        proof=request_state.proof,
        target_ref=ticket.text,
    )


def look_up(expected: Wanted, relay: Relay, write: Told | None = None) -> Found:
    """Look up the document once in the invoices of its days.

    `write` is the outcome of its write request, if known.
    """
    answer = relay.listed(*expected.days)
    state = told_of(answer)
    if state is None:
        return not_told(answer)
    ticket = Ticket(write.request if write else "", state.request)
    if state.progress in UNDER_WAY:
        return _under_way(ticket, state)
    lookup = _of_look(expected, ticket, relay, write)
    if lookup is None:
        words = "The look-up did not go through: it is made once more."
        return Found(kind="unknown", words=words, answered=True)
    return lookup


def result(request: str, relay: Relay) -> Told | Found:
    """Return the state of a request; if it is unclear, the reason with the HTTP status."""
    answer = relay.result(request)
    state = told_of(answer, request)
    if state is not None and is_apart(state):
        answer = relay.result_apart(request)
        state = with_result(state, answer)
    if state is not None:
        return state
    lookup = not_told(answer)
    status = answer.status if isinstance(answer, HttpAnswer) else None
    return replace(lookup, status=status)


def answers_of(state: Told, expected: Sequence[Wanted], relay: Relay) -> tuple[Answer, ...]:
    """Return each document's answer to a write. Mostly the request is only queued."""
    waits = tuple(_awaiting(document, state) for document in expected)
    if (
        state.progress in UNDER_WAY or len(expected) > 1
    ):  # the looks of many have a pass of their own
        return waits
    ended = result(state.request, relay)
    if isinstance(ended, Found) or ended.progress in UNDER_WAY:
        return waits
    pairs = zip(expected, waits, strict=True)
    return tuple(
        _ended(document, ended, look_up(document, relay, ended), waits_)
        for document, waits_ in pairs
    )


def _awaiting(expected: Wanted, state: Told) -> Answer:
    return Answer(
        kind="awaiting",
        code="taken_in",
        words=f"AutoCount keeps it until the account book has made it (request {state.request}).",
        target_ref=Ticket(state.request).text,
        number=expected.number,
        status=200,
    )


def _ended(expected: Wanted, state: Told, lookup: Found, waits: Answer) -> Answer:
    """Return the answer for a write that ended at once. An unclear result is looked up later."""
    write = written(state, expected.number)
    is_duplicate = failed(expected.number, write.message).error_class == "duplicate"
    if lookup.refused is not None:
        return lookup.refused
    if lookup.kind == "equal":
        words = (
            "Already there, with the same content." if is_duplicate else "Accepted, and looked up."
        )
        existing = not write.done and is_duplicate
        return Answer(
            kind="accepted",
            words=words if existing or write.done else f"Made, though it said: {write.message}",
            target_ref=lookup.target_ref,
            number=expected.number,
            status=200,
            existing=existing,
            same_content=True if existing else None,
            total=lookup.total,
        )
    if lookup.kind == "different" and lookup.stands is not None and not write.done and is_duplicate:
        return Answer(
            kind="refused",
            error_class="stale_version",
            code="number_taken",
            words=f"The number is already there, with other content. {lookup.words}",
            target_ref=lookup.target_ref,
            number=expected.number,
            status=200,
            existing=True,
            same_content=False,
        )
    return waits


TARGET: Target = AutoCountOnTheGo()
