"""Build the results of calls and lookups, and the reachability step and keys of a connection."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from connectors.contract import (
    Answer,
    Found,
    Kept,
    OutgoingDocument,
    Payload,
    Sent,
    Setting,
    Settings,
    Snapshot,
    Step,
)
from connectors.contract.schema import NONE_HERE
from connectors.contract.targets import Renewed
from connectors.transport.http import (
    KEY_REFUSED,
    TOO_MANY,
    Cause,
    Http,
    HttpAnswer,
    HttpFailure,
    reached,
)

KEPT_BYTES = 65_536

Call = HttpAnswer | HttpFailure

Get = Callable[[str], Call]

REACH = "Reach"

REACH_CODES: dict[Cause, str] = {
    "name": "reach.name",
    "refused": "reach.refused",
    "tls": "reach.tls",
    "timeout": "reach.timeout",
    "blocked": "reach.blocked",
    "cut": "reach.cut",
}

REDIRECT, UNAVAILABLE = "reach.redirect", "reach.unavailable"

_MOVED = range(300, 400)

EARLY = timedelta(minutes=10)

SHORT_LIVED = timedelta(minutes=5)

JUST_MADE = timedelta(minutes=10)

ZONE: Final = "zone"

BASE_CURRENCY: Final = "base_currency"

LISTED: Final = "listed"
"""The setting with the entries that the target listed: kind -> code -> what is kept of it."""

E_INVOICES: Final = Setting(
    name=NONE_HERE,
    label="e-Invoices",
    hint="One sale makes one e-Invoice: say where its second document makes none.",
    kind="choice",
    choices={"none": "None are made of documents here"},
    unset="Not set: made of invoices here",
)
"""Asked by targets in which e-invoices are submitted."""


def reader(http: Http, url: Callable[[str], str], headers: Mapping[str, str]) -> Get:
    """Return a function that sends a GET request to a path with these headers.

    After the first answer 429 (too many requests), it returns that answer for every further path
    without a call.
    """
    enough: list[HttpAnswer] = []

    def get(path: str) -> Call:
        if enough:
            return enough[0]
        answer = http.request("GET", url(path), headers=headers)
        if isinstance(answer, HttpAnswer) and answer.status == TOO_MANY:
            enough.append(answer)
        return answer

    return get


class Timed:
    """A way to read that knows how long its calls took."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self.seconds = 0.0

    def __call__(self, path: str) -> Call:
        """Call the path, add the call's time to `seconds` and return the result."""
        answer = self._get(path)
        self.seconds += answer.seconds
        return answer


LOOKUP_REFUSED: Final = "lookup_refused"
"""The code of an answer to a document that was not sent: a look-up before it was refused."""


def unclear_lookup(call: Call, message: str = "", pause: float | None = None) -> Found:
    """Return an `unknown` lookup result for a failed call or an unexpected answer.

    `message` is the target's own error message. `pause` is the number of seconds the target wants
    before the next call.
    """
    if isinstance(call, HttpFailure):
        return Found(kind="unknown", words=call.words)
    return Found(
        kind="unknown",
        words=f"The look-up was answered {call.status}: {message or 'no reason given'}",
        proof=call.body[:KEPT_BYTES],
        key_refused=call.status in KEY_REFUSED,
        status=call.status,
        retry_after=pause,
    )


def make_sent(
    answers: tuple[Answer, ...], call: Call | None, masked: Callable[[bytes], bytes]
) -> Sent:
    """Return the outcome of a call: its answers, status, headers, time and masked body.

    The body is cut to KEPT_BYTES.
    """
    heard = call if isinstance(call, HttpAnswer) else None
    return Sent(
        answers=answers,
        status=call.status if call else None,
        headers=heard.headers if heard else {},
        body=masked(heard.body)[:KEPT_BYTES] if heard else b"",
        seconds=call.seconds if call else 0.0,
    )


def make_not_sent(payload: Payload) -> Sent:
    """Return the outcome for a payload whose documents were all refused before sending.

    No call is made.
    """
    answers = tuple(payload.refused[at] for at in range(len(payload.numbers)))
    return Sent(answers=answers, status=None, headers={}, body=b"", seconds=0.0)


def unanswered(failure: HttpFailure, number: str | None = None) -> Answer:
    """Return the answer for a call without a response.

    A blocked address is `refused`, a request that never left is `temporary`, all else is
    `uncertain`.
    """
    if failure.kind == "blocked":
        return Answer(
            kind="refused",
            error_class="authorization_failed",
            code="address_refused",
            words=failure.words,
            number=number,
        )
    if failure.kind == "not_sent":
        return not_sent(failure.words, number)
    return uncertain("no_answer", failure.words, failure.status, number)


