"""The connection test of NetShop: one question for what changed a moment ago.

Here: what each answer says of secret, shop and permission. Not here: the steps
(kit/shops/connection_test.py), the asking for changes (changes.py).
"""

from http import HTTPStatus
from typing import Final

from connectors.contract import ConnectionReport, Settings, Step
from connectors.kit.reach import says
from connectors.kit.shops import connection_test
from connectors.sources.netshop import changes
from connectors.transport.http import Http, HttpAnswer

_TITLE: Final = "NetShop"


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """The steps of the test, which changes nothing there."""
    asked = {"since": http.now().isoformat(timespec="seconds")}
    answer = changes.ask(asked, settings, secret, http)
    return connection_test.report(_TITLE, settings, answer, lambda told: _fault(settings, told))


def _fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    told = changes.said(answer)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        words = f"NetShop does not accept the secret. {says(_TITLE, answer.status, told)}"
        hint = "Make a new secret here, enter it in NetShop, and compare NetShop's clock."
        return Step.failed(connection_test.KEY, words, hint, "key.refused")
    if answer.status == HTTPStatus.FORBIDDEN:
        words = f"The list of changes is not allowed. {says(_TITLE, answer.status, told)}"
        hint = "In NetShop go to Settings > Notifications and allow the list of changes."
        return Step.failed(connection_test.RIGHTS, words, hint, "key.permission")
    if answer.status == HTTPStatus.OK and changes.listed(answer) is not None:
        return None
    if answer.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
        hint = f"Ask who looks after NetShop to put up {changes.PATH} at this address."
        return connection_test.no_shop(_TITLE, settings, hint)
    return connection_test.strange(_TITLE, answer, told)
