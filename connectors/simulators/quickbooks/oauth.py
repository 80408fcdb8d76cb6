"""Permission: Intuit's page where a person connects an app, its tokens, and their end.

Here: that page, the code that it gives, what code and refresh token are exchanged for, the end, and
whose an access token is. Each answer comes with what its ledger line says. Not here: what the lines
change (books.py).
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from connectors.simulators.base.server import Reply, Request
from connectors.simulators.quickbooks.books import (
    ACCESS,
    CLIENT_ID,
    CLIENT_SECRET,
    CODE,
    REFRESH,
    Books,
)
from connectors.transport.strict_json import loads

AUTHORIZE: Final = "/connect/oauth2"
TOKENS: Final = "/oauth2/v1/tokens/bearer"
REVOKE: Final = "/v2/oauth2/tokens/revoke"
PATHS: Final = frozenset({AUTHORIZE, TOKENS, REVOKE})
CODE_LIFE = timedelta(minutes=10)
_SCOPE = "com.intuit.quickbooks.accounting"
_A_HUNDRED_DAYS = 8_640_000
_ASKED = ("client_id", "response_type", "scope", "redirect_uri", "state")
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1>{inner}</body></html>"""
_FORM = """<p>Clearpost asks to read and write the books of a company.</p>
<form method="post" action="{path}">{hidden}<p><label for="realm">Company</label>
<select id="realm" name="realm">{companies}</select></p>
<p><button id="connect" name="answer" value="connect">Connect</button>
<button id="cancel" name="answer" value="cancel">Cancel</button></p></form>"""

Told = dict[str, Any]


def answer(books: Books, request: Request, now: datetime) -> tuple[Reply, Told]:
    """The reply, and what the ledger says of it."""
    if request.path == AUTHORIZE and request.method == "GET":
        return _page(books, request.query)
    if request.method != "POST":
        return _refused(405, "method_not_allowed")
    if request.path == AUTHORIZE:
        return _answered(books, _form(request.body), now)
    if not _is_ours(request.headers.get("authorization", "")):
        return _refused(401, "invalid_client")
    if request.path == REVOKE:
        return _revoked(books, request.body, now)
    form = _form(request.body)
    if form.get("grant_type") == "authorization_code":
        return _of_code(books, form, now)
    if form.get("grant_type") == "refresh_token":
        return _of_refresh(books, form, now)
    return _refused(400, "unsupported_grant_type")


def number_of(authorization: str) -> int | None:
    """Which of our access tokens this is."""
    scheme, _, token = authorization.partition(" ")
    return _number(token, ACCESS) if scheme == "Bearer" else None


def _page(books: Books, asked: Mapping[str, str]) -> tuple[Reply, Told]:
    wrong = _wrong(books, asked)
    if wrong:
        inner = f'<p id="error">{escape(wrong)}</p>'
        return _html(400, "Sorry, but Clearpost didn't connect", inner), _effect("refused", "400")
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(asked[name], quote=True)}">'
        for name in _ASKED
    )
    companies = "".join(
        f'<option value="{realm}">{escape(one.name)}</option>'
        for realm, one in books.companies.items()
    )
    inner = _FORM.format(path=AUTHORIZE, hidden=hidden, companies=companies)
    return _html(200, "Connect Clearpost to QuickBooks", inner), _effect("read", "200")


def _wrong(books: Books, asked: Mapping[str, str]) -> str:
    if asked.get("client_id") != CLIENT_ID:
        return "The client_id query parameter value is invalid."
    if asked.get("redirect_uri") not in books.redirects:
        return "The redirect_uri query parameter value is invalid."
    if asked.get("response_type") != "code":
        return "The response_type query parameter value is invalid."
    if _SCOPE not in asked.get("scope", "").split():
        return "The scope query parameter value is invalid."
    return "" if asked.get("state") else "The state query parameter is missing."


def _answered(books: Books, form: Mapping[str, str], now: datetime) -> tuple[Reply, Told]:
    """Somebody pressed Connect or Cancel."""
    if _wrong(books, form) or form.get("realm") not in books.companies:
        return _page(books, form)
    back, state = form["redirect_uri"], form["state"]
    if form.get("answer") != "connect":
        return _sent_back(back, error="access_denied", state=state), _effect("declined", "302")
    number = books.code + 1
    made = {"number": number, "realm": form["realm"], "redirect": back, "at": now.isoformat()}
    reply = _sent_back(back, code=f"{CODE}-{number}", state=state, realmId=form["realm"])
    return reply, {**_effect("code", ""), "made": made}


def _of_code(books: Books, form: Mapping[str, str], now: datetime) -> tuple[Reply, Told]:
    number = _number(form.get("code", ""), CODE)
    made = books.codes.get(number) if number else None
    good = (
        made is not None
        and made["redirect"] == form.get("redirect_uri")
        and now - datetime.fromisoformat(made["at"]) < CODE_LIFE
    )
    if not good:
        return _refused(400, "invalid_grant", "Invalid authorization code or redirect_uri")
    return _given(books, {"spent": number})


def _of_refresh(books: Books, form: Mapping[str, str], now: datetime) -> tuple[Reply, Told]:
    if not books.renews(_number(form.get("refresh_token", ""), REFRESH), now):
        return _refused(400, "invalid_grant", "Incorrect Token type or clientID")
    return _given(books, {})


def _given(books: Books, told: Told) -> tuple[Reply, Told]:
    """The next pair of tokens."""
    number, seconds = books.token + 1, int(books.token_life.total_seconds())
    pair = {
        "token_type": "bearer",
        "access_token": f"{ACCESS}-{number}",
        "refresh_token": f"{REFRESH}-{number}",
        "expires_in": seconds,
        "x_refresh_token_expires_in": _A_HUNDRED_DAYS,
    }
    return Reply(status=200, content=pair), {**_effect("token", ""), "token": number, **told}


def _revoked(books: Books, body: bytes, now: datetime) -> tuple[Reply, Told]:
    sent = loads(body)
    token = str(sent.get("token", "")) if isinstance(sent, dict) else ""
    access = _number(token, ACCESS)
    if not books.renews(_number(token, REFRESH), now) and not (
        access is not None and books.valid(access, now)
    ):
        return _refused(400, "invalid_token")
    return Reply(status=200, content=b""), _effect("revoked", "")


def _refused(status: int, error: str, words: str = "") -> tuple[Reply, Told]:
    content = {"error": error, **({"error_description": words} if words else {})}
    return Reply(status=status, content=content), _effect("refused", str(status))


def _effect(effect: str, code: str) -> Told:
    return {"effect": effect, "code": code}


def _sent_back(back: str, **told: str) -> Reply:
    joined = "&" if "?" in back else "?"
    return Reply(status=302, content=b"", headers={"Location": f"{back}{joined}{urlencode(told)}"})


def _html(status: int, title: str, inner: str) -> Reply:
    text = _PAGE.format(title=escape(title), inner=inner)
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return Reply(status=status, content=text.encode(), headers=headers)


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _number(token: str, begins: str) -> int | None:
    start, _, number = token.rpartition("-")
    return int(number) if start == begins and number.isdecimal() else None


def _is_ours(authorization: str) -> bool:
    scheme, _, told = authorization.partition(" ")
    try:
        plain = base64.b64decode(told, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return scheme == "Basic" and plain == f"{CLIENT_ID}:{CLIENT_SECRET}"
