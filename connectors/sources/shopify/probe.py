"""The connection test of a Shopify shop: one question for an order, one for a payout where they are
wanted.

Here: what each answer says of token, shop and permission. Not here: the steps
(kit/shops/connection_test.py), the asking for changes (pages.py).
"""

from dataclasses import replace
from http import HTTPStatus
from typing import Final

from connectors.contract import ConnectionReport, Settings, Step
from connectors.kit.shops import connection_test
from connectors.sources.shopify.calls import Shop, listed
from connectors.sources.shopify.payout_pages import ASKED_FOR, SETTING
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer, HttpFailure

_TITLE: Final = "Shopify"
_APPS: Final = "Settings > Apps > Develop apps"
_PAYOUTS: Final = "read_shopify_payments_payouts"


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """The steps of the test, which changes nothing there."""
    token = secret.partition(":")[2]
    if not token:
        words = "This connection has no token to ask Shopify with."
        hint = f"Paste the client secret, a colon, and the access token of the app at {_APPS}."
        return connection_test.unwritten(words, hint)
    shop = Shop(str(settings.get("base_url") or "").strip(), token, http)
    answer = shop.ask("orders.json?limit=1&status=any&fields=id")
    told = connection_test.report(_TITLE, settings, answer, lambda one: _fault(settings, one))
    if told.ok and settings.get(SETTING) == ASKED_FOR:
        answer = shop.ask("shopify_payments/payouts.json?limit=1")
        last = (_unpaid(answer) or told.steps[-1]).took(answer.seconds)
        return replace(told, steps=(*told.steps[:-1], last))
    return told


def _fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        words = "Shopify does not accept the access token."
        hint = f"In Shopify open {_APPS}, your app, and copy its Admin API access token again."
        return Step.failed(connection_test.KEY, words, hint, "key.refused")
    if answer.status == HTTPStatus.FORBIDDEN:
        words = "The app may not read orders."
        hint = f"In Shopify open {_APPS}, tick read_orders on your app, and install it again."
        return Step.failed(connection_test.RIGHTS, words, hint, "key.permission")
    if answer.status == HTTPStatus.OK and listed(answer, "orders") is not None:
        return None
    if answer.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
        hint = "Enter the address that ends in .myshopify.com, in Shopify at Settings > Domains."
        return connection_test.no_shop(_TITLE, settings, hint)
    return connection_test.strange(_TITLE, answer, "")


def _unpaid(answer: HttpAnswer | HttpFailure) -> Step | None:
    """Why payouts cannot be read; None where they can."""
    if isinstance(answer, HttpAnswer) and answer.status == HTTPStatus.OK:
        return None
    if isinstance(answer, HttpAnswer) and answer.status in KEY_REFUSED:
        words = "The app may read orders, and no payouts."
        hint = f"In Shopify open {_APPS}, tick {_PAYOUTS} on your app, and install it again."
        return Step.failed(connection_test.RIGHTS, words, hint, "key.permission")
    words = "Orders can be read; the shop shows no payouts of Shopify Payments."
    hint = "Set “Payouts” of this connection to no, where the shop does not use Shopify Payments."
    return Step(connection_test.RIGHTS, None, words, hint, "key.payouts")
