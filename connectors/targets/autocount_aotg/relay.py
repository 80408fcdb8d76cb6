"""Call the relay, log in to it, build its payloads, and interpret its answers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from connectors.contract import Action, Answer, Found, OutgoingDocument, Payload, Settings
from connectors.contract.schema import Amounts, Books, DocumentSchema, FieldSchema
from connectors.contract.targets import Renewed
from connectors.kit.calls import (
    KEPT_BYTES,
    Call,
    base_currency_of,
    unanswered,
    uncertain,
    unclear_lookup,
)
from connectors.kit.preflight import (
    Fault,
    Meanings,
    currency_fault,
    first_fault,
    no_rate_fault,
    not_offered,
    refused,
)
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer, HttpFailure, mask, retry_after
from connectors.transport.strict_json import dumps, loads
from grammar.text.finding_codes import ErrorClass

LISTING = "/api/public/v1/ARInvoice/GetARInvoiceList"

DEBTORS = "/api/public/v1/Debtor"

RESULT = "/api/public/v1/Result/"

GONE = 404


class Progress(StrEnum):
    """The state of a request."""

    IN_QUEUE = "InQueue"
    PROCESSING = "Processing"
    COMPLETED = "Completed"
    FAILED = "Failed"


UNDER_WAY = frozenset({Progress.IN_QUEUE, Progress.PROCESSING})

APART = "/"
"""Stands between name and id of a request of which the result is told apart from its state."""

NUMBER_TAKEN = "number_taken"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A class, and our word for the reason."""

    error_class: ErrorClass
    code: str


WORDS: tuple[tuple[re.Pattern[str], Meaning], ...] = (
    (re.compile(r"\bis locked\b"), Meaning("period_locked", "date_locked")),
    (re.compile(r"\balready exists\b|\bduplicate"), Meaning("duplicate", NUMBER_TAKEN)),
    (
        re.compile(r"\bnot exists?\b|\bnot found\b|\binvalid\b.*\bcode\b"),
        Meaning("mapping_missing", "unknown_code"),
    ),
)
"""Part of the message of a request that failed, in small letters -> its meaning; the first that
occurs counts.
"""

_OTHER = Meaning("business_rule", "failed")

_STATUS: dict[int, Meaning] = {
    400: Meaning("bad_value", "http_400"),
    401: Meaning("authorization_failed", "key_refused"),
    403: Meaning("authorization_failed", "not_permitted"),
    429: Meaning("temporary", "rate_limited"),
}

_UNANSWERED = frozenset({408, 425})

TARGET = "AutoCount On The Go"

JSON = "application/json"

TOTAL = "NetTotal"

_MEANINGS = Meanings(
    header={
        "DebtorCode": "Code of the customer, who must exist in AutoCount.",
        "DocNo": "Our number of the invoice, which no other may have.",
        "DocDate": "Day of the invoice, which must lie in an open period.",
        "JournalType": "Code of the journal, such as SALES.",
        "Description": "What the invoice is about, in one line.",
        "RefNo2": "The source's own number, such as that of the order.",
        "InclusiveTax": "Whether the amounts have the tax in them.",
        "Agent": "Code of the salesperson, who must exist in AutoCount.",
        "CreditTerm": "Code of the credit term, exactly as AutoCount has it, such as C.O.D.",
        "CurrencyCode": "Currency of the invoice; blank: that of the customer.",
        TOTAL: "Total with tax; AutoCount computes it, so it is compared and not sent.",
    },
    lines={
        "AccNo": "Code of the account that the line is booked to.",
        "Description": "What the line is for.",
        "Tax": "Tax code as AutoCount has it.",
        "TaxAmount": "Tax that the rules expect; AutoCount computes it, so it is not sent.",
        "TaxRate": "Rate of the tax code there: 0.1 is 10%. It is compared and not sent.",
        "Amount": "Amount of the line, before tax unless the amounts have it in them.",
    },
)