def not_sent(words: str, number: str | None = None) -> Answer:
    """Return a `temporary` answer for a request that failed before any byte was sent.

    It is retried automatically.
    """
    return Answer(
        kind="temporary", error_class="temporary", code="not_sent", words=words, number=number
    )


def uncertain(
    code: str, words: str, status: int | None, number: str | None = None, ref: str | None = None
) -> Answer:
    """Return an `uncertain` answer: the document may or may not exist in the target.

    `ref` is the target's id of the document, if its answer named one.
    """
    return Answer(
        kind="uncertain",
        error_class="uncertain",
        code=code,
        words=words,
        number=number,
        status=status,
        target_ref=ref,
    )


def accepted(
    number: str,
    ref: str,
    status: int | None,
    words: str,
    *,
    existing: bool = False,
    kept: tuple[Kept, ...] = (),
    total: Decimal | None = None,
) -> Answer:
    """Return an `accepted` answer: the document is posted with our content.

    `existing`: it was already there.
    """
    return Answer(
        kind="accepted",
        words=words,
        target_ref=ref,
        number=number,
        status=status,
        existing=existing,
        same_content=True if existing else None,
        kept=kept,
        total=total,
    )


def too_many_found(most: int, document: OutgoingDocument, day: date) -> Found:
    """Return a `different` lookup result, because the search matched at least `most` documents.

    The search was given up before it had compared all matches.
    """
    return Found(
        kind="different",
        words=f"{most} documents and more exist there for {document.party} around {day}, and not"
        f" all were looked through: {document.number} may be among them, typed by hand.",
    )


UNREAD_HINT: Final = "Test again in a few minutes. If it stays so, ask who runs that system."


def quote_answer(system: str, status: int, message: str = "") -> str:
    """Return the sentence that quotes a system's error message, or states that it gave none.

    >>> quote_answer("AutoCount", 500)
    'AutoCount gave no reason (answer 500).'
    """
    quoted = message.strip()
    if quoted:
        return f"{system} says: “{quoted}” (answer {status})."
    return f"{system} gave no reason (answer {status})."


def reach(settings: Settings, answer: HttpAnswer | HttpFailure) -> Step:
    """Return the connection test's reachability step, judged by the first answer from
    `base_url`.
    """
    return _judged(settings, answer).took(answer.seconds)


def _judged(settings: Settings, answer: HttpAnswer | HttpFailure) -> Step:
    parts = urlsplit(str(settings.get("base_url", "")))
    host = parts.hostname or "the address"
    if isinstance(answer, HttpFailure):
        words, hint = _failure(answer, host, _port(parts.geturl()))
        return Step.failed(REACH, words, hint, REACH_CODES[answer.cause])
    if answer.status in _MOVED:
        to = urlsplit(answer.headers.get("location", "")).hostname or "another page"
        hint = "Enter the address of the interface, not of the web page."
        return Step.failed(REACH, f"The address sends us on to {to}.", hint, REDIRECT)
    if not reached(answer):
        words = f"{host} answered {answer.status}: it is not available now."
        hint = "Test again in a few minutes. If it stays so, ask who runs that system."
        return Step.failed(REACH, words, hint, UNAVAILABLE)
    return Step(REACH, ok=True, words=f"{host} answers.")


def _failure(answer: HttpFailure, host: str, port: int) -> tuple[str, str]:
    network = "ask who runs your network"
    match answer.cause:
        case "name":
            words = f"The name {host} was not found."
            return words, f"Compare the address. If it is right, {network}."
        case "refused":
            words = f"{host} refused the connection on port {port}."
            hint = f"Ask who runs {host} to allow our outgoing address, or open the firewall."
            return words, hint
        case "tls":
            words = f"The certificate of {host} cannot be trusted, so nothing was sent."
            hint = f"Compare the address. If it is right, ask who runs {host} to renew it."
            return words, hint
        case "timeout":
            words = f"{host} did not answer in time."
            hint = "A firewall may drop our calls: ask for our outgoing address to be allowed."
            return words, hint
        case "blocked":
            return answer.words, "Enter the address of the system in the internet, with https://."
        case "cut":
            words = f"The connection to {host} broke before the answer was complete."
            return words, f"Test again. If it stays so, {network}."


def _port(address: str) -> int:
    parts = urlsplit(address)
    try:
        return parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return 443


