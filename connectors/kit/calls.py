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
    """One read-only call to a path, each time it is asked: until the target has enough of us, which
    is then the answer to whatever else is asked of it here.
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
        """The call, and its time."""
        answer = self._get(path)
        self.seconds += answer.seconds
        return answer


LOOKUP_REFUSED: Final = "lookup_refused"
"""The code of an answer to a document that was not sent: a look-up before it was refused."""


def unclear_lookup(call: Call, told: str = "", pause: float | None = None) -> Found:
    """What a look-up saw that tells nothing: no answer, or another than was asked for.

    `told` are the target's own words; it wants to be left alone for `pause` seconds.
    """
    if isinstance(call, HttpFailure):
        return Found(kind="unknown", words=call.words)
    return Found(
        kind="unknown",
        words=f"The look-up was answered {call.status}: {told or 'no reason given'}",
        proof=call.body[:KEPT_BYTES],
        key_refused=call.status in KEY_REFUSED,
        status=call.status,
        retry_after=pause,
    )


def make_sent(
    answers: tuple[Answer, ...], call: Call | None, masked: Callable[[bytes], bytes]
) -> Sent:
    """What came back: the answers, and of the call itself what may be kept."""
    heard = call if isinstance(call, HttpAnswer) else None
    return Sent(
        answers=answers,
        status=call.status if call else None,
        headers=heard.headers if heard else {},
        body=masked(heard.body)[:KEPT_BYTES] if heard else b"",
        seconds=call.seconds if call else 0.0,
    )


def make_not_sent(payload: Payload) -> Sent:
    """No call, for nothing of a payload may be sent."""
    answers = tuple(payload.refused[at] for at in range(len(payload.numbers)))
    return Sent(answers=answers, status=None, headers={}, body=b"", seconds=0.0)


def unanswered(failure: HttpFailure, number: str | None = None) -> Answer:
    """What a call without an answer means."""
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
    """No byte of it left: it is retried automatically."""
    return Answer(
        kind="temporary", error_class="temporary", code="not_sent", words=words, number=number
    )


def uncertain(
    code: str, words: str, status: int | None, number: str | None = None, ref: str | None = None
) -> Answer:
    """Nobody knows what became of it; `ref` is the document that the target says it made."""
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
    """It is posted, with our content."""
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
    """A search among so many that it was given up."""
    return Found(
        kind="different",
        words=f"{most} documents and more exist there for {document.party} around {day}, and not"
        f" all were looked through: {document.number} may be among them, typed by hand.",
    )


UNREAD_HINT: Final = "Test again in a few minutes. If it stays so, ask who runs that system."


def quote_answer(system: str, status: int, message: str = "") -> str:
    """What a system answered, in its own words, which are quoted.

    >>> says("AiAccount", 401, "Unknown key."), says("AutoCount", 500)
    ('AiAccount says: “Unknown key.” (answer 401).', 'AutoCount gave no reason (answer 500).')
    """
    told = message.strip()
    if told:
        return f"{system} says: “{told}” (answer {status})."
    return f"{system} gave no reason (answer {status})."


def reach(settings: Settings, answer: HttpAnswer | HttpFailure) -> Step:
    """The step, from the first answer of the system under its `base_url`."""
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
    """The parts of a key; without an access token nothing can be asked yet."""

    secret: str
    refresh: str
    access: str = ""
    until: int = 0

    def __repr__(self) -> str:
        return f"Grant(until {self.until})"


def grant_of(key: str) -> Grant | None:
    """The parts; None when it is not written so."""
    parts = key.strip().split(":")
    if len(parts) not in (2, 4) or not all(parts):
        return None
    if len(parts) == 2:
        return Grant(parts[0], parts[1])
    good = parts[3].isascii() and parts[3].isdecimal() and len(parts[3]) <= 11
    return Grant(parts[0], parts[1], parts[2], int(parts[3])) if good else None


def secret_in(key: str) -> str:
    """The part that signs."""
    return key.strip().partition(":")[0]


def token_is_due(key: str, now: datetime, early: timedelta = EARLY) -> bool:
    """Whether the access token is missing, or ends as soon as that."""
    grant = grant_of(key)
    return grant is not None and (not grant.access or now + early >= _end(grant))


def _end(grant: Grant) -> datetime:
    return datetime.fromtimestamp(grant.until, UTC)


def token_may_be_over(key: str, now: datetime, lasts: timedelta) -> bool:
    """Whether a token that `lasts` so long is old enough for a refusal to mean that it ended."""
    grant = grant_of(key)
    return grant is not None and bool(grant.access) and now > _end(grant) - lasts + JUST_MADE


def renewed_key(
    grant: Grant, told: Mapping[str, object], seconds: object, now: datetime
) -> Renewed:
    """The next key, from an answer that names both tokens; it is good for so many seconds."""
    access, refresh = told.get("access_token"), told.get("refresh_token")
    texts = [one for one in (refresh, access) if isinstance(one, str) and one and ":" not in one]
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
    """The time zone of moments and days that name none; UTC where nothing says it."""
    return ZoneInfo(str(settings.get(ZONE) or "UTC"))


def base_currency_of(settings: Settings) -> str:
    """The currency in which the books are kept; blank where nothing says it."""
    return str(settings.get(BASE_CURRENCY) or "")


def listed_ids(settings: Settings, kind: str) -> Mapping[str, str] | None:
    """Return the ids of a kind of listed entries by their names; None if it was never listed."""
    listed = settings.get(LISTED)
    entries = listed.get(kind) if isinstance(listed, Mapping) else None
    if not isinstance(entries, Mapping):
        return None
    return {str(body.get("name", "")): str(code) for code, body in entries.items()}


def closed_through(settings: Settings, ask: str) -> date | str | None:
    """The last closed day, None when nothing is closed, or why nobody knows, which ends in `ask`:
    what a person has to give.
    """
    given = str(settings.get("locked_through", "")).strip()
    if given == "none":
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        return f"{given} is not a day. {ask}" if given else ask


def snapshot_from_settings(settings: Settings, locked: date | None) -> Snapshot:
    """A target that tells neither codes nor quota; its key is the one in use."""
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
