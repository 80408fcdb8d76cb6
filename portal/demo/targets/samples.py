"""Four more sample companies, so that every target has a month: each with its rules and people.

Here: what each is made of, for the stand-in of its target at an address. Not here: what is sent
(plan.py), the processes (course.py).
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from portal.demo import shop
from portal.demo.people import Colleague
from portal.demo.setup import SIMULATOR_KEY, STARTERS, Sample, rule_files

BLOGGERS: Final = tuple(f"B-{number}" for number in range(11, 19))
BUYER, WALK_IN = "59", "60"
"""Customers of QuickBooks: who buys for a business, and who walks in."""
_GONE: Final = "on cancel of order, payout\n"
_BACK: Final = """on cancel of order
    | period | do          |
    | open   | credit note |
    | locked | block       |

on cancel of payout
"""
_CREDIT: Final = """
# The mirror of an invoice whose order was cancelled.
post order to autocount.credit_note reversing autocount.invoice as "CN-{reversed}"
    DocDate  = today
    Reason   = "Order cancelled"
"""
_ONCE: Final = (
    'post order to autocount.invoice as "{number}"\n',
    'post order to autocount.invoice as "{number}-{posting}"\n',
)
"""An invoice that may be taken back needs a number that may come again."""
_BOX: Final = "    1 BOX      = 12 PCS\n"
_HAMPER_AFTER: Final = '    1 CTN    of "TEA-EARL-100"  = 40 PCS\n'
_HAMPER: Final = '    1 BOX    of "GFT-HAMPER-L"  = 6 PCS\n'
_CARTONS: Final = (
    "    1 BOX                       = 12 PCS\n"
    "    1 CTN                       = 4 BOX\n"
    f"{_HAMPER_AFTER}{_HAMPER}"
)


def all_kinds(url: str) -> Sample:
    """The four kinds of documents of AiAccount, from NetShop; they go at once, not by night."""
    buyers = [(one.code, one.tin, one.name) for one in shop.CUSTOMERS]
    files = _starter("netshop-aiaccount-daily") | {
        "maps/debtors.csv": _table(
            "customer tin debtor", [*buyers, (shop.WALK_IN, "", "Cash sales")]
        ),
        "maps/items.csv": _table("sku item", [(one.sku, one.sku) for one in shop.ITEMS]),
        "maps/channels.csv": _table(
            "channel account", [(one, "12000") for one in sorted({*shop.CHANNELS})]
        ),
        "maps/bloggers.csv": _table("blogger supplier payee", _payees()),
    }
    files["names.rules"] = files["names.rules"].replace(_HAMPER_AFTER, _HAMPER_AFTER + _HAMPER)
    files["posting.rules"] = re.sub(r"    daily .*", "    immediately", files["posting.rules"])
    name = "Kedai Harian Sdn Bhd"
    settings = {
        "base_url": url,
        "app_url": url,
        "company_id": shop.TARGET_COMPANY,
        "company_name": name,
    }
    return _sample("harian", name, "netshop aiaccount", SIMULATOR_KEY, settings, files)


def cloud(url: str) -> Sample:
    """Invoices of AutoCount, and the credit notes of what is cancelled, from NetShop."""
    known = _starter("netshop-autocount")
    files = known | {
        "maps/debtors.csv": _table(
            "channel debtor", [(one, "300-N001") for one in sorted({*shop.CHANNELS})]
        ),
        "maps/tins.csv": "tin,debtor\n",
        "maps/items.csv": _table("sku item", [(one.sku, one.sku) for one in shop.ITEMS]),
        "names.rules": known["names.rules"].replace(_BOX, _CARTONS),
        "posting.rules": known["posting.rules"].replace(*_ONCE) + _CREDIT,
        "changes.rules": known["changes.rules"].replace(_GONE, _BACK),
    }
    name = "Kedai Awan Sdn Bhd"
    settings = {
        "base_url": url,
        "company_id": "1042",
        "company_name": name,
        "key_id": "cp-demo",
        "quantity_decimals": "4",  # as the book of the stand-in keeps them
        "price_decimals": "4",
        "locked_through": "none",
    }
    return _sample("awan", name, "netshop autocount", "acc_demo_9Tq4Lx", settings, files)


def desktop(_url: str) -> Sample:
    """Receipts, bills and payments of AutoCount, from NetShop, in files that a person imports."""
    text = Path(__file__).with_name("desktop.rules").read_text("utf-8")
    settings = {"company_id": "meja", "number_prefix": "CP-", "locked_through": "none"}
    source = "netshop autocount_excel"
    return _sample("meja", "Kedai Meja Sdn Bhd", source, "", settings, {"desktop.rules": text})


def web_shop(url: str) -> Sample:
    """Invoices of QuickBooks, from WooCommerce."""
    buyers = [(one.code.removeprefix("C-"), BUYER) for one in shop.CUSTOMERS]
    items = [(one.sku, "12" if one.sku.startswith("CUP-") else "11", "PCS") for one in shop.ITEMS]
    files = _starter("woocommerce-quickbooks") | {
        "maps/customers.csv": _table("customer id", [*buyers, ("guest", WALK_IN)]),
        "maps/items.csv": _table("sku id unit", items),
        "maps/tins.csv": "customer,tin,id\n",
    }
    settings = {
        "base_url": url,
        "company_id": "9130347",
        "client_id": "AB-clearpost-app",
        "token_url": f"{url}/oauth2/v1/tokens/bearer",
    }
    key = "qbo-client-3Rk9:qbo-refresh-5Mx8-0"
    name = "Kedai Jaring Sdn Bhd"
    return _sample("jaring", name, "woocommerce quickbooks", key, settings, files)


def _sample(
    code: str,
    name: str,
    pair: str,
    key: str,
    settings: Mapping[str, object],
    files: Mapping[str, str],
) -> Sample:
    source, target = pair.split()
    return Sample(
        code=code,
        name=name,
        source=source,
        target=target,
        key=key,
        settings=settings,
        people=_people(code),
        title=f"The month of {name}",
        files=files,
    )


def _people(code: str) -> Sequence[Colleague]:
    """The fewest people with whom a company keeps four eyes."""
    return (
        Colleague("finance", "Nurul Huda", ("accounts", "sales_admin", "tax_desk"), company=code),
        Colleague("consultant", "Chen Li Na", company=code),
        Colleague("publisher", "Joseph Anak Belaga", company=code),
        Colleague("admin", "Kamala Devi", ("it_support",), company=code),
    )


def _starter(word: str) -> dict[str, str]:
    """The files of a template without its tests, which speak of its own sample names."""
    files = rule_files(STARTERS / word)
    return {path: text for path, text in files.items() if not path.endswith("_test.rules")}


def _payees() -> list[tuple[str, str, str]]:
    return [(one, f"Blogger {one[2:]}", f"Blogger {one[2:]}") for one in BLOGGERS]


def _table(names: str, rows: Iterable[Sequence[str | None]]) -> str:
    """A CSV file of these columns."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    sheet.writerow(names.split())
    sheet.writerows(rows)
    return out.getvalue()