NUMBER_MAX, CODE_MAX = 20, 12

POSTED = _MEANINGS.on_all(
    (
        DocumentSchema(
            target="autocount_aotg",
            name="ar_invoice",
            title="A/R invoice",
            header=(
                FieldSchema(
                    name="DebtorCode",
                    wire="DebtorCode",
                    required=True,
                    max_length=CODE_MAX,
                    refers="customer",
                ),
                FieldSchema(name="DocNo", wire="DocNo", required=True, max_length=NUMBER_MAX),
                FieldSchema(name="DocDate", wire="DocDate", type="date", required=True),
                FieldSchema(name="JournalType", wire="JournalType", needed=True, max_length=10),
                FieldSchema(name="Description", wire="Description", max_length=80, shortened=True),
                FieldSchema(name="RefNo2", wire="RefNo2", max_length=20),
                FieldSchema(name="InclusiveTax", wire="InclusiveTax", type="yesno"),
                FieldSchema(name="Agent", wire="Agent", max_length=12),
                FieldSchema(name="CreditTerm", wire="CreditTerm", needed=True, max_length=30),
                FieldSchema(
                    name="CurrencyCode", wire="CurrencyCode", max_length=5, refers="currency"
                ),
                FieldSchema(name=TOTAL, wire=TOTAL, type="money", places=2, sent=False),
            ),
            lines=(
                FieldSchema(
                    name="AccNo", wire="AccNo", needed=True, max_length=CODE_MAX, refers="account"
                ),
                FieldSchema(name="Description", wire="Description", max_length=100, shortened=True),
                FieldSchema(name="Tax", wire="Tax", max_length=14, refers="tax"),
                FieldSchema(name="TaxAmount", type="money", places=2, sent=False),
                FieldSchema(name="TaxRate", type="decimal", sent=False),
                FieldSchema(name="Amount", wire="Amount", type="money", required=True, places=2),
            ),
            number_field="DocNo",
            number_max=NUMBER_MAX,
            date_field="DocDate",
            party_field="DebtorCode",
            total_field=TOTAL,
            touches_earlier=True,
            amounts=Amounts(
                amount="Amount",
                tax="TaxAmount",
                code="Tax",
                rate="TaxRate",
                tax_is="beside",
                inclusive=("InclusiveTax", True),
            ),
            books=Books("credit", "Amount"),
        ),
    )
)
"""It has no quantity and no unit, and nothing of it can be changed or made void from outside."""

SCHEMAS: Mapping[str, DocumentSchema] = {schema.name: schema for schema in POSTED}

ALONE = "/api/public/v1/ARInvoice/CreateARInvoice"

BATCH = "/api/public/v1/ARInvoice/CreateBatchARInvoice"

MOST = 20  # in one batch

DATE_FORMATS: Mapping[str, str] = {
    "dd-MM-yyyy": "%d-%m-%Y",
    "MM-dd-yyyy": "%m-%d-%Y",
    "yyyy-MM-dd": "%Y-%m-%d",
}
"""The setting `date_format` -> how a day is written."""

_USUAL_FORMAT = "dd-MM-yyyy"

_NEW_LINE = "1"

_MONEY = frozenset({"money", "decimal"})

LOG_IN = "/api/public/v1/TokenAuth/Authenticate"

EARLY = timedelta(minutes=5)

FRESH = timedelta(minutes=1)

USUAL_LIFE = timedelta(hours=1)  # where the answer does not tell its end

_REFUSED = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class Told:
    """The answer about a request: its id, its state, a message, and its result.

    The id may follow the request's name.
    """

    request: str
    progress: Progress
    message: str
    content: object
    proof: bytes

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The rows of the request's result; empty if it is no list."""
        items = self.content if isinstance(self.content, list) else ()
        return [item for item in items if isinstance(item, dict)]


