"""The way from a company to the stand-in of its shop in this process."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from connectors.transport.http import Http, HttpAnswer
from sandbox.simulators.base.server import Request
from sandbox.simulators.base.shop import Shop
from tests.cases.company import CaseCompany


class ShopLine:
    """Calls of the shop's API that the stand-in answers."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def now(self) -> datetime:
        return self.shop.now()

    def request(self, method: str, url: str, **options: Any) -> HttpAnswer:
        parts = urlsplit(url)
        headers = {name.lower(): value for name, value in options["headers"].items()}
        asked = Request(
            method=method,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers=headers,
            body=options.get("body") or b"",
            target=f"{parts.path}?{parts.query}",
        )
        reply = self.shop.handle(asked)
        told = {name.lower(): value for name, value in reply.headers.items()}
        return HttpAnswer(
            status=reply.status, headers=told, body=reply.encoded(), seconds=0.0, at=self.now()
        )


def act(shop: Shop, *, path: str = "act", **given: Any) -> dict[str, Any]:
    """Let something happen in the shop; return what it answers."""
    raw = json.dumps(given).encode()
    asked = Request(method="POST", path=f"/_sim/{path}", query={}, headers={}, body=raw)
    reply = shop.handle(asked)
    assert reply.status == 200, reply.encoded()
    answer: dict[str, Any] = json.loads(reply.encoded())
    return answer


def read_and_post(company: CaseCompany, shop: Shop) -> None:
    """Read what changed in the shop, and let the workers post it."""
    company.clock.advance(timedelta(minutes=20))
    replace(company, desk=replace(company.desk, http=cast(Http, ShopLine(shop)))).pull()
    company.work()
