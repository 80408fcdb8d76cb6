"""The connection test of a Shopee shop: one question for an order.

Here: what each answer says of key, shop and permission. Not here: the steps
(kit/shops/connection_test.py), one call (calls.py), the asking for changes (pages.py).
"""

from http import HTTPStatus
from typing import Final

from connectors.contract import ConnectionReport, Settings, Step
from connectors.kit.keys.lasting_keys import grant_of
from connectors.kit.reach import says
from connectors.kit.shops import connection_test
from connectors.sources.shopee import calls
from connectors.sources.shopee.pages import LIST
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer

_TITLE: Final = "Shopee"
_HOUR: Final = 3600
_RIGHT: Final = "permission"
_KEY_WORDS: Final = ("auth", "access_token", "acceess_token", "sign", "partner")


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """The steps of the test, which changes nothing there. A key that was never exchanged asks with
    no token: so it is seen whether the way is open.
    """
    grant = grant_of(secret)
    if grant is None:
        return connection_test.unwritten("The key does not say how to ask Shopee.", calls.FORM)
    now = int(http.now().timestamp())
    asked = {
        "time_range_field": "update_time",
        "time_from": str(now - _HOUR),
        "time_to": str(now),
        "page_size": "1",
    }
    answer = calls.Shop(settings, grant, http).answer("GET", LIST, asked)
    return connection_test.report(_TITLE, settings, answer, lambda told: _fault(settings, told))


def _fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    told = calls.content(answer.body)
    wrong, why = str(told.get("error") or "").lower(), calls.reason(told)
    said = says(_TITLE, answer.status, why)
    if "error" not in told:
        hint = "Enter https://partner.shopeemobile.com, or the address of Shopee's test shops."
        return connection_test.no_shop(_TITLE, settings, hint)
    if calls.is_of_shop(told):
        shop = str(settings.get("shop_id") or "").strip()
        words = f"The app reaches no shop {shop}. {said}"
        return Step.failed(connection_test.SHOP, words, calls.SHOP_HINT, "company.unknown")
    if _RIGHT in wrong:
        words = f"The app may not read orders. {said}"
        hint = "At open.shopee.com open the app and have the module Order allowed, then test again."
        return Step.failed(connection_test.RIGHTS, words, hint, "key.permission")
    if answer.status in KEY_REFUSED or any(word in wrong for word in _KEY_WORDS):
        words = f"Shopee does not accept the key. {said}"
        return Step.failed(connection_test.KEY, words, calls.KEY_HINT, "key.refused")
    if wrong or answer.status != HTTPStatus.OK:
        return connection_test.strange(_TITLE, answer, why)
    return None