@dataclass(frozen=True, slots=True)
class Login:
    """The parts of the secret."""

    api_key: str
    password: str
    token: str = ""
    since: int = 0
    until: int = 0

    def __repr__(self) -> str:
        return f"Login(until {self.until})"


class Relay:
    """The relay, for one pass over some documents. A token that ended early is replaced once; only
    this pass knows the new one.
    """

    def __init__(self, settings: Settings, secret: str, http: Http) -> None:
        self._settings, self._http = settings, http
        self._login = login_of(secret)
        self._token = self._login.token if self._login else ""
        self._asked = False
        self.no_token: Call | None = None
        """What was answered instead of a token, for who wants to know why."""

    def write(self, path: str, body: bytes) -> Call:
        """Send the write call."""
        return self._call("POST", path, body, push=True)

    def listed(self, day: str, last: str = "") -> Call:
        """Request all A/R invoices of a day, or from `day` to `last`.

        The answer names the request that lists them later.
        """
        end = f"{last or day}T23:59:59.000Z"
        filters = {"FromDateTime": f"{day}T00:00:00.000Z", "ToDateTime": end}
        return self._call("POST", LISTING, dumps(filters))

    def debtors(self) -> Call:
        """Request all debtors. The answer names the request that lists them later."""
        return self._call("GET", DEBTORS, None)

    def result(self, request: str) -> Call:
        """Fetch the state of a request, and its result if it has ended."""
        return self._call("GET", f"{RESULT}{quote(_id(request), safe='')}", None)

    def result_apart(self, request: str) -> Call:
        """Fetch the result of an ended request whose state comes without it."""
        name, _, id_ = request.rpartition(APART)
        return self._call(
            "GET", f"{RESULT}{quote(name, safe='')}/{quote(id_, safe='')}/result", None
        )

    def _call(self, method: str, path: str, body: bytes | None, *, push: bool = False) -> Call:
        login = self._login
        strange = "The key is not written as PASSWORD:API-KEY."
        if login is None or (strange := strange_book(self._settings, login)):
            return HttpFailure(kind="blocked", words=strange, seconds=0.0, cause="blocked")
        refused = None if self._token else self._log_in(login)
        if refused is not None:
            return refused
        answer = self._made(method, path, body, push=push)
        if isinstance(answer, HttpAnswer) and answer.status in KEY_REFUSED and not self._asked:
            refused = self._log_in(login)
            return refused or self._made(method, path, body, push=push)
        return answer

    def _made(self, method: str, path: str, body: bytes | None, *, push: bool) -> Call:
        headers = {"SOTC_AUTH": self._token, "Cache-Control": "no-cache", "Accept": JSON}
        if body is not None:
            headers["Content-Type"] = JSON
        url = f"{root_of(self._settings)}{path}"
        return self._http.request(method, url, headers=headers, body=body, push=push)

    def _log_in(self, login: Login) -> Call | None:
        """Request a new token; return the failed answer, or None if it succeeded.

        Nothing has been sent before.
        """
        self._asked = True
        answer = log_in(self._settings, login, self._http)
        self.no_token = answer
        if isinstance(answer, HttpFailure):
            return HttpFailure(
                kind="blocked" if answer.kind == "blocked" else "not_sent",
                words=answer.words,
                seconds=answer.seconds,
                cause=answer.cause,
            )
        token_pair = token_of(answer, self._http.now())
        if token_pair is None:
            if answer.status in KEY_REFUSED:
                return answer
            words = f"AutoCount answered {answer.status} to the log-in: nothing was sent."
            return HttpFailure(kind="not_sent", words=words, seconds=answer.seconds)
        self._token, self.no_token = token_pair[0], None
        return None


def _id(request: str) -> str:
    return request.rpartition(APART)[2]


