"""The connection test of a WooCommerce shop: one question for an order.

Here: what each answer says of key, shop and permission. Not here: the steps
(kit/shops/connection_test.py), the asking for changes (order_pages.py).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from connectors.contract import ConnectionReport, Settings, Step
from connectors.kit.reach import says
from connectors.kit.shops import connection_test
from connectors.sources.woocommerce import order_pages
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer
from connectors.transport.strict_json import JsonRefusal, loads

_TITLE: Final = "WooCommerce"
_KEYS: Final = "Settings > Advanced > REST API"
_NO_RIGHT: Final = "read permission"
"""WooCommerce refuses a key that may only write with the status of a wrong one, and these words."""


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """The steps of the test, which changes nothing there."""
    headers = order_pages.identity(secret)
    if headers is None:
        words = "The key does not say how to ask the shop."
        hint = f"Give it as {order_pages.FORM}; WooCommerce makes the last two at {_KEYS}."
        return connection_test.unwritten(words, hint)
    url = f"{order_pages.root_of(settings)}{order_pages.PATH}?per_page=1"
    answer = http.request("GET", url, headers=headers)
    return connection_test.report(_TITLE, settings, answer, lambda told: _fault(settings, told))


def _fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    told = loads(answer.body)
    given = told if isinstance(told, Mapping) and not isinstance(told, JsonRefusal) else {}
    said = str(given.get("message") or "")[:200]
    if answer.status in KEY_REFUSED:
        forbidden = _NO_RIGHT in said or answer.status == HTTPStatus.FORBIDDEN
        return _no_right(answer, said) if forbidden else _no_key(answer, said)
    if answer.status == HTTPStatus.OK and isinstance(told, list):
        return None
    if answer.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        hint = "In WordPress open Settings > General, and enter the Site Address that stands there."
        return connection_test.no_shop(_TITLE, settings, hint)
    return connection_test.strange(_TITLE, answer, said)


def _no_key(answer: HttpAnswer, said: str) -> Step:
    told = says(_TITLE, answer.status, said)
    words = f"WooCommerce does not accept the REST API key. {told}"
    hint = f"In WooCommerce open {_KEYS}, add a key, and paste both of its halves here."
    return Step.failed(connection_test.KEY, words, hint, "key.refused")


def _no_right(answer: HttpAnswer, said: str) -> Step:
    told = says(_TITLE, answer.status, said)
    words = f"The key may not read orders. {told}"
    hint = (
        f"In WooCommerce open {_KEYS}, edit the key and set Permissions to Read; its user has to be"
        " a shop manager or an administrator."
    )
    return Step.failed(connection_test.RIGHTS, words, hint, "key.permission")
