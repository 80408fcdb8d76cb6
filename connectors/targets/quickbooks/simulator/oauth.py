"""Tokens: what a refresh token is exchanged for, and whose an access token is.

Here: the token endpoint. Each exchange gives the next refresh token; the one before stays good for
a day, so that who missed the answer can ask again. Not here: what a token lets in (api.py).
"""

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from connectors.kit.simulator import Reply, Request
from connectors.targets.quickbooks.simulator.data import ACCESS, CLIENT_ID, CLIENT_SECRET, REFRESH

if TYPE_CHECKING:
    from connectors.targets.quickbooks.simulator.api import Api

PATH = "/oauth2/v1/tokens/bearer"
_A_HUNDRED_DAYS = 8_640_000


def answer(api: "Api", request: Request, request_id: str) -> Reply:
    """The next pair of tokens, or why there is none."""
    books, line = api.books, api.line(request, request_id, call="token")
    form = parse_qs(request.body.decode("utf-8", "replace"))
    given = "".join(form.get("refresh_token", ()))
    if not _is_ours(request.headers.get("authorization", "")):
        reply = Reply(status=401, content={"error": "invalid_client"})
    elif form.get("grant_type") != ["refresh_token"]:
        reply = Reply(status=400, content={"error": "unsupported_grant_type"})
    elif not books.renews(_number(given, REFRESH), api.now()):
        words = "Incorrect Token type or clientID"
        reply = Reply(status=400, content={"error": "invalid_grant", "error_description": words})
    else:
        number = books.token + 1
        api.write({**line, "effect": "token", "token": number})
        return Reply(status=200, content=_pair(number, int(books.token_life.total_seconds())))
    api.write({**line, "effect": "refused", "code": str(reply.status)})
    return reply


def number_of(authorization: str) -> int | None:
    """Which of our access tokens this is."""
    scheme, _, token = authorization.partition(" ")
    return _number(token, ACCESS) if scheme == "Bearer" else None


def _number(token: str, begins: str) -> int | None:
    start, _, number = token.rpartition("-")
    return int(number) if start == begins and number.isdecimal() else None


def _pair(number: int, seconds: int) -> dict[str, object]:
    return {
        "token_type": "bearer",
        "access_token": f"{ACCESS}-{number}",
        "refresh_token": f"{REFRESH}-{number}",
        "expires_in": seconds,
        "x_refresh_token_expires_in": _A_HUNDRED_DAYS,
    }


def _is_ours(authorization: str) -> bool:
    scheme, _, told = authorization.partition(" ")
    try:
        plain = base64.b64decode(told, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return scheme == "Basic" and plain == f"{CLIENT_ID}:{CLIENT_SECRET}"
