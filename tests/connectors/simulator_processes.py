"""Starts simulators for tests: a real process, its address, its ledger."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import requests

from sandbox.conformance.target_bench import Bench as TargetBench
from sandbox.conformance.target_bench import Posted, Process, Sample
from tests.connectors.sample_documents import (
    aotg_invoice,
    autocount_credit_note,
    autocount_invoice,
    autocount_knock_off,
    autocount_receipt,
    bill,
    bill_line,
    booked_line,
    invoice,
    line,
    payment,
    quickbooks_credit,
    quickbooks_invoice,
    receipt,
    sold_line,
)
from tests.support.zones import BOOKS, LISTED

DEMO_KEY = "aia_live_demo_7Qk2"


_UNHEARD = ("timeout_after", "error_500_after", "html_502_after", "cut_body", "garbage_after")


def _of_aiaccount(
    make: Callable[..., Posted], day: str, party: str, *before: Callable[[], Posted]
) -> Sample:
    """A document of AiAccount that is not an invoice."""
    return Sample(
        secret=DEMO_KEY,
        settings={**BOOKS, "company_id": "CMP-1042"},
        make=make,
        more={"amount": "163.35"},
        party=party,
        day=day,
        rate="ExchangeRate",
        stored=_UNHEARD,
        before=before,
    )


_AUTOCOUNT = {
    **BOOKS,
    "company_id": "1042",
    "key_id": "cp-demo",
    "locked_through": "none",
}
_CUT = ("timeout_after", "error_500_after", "html_502_after")


def _of_quickbooks(
    make: Callable[..., Posted], more: Mapping[str, Any], *before: Callable[[], Posted]
) -> Sample:
    """A document of QuickBooks."""
    return Sample(
        secret="qbo-client-3Rk9:qbo-refresh-5Mx8-0:qbo-access-7Wd2-0:4102444800",
        settings={**BOOKS, "company_id": "9130347", "client_id": "AB-clearpost-app"},
        make=make,
        more=more,
        party="CustomerRef",
        day="TxnDate",
        rate="ExchangeRate",
        stored=_UNHEARD,
        before=before,
        listed=LISTED,
    )


_BOTH_BACK = {"lines": [sold_line()], "amount": "108.90"}

SAMPLES = {
    "aiaccount": Sample(
        secret=DEMO_KEY,
        settings={**BOOKS, "company_id": "CMP-1042"},
        make=invoice,
        more={"lines": [line(1, Quantity="3", LineTotal="163.35")], "amount": "163.35"},
        party="Customer",
        day="InvoiceDate",
        rate="ExchangeRate",
        stored=_UNHEARD,
    ),
    "aiaccount receipt": _of_aiaccount(
        receipt,
        "ReceiptDate",
        "Customer",
        lambda: invoice(
            "IN-1",
            lines=[line(Quantity="2000", LineTotal="108900.00")],
            amount="108900.00",
            CustomerTIN="IG11223344556",
            CustomerAddress="1 Jalan Ampang",
        ),
    ),
    "aiaccount bill": _of_aiaccount(bill, "BillDate", "Supplier"),
    "aiaccount payment": _of_aiaccount(
        payment, "PaymentDate", "Supplier", lambda: bill("ST-1", amount="108900.00")
    ),
    "autocount": Sample(
        secret="acc_demo_9Tq4Lx",
        settings=_AUTOCOUNT,
        make=autocount_invoice,
        more={"lines": [bill_line(Qty="3", SubTotal="148.50")], "amount": "163.35"},
        party="DebtorName",
        day="DocDate",
        rate="CurrencyRate",
        stored=_CUT,
    ),
    "autocount knock-off": Sample(
        secret="acc_demo_9Tq4Lx",
        settings=_AUTOCOUNT,
        make=autocount_knock_off,
        more={"pays": (("NS-7", "118.80"), ("NS-8", "118.80")), "amount": "237.60"},
        party="DebtorCode",
        day="DocDate",
        rate="Total",
        stored=_CUT,
        before=(
            lambda: autocount_invoice("NS-7"),
            lambda: autocount_invoice("NS-8"),
            autocount_receipt,
        ),
    ),
    "autocount_aotg": Sample(
        secret="aotg-demo-4Vr8:3DT88-KEDAI-CONTO-H0001-7QK2M\tSAM-demo-token-without-an-end\t0\t4102444800",
        settings={
            **BOOKS,
            "company_id": "3DT88",
            "user_name": "clearpost@kedai.example",
            "locked_through": "none",
        },
        make=aotg_invoice,
        more={"lines": [booked_line(Amount="148.50")], "amount": "163.35"},
        party="DebtorCode",
        day="DocDate",
        rate="NetTotal",
        stored=_UNHEARD,
    ),
    "autocount credit note": Sample(
        secret="acc_demo_9Tq4Lx",
        settings=_AUTOCOUNT,
        make=autocount_credit_note,
        more={"lines": [bill_line(AccNo="510-0000", GoodsReturn="yes")], "amount": "108.90"},
        party="DebtorName",
        day="DocDate",
        rate="CurrencyRate",
        stored=_CUT,
        before=(lambda: autocount_invoice("NS-7"),),
    ),
    "quickbooks": _of_quickbooks(
        quickbooks_invoice,
        {"lines": [sold_line(Qty="3", Amount="148.50")], "amount": "163.35"},
    ),
    "quickbooks credit memo": _of_quickbooks(
        partial(quickbooks_credit, "credit_memo"), _BOTH_BACK, lambda: quickbooks_invoice("NS-7")
    ),
    "quickbooks refund receipt": _of_quickbooks(
        partial(quickbooks_credit, "refund_receipt"), _BOTH_BACK, lambda: quickbooks_invoice("NS-7")
    ),
}


class Simulator(Process):
    """A running simulator of one of our targets."""

    @property
    def settings(self) -> dict[str, Any]:
        tokens = {"token_url": f"{self.url}/oauth2/v1/tokens/bearer"}
        more = tokens if self.target == "quickbooks" else {}
        return super().settings | SAMPLES[self.target].settings | more

    def show_plan(self) -> list[str]:
        planned: list[str] = requests.get(f"{self.url}/_sim/faults", timeout=10).json()["planned"]
        return planned

    def call(
        self, method: str, path: str, *, body: bytes | None = None, key: str = "k-1", **headers: str
    ) -> requests.Response:
        plain = {
            "Authorization": f"Bearer {DEMO_KEY}",
            "X-Company-Id": "CMP-1042",
            "Idempotency-Key": key,
        }
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        every = {name: value for name, value in {**plain, **given}.items() if value != ""}
        return requests.request(method, self.url + path, data=body, headers=every, timeout=10)


class Bench(TargetBench):
    """A target, its simulator, and the sample of one of its documents."""

    def __init__(self, target: Any, sim: Any, http: Any, sample: str = "") -> None:
        super().__init__(target, sim, http, SAMPLES[sample or sim.target])