@dataclass(frozen=True, slots=True)
class Grant:
    """The parts of an OAuth key. Without an access token no call can be made yet."""

    secret: str
    refresh: str
    access: str = ""
    until: int = 0

    def __repr__(self) -> str:
        return f"Grant(until {self.until})"


def grant_of(key: str) -> Grant | None:
    """Return the parts of a key written `secret:refresh` or `secret:refresh:access:until`, else
    None.
    """
    parts = key.strip().split(":")
    if len(parts) not in (2, 4) or not all(parts):
        return None
    if len(parts) == 2:
        return Grant(parts[0], parts[1])
    good = parts[3].isascii() and parts[3].isdecimal() and len(parts[3]) <= 11
    return Grant(parts[0], parts[1], parts[2], int(parts[3])) if good else None


def secret_in(key: str) -> str:
    """Return the key's first part, the secret that signs calls."""
    return key.strip().partition(":")[0]


def token_is_due(key: str, now: datetime, early: timedelta = EARLY) -> bool:
    """Check whether the key's access token is missing or expires within `early`."""
    grant = grant_of(key)
    return grant is not None and (not grant.access or now + early >= _end(grant))


def _end(grant: Grant) -> datetime:
    return datetime.fromtimestamp(grant.until, UTC)


def token_may_be_over(key: str, now: datetime, lasts: timedelta) -> bool:
    """Check whether a refused access token may simply have expired.

    True if the token, valid for `lasts`, was issued more than JUST_MADE ago.
    """
    grant = grant_of(key)
    return grant is not None and bool(grant.access) and now > _end(grant) - lasts + JUST_MADE


def renewed_key(
    grant: Grant, fields: Mapping[str, object], seconds: object, now: datetime
) -> Renewed:
    """Return the next key, built from an answer with a new access and refresh token.

    `seconds` is how long the new access token is valid. An answer that cannot be read gives `away`.
    """
    access, refresh = fields.get("access_token"), fields.get("refresh_token")
    texts = [
        token
        for token in (refresh, access)
        if isinstance(token, str) and token and ":" not in token
    ]
    if len(texts) != 2 or not isinstance(seconds, int) or not 0 < seconds < 10**9:
        return Renewed(kind="away", words="The answer to the refresh token cannot be read.")
    until = int(now.timestamp()) + seconds
    key = f"{grant.secret}:{texts[0]}:{texts[1]}:{until}"
    words, hint = "The access token was renewed.", ""
    if seconds <= SHORT_LIVED.total_seconds():
        words = f"The access token was renewed and is good for {seconds} seconds only."
        hint = "Ask who runs the accounting system why its access tokens end so soon."
    return Renewed(kind="renewed", words=words, secret=key, hint=hint)


def zone_of(settings: Settings) -> ZoneInfo:
    """Return the time zone for dates and times without a zone: the connection's setting, else
    UTC.
    """
    return ZoneInfo(str(settings.get(ZONE) or "UTC"))


def base_currency_of(settings: Settings) -> str:
    """Return the currency of the books from the connection's settings; blank if not set."""
    return str(settings.get(BASE_CURRENCY) or "")


def listed_ids(settings: Settings, kind: str) -> Mapping[str, str] | None:
    """Return the ids of a kind of listed entries by their names; None if it was never listed."""
    listed = settings.get(LISTED)
    entries = listed.get(kind) if isinstance(listed, Mapping) else None
    if not isinstance(entries, Mapping):
        return None
    return {str(body.get("name", "")): str(code) for code, body in entries.items()}


def closed_through(settings: Settings, hint: str) -> date | str | None:
    """Return the last closed day from the setting `locked_through`; None if nothing is closed.

    For a missing or unreadable setting, return an error message that ends in the hint `hint`.
    """
    text = str(settings.get("locked_through", "")).strip()
    if text == "none":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return f"{text} is not a day. {hint}" if text else hint


def snapshot_from_settings(settings: Settings, locked: date | None) -> Snapshot:
    """Return a snapshot of a target that lists neither codes nor quota.

    Its key counts as active.
    """
    return Snapshot(
        company_id=str(settings.get("company_id", "")),
        company_name=str(settings.get("company_name", "")),
        locked_through=locked,
        tax_codes=None,
        accounts=None,
        currencies=None,
        permissions=(),
        key_status="active",
        rounding_mode=None,
        base_currency=base_currency_of(settings),
        excel_import_enabled=False,
        einvoice_enabled=False,
        quota_limit=None,
        quota_used=None,
        quota_resets_on=None,
    )
