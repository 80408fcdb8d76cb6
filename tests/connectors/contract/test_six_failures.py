"""What people get wrong at a connection: six causes, six different answers, each with a next step.

Asked of every connector that is tested, by answers as its contract has them. AutoCount shows only
by a write whether a key may write, so its test asks what may be read.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors import registry
from connectors.contract import ConnectionReport
from connectors.contract.pulls import ImportedByHand
from connectors.transport.http import HttpAnswer, HttpFailure
from tests.connectors.marketplaces import KEY
from tests.support.zones import SHOP_ZONE

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
AT = {"base_url": "https://books.example"}


def said(content: object, status: int = 200, **headers: str) -> HttpAnswer:
    body = json.dumps(content).encode()
    return HttpAnswer(status=status, headers=headers, body=body, seconds=0.184, at=NOW)


def away(cause: Any) -> HttpFailure:
    return HttpFailure(kind="not_sent", words="Nobody answered.", seconds=0.02, cause=cause)


class Line:
    """Every call has this answer, but for the paths that are named."""

    def __init__(self, answer: HttpAnswer | HttpFailure, **more: HttpAnswer) -> None:
        self.answer, self.more = answer, more

    def now(self) -> datetime:
        return NOW

    def request(self, _method: str, url: str, **_: object) -> HttpAnswer | HttpFailure:
        return next((one for word, one in self.more.items() if word in url), self.answer)


def error(code: str, message: str = "No way") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def fault(code: str) -> dict[str, Any]:
    return {"Fault": {"Error": [{"code": code, "Message": "No way"}]}}


def aiaccount(name: str = "Kedai", *permissions: str) -> dict[str, Any]:
    return {
        "company": {"id": "7", "name": name},
        "key": {"status": "active", "permissions": list(permissions)},
        "settings": {"rounding_mode": "per_line", "excel_import_enabled": False},
    }


MAY = ("sales.write", "sales.read", "imports.read", "expense.write")
QUICKBOOKS = {"CompanyInfo": {"CompanyName": "Another"}}
AOTG_KEY = "word:3DT88-KEDAI\tTOKEN\t0\t4102444800"
KINDS: dict[str, tuple[dict[str, str], str, dict[str, Line]]] = {
    "aiaccount": (
        {"company_id": "7", "company_name": "Kedai"},
        "aia-live-key-1",
        {
            "wrong key": Line(said(error("unauthorized"), 401)),
            "wrong company": Line(said(aiaccount("Latihan", *MAY))),
            "read-only key": Line(said(aiaccount("Kedai", "sales.read", "imports.read"))),
        },
    ),
    "autocount": (
        {"company_id": "1042", "key_id": "cp", "locked_through": "none"},
        "acc-live-key",
        {
            "wrong key": Line(said({"message": "No way"}, 401)),
            "wrong company": Line(said({"message": "No book"}, 404)),
            "read-only key": Line(said({"message": "No right"}, 403)),
        },
    ),
    "autocount_aotg": (
        {"company_id": "3DT88", "user_name": "clearpost", "locked_through": "none"},
        AOTG_KEY,
        {"wrong key": Line(said({"Message": "No way"}, 401))},
    ),
    "quickbooks": (
        {"company_id": "9130347", "client_id": "AB", "company_name": "Kedai"},
        "shh:R:A:4102444800",
        {
            "wrong key": Line(said({}, 401)),
            "wrong company": Line(said(QUICKBOOKS)),
            "read-only key": Line(said(fault("120"), 403)),
        },
    ),
    "netshop": (
        {},
        "hush",
        {
            "wrong key": Line(said({}, 401)),
            "wrong company": Line(said({}, 404)),
            "read-only key": Line(said({}, 403)),
        },
    ),
    "shopify": (
        {},
        "hush:shpat_token",
        {
            "wrong key": Line(said({}, 401)),
            "wrong company": Line(said({}, 404)),
            "read-only key": Line(said({}, 403)),
        },
    ),
    "woocommerce": (
        {},
        "hush:ck_1:cs_2",
        {
            "wrong key": Line(said({"message": "Unknown"}, 401)),
            "wrong company": Line(said({}, 404)),
            "read-only key": Line(said({"message": "The key has no read permission"}, 401)),
        },
    ),
    "shopee": (
        {"partner_id": "2001234", "shop_id": "88"},
        KEY,
        {
            "wrong key": Line(said({"error": "error_auth", "message": "Invalid token"}, 403)),
            "wrong company": Line(said({"error": "error_param", "message": "Wrong shop id"})),
            "read-only key": Line(said({"error": "error_permission", "message": "No permission"})),
        },
    ),
    "lazada": (
        {"app_key": "123456", "seller_id": "7", "token_url": "https://books.example"},
        KEY,
        {
            "wrong key": Line(said({"code": "IllegalAccessToken", "message": "No way"})),
            "wrong company": Line(
                said({"code": "0", "data": {"count": 0, "orders": []}}),
                **{"/seller/get": said({"code": "0", "data": {"seller_id": 8, "name": "Lain"}})},
            ),
            "read-only key": Line(said({"code": "InsufficientPermission", "message": "No way"})),
        },
    ),
}
ALIKE = {
    "unreachable host": Line(away("name")),
    "closed port": Line(away("refused")),
    "redirect": Line(said({}, 302, location="https://login.elsewhere.example/in")),
}
CODES = {
    "unreachable host": {"reach.name"},
    "closed port": {"reach.refused"},
    "redirect": {"reach.redirect"},
    "wrong key": {"key.refused"},
    "wrong company": {"company.other", "company.unknown"},
    "read-only key": {"key.permission", "key.types"},
}
LEFT_OUT = {
    "sql": "its six are asked of real servers in sources/test_sql_probe.py",
    "intake": "it only sends",
    "workbook": "its files are uploaded",
}
"""Why a connector is not asked here."""


def report_of(name: str, line: Line) -> ConnectionReport:
    settings, secret, _ = KINDS[name]
    if name in registry.targets():
        return registry.targets()[name].test({**AT, **settings}, secret, line)  # type: ignore[arg-type]
    source: Any = registry.sources()[name]
    report: ConnectionReport = source.test({**AT, **settings}, secret, SHOP_ZONE, line)
    return report


def test_every_connector_is_asked_or_says_why_not() -> None:
    by_hand = {n for n, one in registry.targets().items() if isinstance(one, ImportedByHand)}
    assert {*registry.targets(), *registry.sources()} == {*KINDS, *LEFT_OUT, *by_hand}


@pytest.mark.parametrize("name", KINDS)
def test_each_cause_has_an_answer_of_its_own_with_its_next_step(name: str) -> None:
    told: dict[str, tuple[str, str]] = {}
    for cause, line in {**ALIKE, **KINDS[name][2]}.items():
        report = report_of(name, line)
        (failed,) = [one for one in report.steps if one.ok is False]
        assert failed.code in CODES[cause], (cause, failed)
        assert failed.hint, (cause, "says what to do")
        assert "_" not in failed.words + failed.hint.replace("read_orders", ""), failed
        later = report.steps[report.steps.index(failed) + 1 :]
        if cause != "read-only key":
            assert {one.ok for one in later} <= {None}, (cause, "nothing after it passed")
        told[cause] = (failed.words, failed.hint)
    assert len({words for words, _ in told.values()}) == len(told), told
    assert len({hint for _, hint in told.values()}) == len(told), told


def test_the_time_of_the_way_is_told() -> None:
    report = report_of("aiaccount", KINDS["aiaccount"][2]["wrong key"])
    assert [one.ms for one in report.steps] == [None, 184, *[None] * 6]
    assert report_of("shopify", Line(away("name"))).steps[1].ms == 20
