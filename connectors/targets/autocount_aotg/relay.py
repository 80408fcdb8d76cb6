"""Calls to the relay, and what each of its answers says of the request that it stands for.

Here: headers, the one new log-in after a refused token, the four states of a request, in either of
two ways to answer: a request has its id and state from the beginning, or, as the vendor's own pages
show it, it is taken in under an id and a name, and what came of it is a call of its own. Not here:
what follows for a document (outcomes.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from connectors.contract import Found, Settings
from connectors.kit.calls import KEPT_BYTES, Call, unclear
from connectors.targets.autocount_aotg.payload import JSON
from connectors.targets.autocount_aotg.tokens import (
    Login,
    log_in,
    login_of,
    root_of,
    strange_book,
    token_of,
)
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer, HttpFailure, retry_after
from connectors.transport.strict_json import dumps, loads

LISTING = "/api/public/v1/ARInvoice/GetARInvoiceList"
DEBTORS = "/api/public/v1/Debtor"
RESULT = "/api/public/v1/Result/"
GONE = 404


class Progress(StrEnum):
    """Where a request stands."""

    IN_QUEUE = "InQueue"
    PROCESSING = "Processing"
    COMPLETED = "Completed"
    FAILED = "Failed"


UNDER_WAY = frozenset({Progress.IN_QUEUE, Progress.PROCESSING})


APART = "/"
"""Stands between name and id of a request of which the result is told apart from its state."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says of a request: its id (behind its name, where that is needed), where it
    stands, a message, and what came of it.
    """

    request: str
    progress: Progress
    message: str
    content: object
    proof: bytes

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """What came of it, where that is a list."""
        found = self.content if isinstance(self.content, list) else ()
        return [one for one in found if isinstance(one, dict)]


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
        """The call that has an effect."""
        return self._call("POST", path, body, push=True)

    def listed(self, day: str, last: str = "") -> Call:
        """Ask for all A/R invoices of a day, or of the days to a last one; the answer names the
        request that tells them.
        """
        end = f"{last or day}T23:59:59.000Z"
        wanted = {"FromDateTime": f"{day}T00:00:00.000Z", "ToDateTime": end}
        return self._call("POST", LISTING, dumps(wanted))

    def debtors(self) -> Call:
        """Ask for all debtors; the answer names the request that tells them."""
        return self._call("GET", DEBTORS, None)

    def result(self, request: str) -> Call:
        """Ask what became of a request, or where it stands."""
        return self._call("GET", f"{RESULT}{quote(_id(request), safe='')}", None)

    def result_apart(self, request: str) -> Call:
        """Ask what came of a request that has ended, where its state does not tell that."""
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
        """Have a new token; what was answered instead of one. Nothing was sent before it."""
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
        made = token_of(answer, self._http.now())
        if made is None:
            if answer.status in KEY_REFUSED:
                return answer
            words = f"AutoCount answered {answer.status} to the log-in: nothing was sent."
            return HttpFailure(kind="not_sent", words=words, seconds=answer.seconds)
        self._token, self.no_token = made[0], None
        return None


def told_of(answer: Call, request: str = "") -> Told | None:
    """What a good answer says; None where it says nothing, or speaks of another request."""
    if isinstance(answer, HttpFailure) or answer.status != 200:
        return None
    content = loads(answer.body)
    if not isinstance(content, dict):
        return None
    proof = answer.body[:KEPT_BYTES]
    named, state = content.get("RequestId"), content.get("Status")
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
    """A request that was taken in under an id and a name, and of whose state nothing is said."""
    told = [content.get("Name"), content.get("Id")]
    if not all(isinstance(one, str) and one and APART not in one for one in told):
        return None
    return Told(APART.join(map(str, told)), Progress.IN_QUEUE, "", None, proof)


def is_apart(told: Told) -> bool:
    """Whether what came of this request has to be asked for by a call of its own."""
    return APART in told.request and told.progress not in UNDER_WAY


def with_result(told: Told, answer: Call) -> Told | None:
    """The same with what came of it: a JSON in a text, or, where it failed, the message itself."""
    content = None if isinstance(answer, HttpFailure) else loads(answer.body)
    text = content.get("ResultJson") if isinstance(content, dict) else None
    if isinstance(answer, HttpFailure) or answer.status != 200 or not isinstance(text, str):
        return None
    proof = answer.body[:KEPT_BYTES]
    if told.progress == Progress.FAILED:
        return replace(told, message=text.strip().strip('"'), proof=proof)
    return replace(told, content=loads(text.encode()), proof=proof)


def _id(request: str) -> str:
    return request.rpartition(APART)[2]


def not_told(answer: Call) -> Found:
    """Why an answer says nothing."""
    if isinstance(answer, HttpFailure):
        return unclear(answer)
    return unclear(answer, message_of(answer), retry_after(answer.headers, answer.at))


def message_of(answer: HttpAnswer) -> str:
    """AutoCount's own words in a refusal: of its JSON, or the text itself."""
    content = loads(answer.body)
    if isinstance(content, dict):
        message = content.get("Message")
        return message if isinstance(message, str) else ""
    text = answer.body[:300].decode("utf-8", "replace").strip()
    return "" if text.startswith(("<", "\x00")) or "�" in text else text