def told_of(answer: Call, request: str = "") -> Told | None:
    """Return the contents of a good answer; None if it is unreadable or belongs to another
    request.
    """
    if isinstance(answer, HttpFailure) or answer.status != 200:
        return None
    content = loads(answer.body)
    if not isinstance(content, dict):
        return None
    proof = answer.body[:KEPT_BYTES]
    named, state = content.get("RequestId"), content.get("Status")
    # The vendor's pages show answers with `Id` and `Name` and no state; our contract shows the
    # other form.
    if not request and named is None and state is None:
        return _taken_in(content, proof)
    if not isinstance(named, str) or not named or (request and named != _id(request)):
        return None
    if state not in tuple(Progress):
        return None
    message = content.get("Message")
    words = message if isinstance(message, str) else ""
    return Told(request or named, Progress(str(state)), words, content.get("Data"), proof)


def _taken_in(content: Mapping[str, Any], proof: bytes) -> Told | None:
    """Return a request that was queued under an id and a name, without a state."""
    parts = [content.get("Name"), content.get("Id")]
    if not all(isinstance(part, str) and part and APART not in part for part in parts):
        return None
    return Told(APART.join(map(str, parts)), Progress.IN_QUEUE, "", None, proof)


def is_apart(state: Told) -> bool:
    """Check whether the result of this request must be fetched by a call of its own."""
    return APART in state.request and state.progress not in UNDER_WAY


def with_result(state: Told, answer: Call) -> Told | None:
    """Return the answer with its result added:

    JSON in a text, or the error message if the request failed.
    """
    content = None if isinstance(answer, HttpFailure) else loads(answer.body)
    text = content.get("ResultJson") if isinstance(content, dict) else None
    if isinstance(answer, HttpFailure) or answer.status != 200 or not isinstance(text, str):
        return None
    proof = answer.body[:KEPT_BYTES]
    if state.progress == Progress.FAILED:
        return replace(state, message=text.strip().strip('"'), proof=proof)
    return replace(state, content=loads(text.encode()), proof=proof)


def not_told(answer: Call) -> Found:
    """Return the unknown lookup result for an unclear answer."""
    if isinstance(answer, HttpFailure):
        return unclear_lookup(answer)
    return unclear_lookup(answer, message_of(answer), retry_after(answer.headers, answer.at))


def message_of(answer: HttpAnswer) -> str:
    """Return AutoCount's error message, from its JSON or from the plain text.

    Blank if it has none.
    """
    content = loads(answer.body)
    if isinstance(content, dict):
        message = content.get("Message")
        return message if isinstance(message, str) else ""
    text = answer.body[:300].decode("utf-8", "replace").strip()
    return "" if text.startswith(("<", "\x00")) or "�" in text else text


def meaning(message: str) -> Meaning:
    """Return the meaning of a failed request, by its message."""
    small = message.casefold()
    return next(
        (refusal_meaning for words, refusal_meaning in WORDS if words.search(small)), _OTHER
    )


def failed(number: str, message: str) -> Answer:
    """Return the refusal of a document by the account book, with the book's message."""
    reason = meaning(message)
    return Answer(
        kind="refused",
        error_class=reason.error_class,
        code=reason.code,
        words=message or "AutoCount could not make it, and gave no reason.",
        number=number,
        status=200,
    )


def undone(number: str, message: str) -> Answer:
    """Return the temporary answer for a document that was rolled back with its batch.

    Nothing was posted, so it is sent again.
    """
    return Answer(
        kind="temporary",
        error_class="temporary",
        code="batch_undone",
        words=f"It was taken back with the other documents of its batch: {message}",
        number=number,
        status=200,
    )


def not_taken(answer: Call, number: str) -> Answer:
    """Return the answer for a write whose response names no request."""
    if isinstance(answer, HttpFailure):
        return unanswered(answer, number)
    status = answer.status
    if status < 400:
        words = f"AutoCount answered {status} without the id of a request."
        return uncertain("unclear", words, status, number)
    if status >= 500 or status in _UNANSWERED:
        return uncertain("no_answer", f"AutoCount answered {status}.", status, number)
    reason = _STATUS.get(status, Meaning("business_rule", f"http_{status}"))
    waits = reason.error_class == "temporary"
    return Answer(
        kind="temporary" if waits else "refused",
        error_class=reason.error_class,
        code=reason.code,
        words=message_of(answer) or f"AutoCount answered {status} without a reason.",
        number=number,
        status=status,
        retry_after=retry_after(answer.headers, answer.at) if waits else None,
    )


