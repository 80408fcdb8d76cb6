"""The connection test of a Lazada seller: one question for an order, one for who the seller is.

Here: what each answer says of key, seller and permission. Not here: the steps
(kit/shops/connection_test.py), one call (calls.py), the asking for changes (pages.py).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from connectors.contract import ConnectionReport, Settings, Step
from connectors.kit.keys.lasting_keys import grant_of
from connectors.kit.reach import says
from connectors.kit.shops import connection_test
from connectors.sources.lazada import calls
from connectors.sources.lazada.pages import LIST
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer

SELLER: Final = "/seller/get"
SETTING: Final = "seller_id"
_TITLE: Final = "Lazada"
_HOUR: Final = timedelta(hours=1)
_NO_RIGHT: Final = frozenset({"InsufficientPermission", "InsufficientIsvPermissions"})
_KEY_CODES: Final = frozenset(
    {
        "IllegalAccessToken",
        "IllegalRefreshToken",
        "InvalidAppKey",
        "AppKeyInvalid",
        "E007",
        "IncompleteSignature",
        "MissingParameter",
    }
)


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """The steps of the test, which changes nothing there. A key that was never exchanged asks with
    no token: so it is seen whether the way is open.
    """
    grant = grant_of(secret)
    if grant is None:
        return connection_test.unwritten("The key does not say how to ask Lazada.", calls.FORM)
    shop = calls.Shop(settings, grant, http)
    since = (http.now() - _HOUR).isoformat(timespec="seconds")
    answer = shop.answer(LIST, {"update_after": since, "limit": "1", "offset": "0"})
    told = connection_test.report(_TITLE, settings, answer, lambda one: _fault(settings, one))
    return _of_seller(settings, shop, told) if told.ok else told


def _fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    told = calls.content(answer.body)
    code, why = str(told.get("code") or ""), calls.reason(told)
    said = says(_TITLE, answer.status, why)
    if not code:
        hint = "Enter the address of Lazada's interface in your country, such as api.lazada.com.my."
        return connection_test.no_shop(_TITLE, settings, hint)
    if code in _NO_RIGHT:
        words = f"The app may not read orders. {said}"
        hint = "At open.lazada.com open the app and apply for the API group of orders."
        return Step.failed(connection_test.RIGHTS, words, hint, "key.permission")
    if code in _KEY_CODES or answer.status in KEY_REFUSED:
        words = f"Lazada does not accept the key. {said}"
        return Step.failed(connection_test.KEY, words, calls.KEY_HINT, "key.refused")
    if code != "0" or answer.status != HTTPStatus.OK:
        return connection_test.strange(_TITLE, answer, why)
    return None


def _of_seller(settings: Settings, shop: calls.Shop, told: ConnectionReport) -> ConnectionReport:
    """The report with who the seller is, where Lazada tells that."""
    seller = shop.get(SELLER, {})
    key = str(seller.get("seller_id") or "") if isinstance(seller, Mapping) else ""
    if not isinstance(seller, Mapping) or not key:
        return told
    name, wanted = str(seller.get("name") or ""), str(settings.get(SETTING) or "").strip()
    before, after = told.steps[:3], told.steps[4:]
    if wanted in ("", key):
        named = Step(connection_test.SHOP, ok=True, words=f"{name}, ID {key}.")
        return replace(told, steps=(*before, named, *after))
    words = f"The key belongs to another seller: {name}, ID {key}, not {wanted}."
    hint = "Correct the seller ID, or authorize the app at open.lazada.com as the right seller."
    fault = Step.failed(connection_test.SHOP, words, hint, "company.other")
    return ConnectionReport.stopped(connection_test.STEPS, *before, fault)
