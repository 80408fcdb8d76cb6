"""Asking NetShop for what changed: `GET /clearpost/changes`, an interface of our own design.

Here: the call and its signature, what an answer means, where to go on, and the connection test,
which asks the same. Not here: what a change holds (contents.py), the steps of a test
(kit/shops/connection_test.py), when it is asked (holding/intake/pulls.py).

NetShop has no public interface, so its owner puts this one up. The place in the list is NetShop's
own text: `since` names a moment only at the beginning, and each answer says `next`. A count of
pages would shift while the shop sells, and moments would tie.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from connectors.contract import (
    ConnectionReport,
    IncomingRecord,
    RowError,
    Settings,
    SourceRefusal,
    Step,
)
from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.kit.reach import says
from connectors.kit.shops import connection_test
from connectors.kit.signed_webhooks import sign
from connectors.sources.netshop import contents
from connectors.transport.http import (
    KEY_REFUSED,
    TOO_MANY,
    Http,
    HttpAnswer,
    HttpFailure,
    retry_after,
)
from connectors.transport.strict_json import JsonRefusal, dumps, loads

PATH: Final = "/clearpost/changes"
PAGE: Final = 50
"""Changes a page: a hundred large orders could be more than one answer may have."""
TITLE: Final = "NetShop"
_SINCE: Final = "since "
_LONGEST: Final = 200
_NO_LIST: Final = NoPage(
    words="NetShop answered something that is not a list of changes.",
    hint="Is the address that of NetShop, without a path behind it?",
)


def begin(since: datetime) -> str:
    """From this moment on."""
    return f"{_SINCE}{since.isoformat(timespec='seconds')}"


def ask(
    asked: Mapping[str, str], settings: Settings, secret: str, http: Http
) -> HttpAnswer | HttpFailure:
    """One question, signed as webhooks are, over the line that is asked in place of a body."""
    path = f"{PATH}?{urlencode({**asked, 'limit': str(PAGE)})}"
    stamp, event = str(int(http.now().timestamp())), f"ask_{secrets.token_hex(8)}"
    headers = {
        "Accept": "application/json",
        "X-NS16-Timestamp": stamp,
        "X-NS16-Event-Id": event,
        "X-NS16-Signature": sign(secret, stamp, event, f"GET {path}".encode()),
    }
    root = str(settings.get("base_url") or "").strip().rstrip("/")
    return http.request("GET", f"{root}{path}", headers=headers)


def listed(answer: HttpAnswer) -> Mapping[str, object] | None:
    """An answer that is a list of changes."""
    told = loads(answer.body)
    if isinstance(told, JsonRefusal) or not isinstance(told, Mapping):
        return None
    good = isinstance(told.get("changes"), list) and isinstance(told.get("more"), bool)
    after = told.get("next")
    return told if good and isinstance(after, str) and 0 < len(after) <= _LONGEST else None


def said(answer: HttpAnswer) -> str:
    """NetShop's own words for why it refuses."""
    told = loads(answer.body)
    given = told if isinstance(told, Mapping) else {}
    return str(given.get("error") or "")[:200]


def page(cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """What follows a cursor."""
    first = cursor.startswith(_SINCE)
    asked = {"since": cursor.removeprefix(_SINCE)} if first else {"after": cursor}
    answer = ask(asked, settings, secret, http)
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if answer.status != HTTPStatus.OK:
        return _refused(answer, http)
    told = listed(answer)
    if told is None:
        return _NO_LIST
    after, more = str(told["next"]), told["more"] is True
    if more and after == cursor:
        words = "NetShop says that there is more, and gives the same place again."
        return NoPage(words=words, hint="Ask who looks after NetShop.")
    changes = told["changes"]
    assert isinstance(changes, list)  # noqa: S101 - listed() has seen to it
    found = [_pulled(f"changes[{at}]", one, zone) for at, one in enumerate(changes)]
    return Page(found=found, after=after, more=more)


def _pulled(place: str, change: object, zone: ZoneInfo) -> Pulled:
    raw = dumps(change)
    placed = contents.found(change)
    if isinstance(placed, SourceRefusal):
        error = RowError(where=place, value="", message=placed.message, hint=placed.hint)
        return Pulled(raw=raw, errors=(error,))
    told = [one for inside, given in placed for one in contents.read(inside, given, zone)]
    return Pulled(
        raw=raw,
        records=tuple(one for one in told if isinstance(one, IncomingRecord)),
        errors=tuple(one for one in told if isinstance(one, RowError)),
    )


def _refused(answer: HttpAnswer, http: Http) -> NoPage:
    words = f"NetShop answered {answer.status}: {said(answer) or 'no reason given'}"
    pause = retry_after(answer.headers, http.now())
    if answer.status in KEY_REFUSED:
        hint = "Give NetShop the secret of this connection, and compare its clock."
        return NoPage(words=words, hint=hint)
    if answer.status == TOO_MANY:
        return NoPage(words=words, pause=pause if pause is not None else 60.0)
    hint = (
        "Has NetShop put up the list of changes at this address?"
        if answer.status == HTTPStatus.NOT_FOUND
        else ""
    )
    return NoPage(words=words, hint=hint, pause=pause)


def tested(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """The steps of the test, which changes nothing there."""
    asked = {"since": http.now().isoformat(timespec="seconds")}
    answer = ask(asked, settings, secret, http)
    return connection_test.report(TITLE, settings, answer, lambda told: _fault(settings, told))


def _fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    told = said(answer)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        words = f"NetShop does not accept the secret. {says(TITLE, answer.status, told)}"
        hint = "Make a new secret here, enter it in NetShop, and compare NetShop's clock."
        return Step.failed(connection_test.KEY, words, hint, "key.refused")
    if answer.status == HTTPStatus.FORBIDDEN:
        words = f"The list of changes is not allowed. {says(TITLE, answer.status, told)}"
        hint = "In NetShop go to Settings > Notifications and allow the list of changes."
        return Step.failed(connection_test.RIGHTS, words, hint, "key.permission")
    if answer.status == HTTPStatus.OK and listed(answer) is not None:
        return None
    if answer.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
        hint = f"Ask who looks after NetShop to put up {PATH} at this address."
        return connection_test.no_shop(TITLE, settings, hint)
    return connection_test.strange(TITLE, answer, told)