def build(
    documents: Sequence[OutgoingDocument], settings: Settings, *, batch: bool, action: Action
) -> Payload:
    """Build the call for one document, or for many.

    Documents that could never be taken are left out and refused at once.
    """
    if not batch and len(documents) != 1:
        raise ValueError("AutoCount On The Go takes one document a call, or a batch")
    base = base_currency_of(settings)
    answers_by_place = {
        at: preflight(document, action, base) for at, document in enumerate(documents)
    }
    refusals = {at: answer for at, answer in answers_by_place.items() if answer is not None}
    good = [document for at, document in enumerate(documents) if at not in refusals]
    bodies = [_content(document, settings) for document in good]
    return Payload(
        method="POST",
        path=(BATCH if batch else ALONE) if bodies else "",
        headers={},
        body=dumps(bodies if batch else bodies[0]) if bodies else b"",
        content_type=JSON,
        rows={},
        numbers=tuple(document.number for document in documents),
        positions={},
        refused=refusals,
        expected={key: text for document in good for key, text in _expected(document).items()},
    )


def preflight(document: OutgoingDocument, action: Action, base: str) -> Answer | None:
    """Return why AutoCount On The Go could never take this document, or None."""
    schema = SCHEMAS.get(document.document)
    refusal = not_offered(schema, document, action, TARGET)
    if schema is None or refusal:
        return refusal
    fault = first_fault(schema, document, TARGET, new=True, of_line=_no_more)
    fault = fault or currency_fault(document, "CurrencyCode", base)
    fault = fault or no_rate_fault(document, base, TARGET)
    return refused(document, *fault) if fault else None


def _no_more(line: Mapping[str, str], where: str) -> Fault | None:  # noqa: ARG001
    """Return None. A line has only an account and an amount, which its field checks cover."""
    return None


def _content(document: OutgoingDocument, settings: Settings) -> dict[str, object]:
    schema = SCHEMAS[document.document]
    state = int(str(settings.get("line_state") or _NEW_LINE))
    head = _fields(schema.header, document.fields, settings)
    rows = [{"LineState": state, **_fields(schema.lines, row, settings)} for row in document.lines]
    return {**head, "DetailsLine": rows}


def _fields(
    fields: Sequence[FieldSchema], values: Mapping[str, str], settings: Settings
) -> dict[str, object]:
    texts_by_field = {field: values.get(field.name, "") for field in fields if field.sent}
    return {
        field.wire: _value(field, text, settings)
        for field, text in texts_by_field.items()
        if text != ""
    }


def _value(field: FieldSchema, text: str, settings: Settings) -> object:
    if field.type == "yesno":
        return text == "yes"
    if field.type == "date":
        return day_text(text, settings)
    return Decimal(text) if field.type in _MONEY else text


def _expected(document: OutgoingDocument) -> dict[str, str]:
    """Return the values needed for the later comparison that the body lacks: total and date, by
    number.
    """
    schema, number = SCHEMAS[document.document], document.number
    return {
        f"{TOTAL}.{number}": str(document.amount),
        f"DocDate.{number}": document.fields[schema.date_field],
    }


def day_text(day: str, settings: Settings) -> str:
    """Return a date in the format that this account book sends and receives."""
    chosen = str(settings.get("date_format") or _USUAL_FORMAT)
    return date.fromisoformat(day).strftime(DATE_FORMATS.get(chosen, DATE_FORMATS[_USUAL_FORMAT]))


def login_of(secret: str) -> Login | None:
    """Return the parts of a stored key; None if it is malformed."""
    login_text, *token_parts = secret.strip().split("\t")
    password, _, api_key = login_text.rpartition(":")
    if not api_key or not password or len(token_parts) not in (0, 3):
        return None
    if not token_parts:
        return Login(api_key, password)
    token, *times = token_parts
    good = bool(token) and all(text.isascii() and text.isdecimal() for text in times)
    return Login(api_key, password, token, *map(int, times)) if good else None


def login_is_due(secret: str, now: datetime) -> bool:
    """Check whether the token is missing or expires within the next minutes."""
    login = login_of(secret)
    return login is not None and (not login.token or now + EARLY >= _moment(login.until, now))


def _moment(seconds: int, now: datetime) -> datetime:
    return datetime.fromtimestamp(seconds, now.tzinfo)


def login_may_be_over(secret: str, now: datetime) -> bool:
    """Check whether the token is older than a minute, so that a refusal may mean that it ended
    early.
    """
    login = login_of(secret)
    return login is not None and now - _moment(login.since, now) > FRESH


def strange_book(settings: Settings, login: Login) -> str:
    """Return why this key belongs to another account book than intended; blank if it may fit.

    The key begins with the number of its book.
    """
    book = str(settings.get("company_id", "")).strip()
    if book and login.api_key.startswith(book):
        return ""
    return f"The API key is not that of the account book {book or 'of this connection'}."


def renew_login(settings: Settings, secret: str, http: Http) -> Renewed:
    """Log in and return the key with its new token added."""
    login = login_of(secret)
    if login is None:
        return Renewed(kind="refused", words="The key is not written as PASSWORD:API-KEY.")
    if strange := strange_book(settings, login):
        return Renewed(kind="refused", words=strange)
    answer = log_in(settings, login, http)
    if isinstance(answer, HttpFailure):
        return Renewed(kind="away", words=answer.words)
    now = http.now()
    token_pair = token_of(answer, now)
    if token_pair is not None:
        token, until = token_pair
        new_secret = f"{login.password}:{login.api_key}\t{token}\t{int(now.timestamp())}\t{until}"
        return Renewed(kind="renewed", words="A new token was given.", secret=new_secret)
    words = f"AutoCount answered {answer.status} to the log-in."
    return Renewed(kind="refused" if answer.status in _REFUSED else "away", words=words)


def log_in(settings: Settings, login: Login, http: Http) -> HttpAnswer | HttpFailure:
    """Request a token with the user name, password and API key."""
    login_fields = {
        "UserName": str(settings.get("user_name", "")).strip(),
        "Password": login.password,
        "ApiKey": login.api_key,
    }
    return http.request(
        "POST",
        f"{root_of(settings)}{LOG_IN}",
        headers={"Content-Type": "application/json", "Cache-Control": "no-cache"},
        body=dumps(login_fields),
    )


def token_of(answer: HttpAnswer, now: datetime) -> tuple[str, int] | None:
    """Return the token of a log-in and its end as a Unix time; None if there is none."""
    parsed_body = loads(answer.body)
    content = parsed_body if isinstance(parsed_body, dict) else {}
    token = content.get("AccessToken")
    if answer.status != 200 or not isinstance(token, str) or not token or "\t" in token:
        return None
    try:
        end = datetime.fromisoformat(str(content.get("Expired")))
    except ValueError:
        end = now + USUAL_LIFE
    return token, int((end if end.tzinfo else end.replace(tzinfo=now.tzinfo)).timestamp())


def root_of(settings: Settings) -> str:
    """Return the address of the interface without a slash at its end."""
    return str(settings.get("base_url", "")).rstrip("/")


def masked(content: bytes, secret: str) -> bytes:
    """Return the content with all parts of the key masked, in case the other side echoed them."""
    login = login_of(secret)
    for part in (login.token, login.password, login.api_key) if login else ():
        content = mask(content, part)
    return content
