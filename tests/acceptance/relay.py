"""A company whose target takes documents in and makes them later: AutoCount On The Go.

Here: furnishing it, its two clocks, what became of a document. Not here: what a test asks of it.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.houses import COMPANY, TABLE, open_doors
from tests.acceptance.many import run_all
from tests.acceptance.parts import Part
from tests.acceptance.product import ADMIN, CURRENT_COMPANY, FINANCE, House, Product
from tests.acceptance.quiet import ask_target, record, rows, work

RULES = Path(__file__).with_name("relay.rules")
ROLES = ("finance", "consultant", "publisher", "admin")
SECRET, KEY = "netshop-secret-of-the-test", "aotg-demo-4Vr8:3DT88-KEDAI-CONTO-H0001-7QK2M"
SETTINGS = {
    "company_id": "3DT88",
    "company_name": "Kedai Contoh Sdn Bhd",
    "user_name": "clearpost@kedai.example",
    "locked_through": "none",
}
CREATE = "/api/public/v1/ARInvoice/CreateARInvoice"


class Relayed(House):
    """The company; workers run when told, its clock and that of its target are moved by hand."""

    shift = there = 0.0

    def order(self, order: Mapping[str, Any]) -> None:
        """A signed webhook with this order, by the company's clock."""
        raw = json.dumps({"event": "order.updated", "orders": [order]}).encode()
        at = time.time() + self.shift
        answer = self.post_hook(raw, event_id=f"evt_{next(self._events)}", at=at)
        assert answer.status_code == 202, answer.text

    def passes(self, seconds: float) -> None:
        """Time goes on in the company alone."""
        self.shift += seconds
        self.product.shift_clock(self.shift)

    def works_there(self, seconds: float) -> None:
        """Time goes on in the target alone."""
        self.there += seconds
        ask_target(self, "clock", offset_seconds=self.there)

    def turn(self, seconds: float = 70, **more: Any) -> None:
        """Time passes here, then a new worker does what is due."""
        self.passes(seconds)
        work(self, **more)

    def state(self, number: int) -> str:
        """Where the posting of an order stands."""
        found = rows(self, "SELECT state FROM posting WHERE number = ?", f"NS-{number}")
        return str(found[0][0])

    def page(self, number: int) -> Part:
        """The page of an order."""
        return record(self.visitor(FINANCE), number)

    def sent(self, number: int) -> int:
        """How often this document was put into the queue there."""
        wanted = f'"DocNo":"NS-{number}"'
        calls = [one for one in self.calls() if one.get("path") == CREATE]
        return sum(one["effect"] == "queued" and wanted in one["content"] for one in calls)

    def made(self, number: int) -> list[Mapping[str, Any]]:
        """What the account book has made of it."""
        wanted = f"NS-{number}"
        lines = [one for one in self.calls() if one.get("number") == wanted]
        return [json.loads(one["stands"]) for one in lines if one["effect"] == "created"]


@contextmanager
def opened_relay(product: Product) -> Iterator[Relayed]:
    """The company; each request takes its target 90 seconds."""
    ledger = product.folder / "ledger"
    words = ("simulate", "autocount_aotg", "--port", "0", "--ledger", str(ledger))
    with product.started(*words, "--seconds", "90") as target:
        assert target.stdout
        url = json.loads(target.stdout.readline())["url"]
        passwords = _furnish(product, url)
        made = Relayed(product, "", url, ledger, SECRET, passwords)
        with made.doors:
            open_doors(made)
            yield made


def _furnish(product: Product, url: str) -> dict[str, str]:
    product.prepare()
    rules = product.folder / "rules"
    rules.mkdir()
    shutil.copy2(RULES, rules)
    by_admin = (*COMPANY, "--as", ADMIN)
    emails = [f"{role}@kedai.example" for role in ROLES]
    pairs = [f"{name}={value}" for name, value in {"base_url": url, **SETTINGS}.items()]
    sets = [word for pair in pairs for word in ("--set", pair)]
    name = "autocount_aotg"
    commands: list[tuple[str, ...]] = [
        ("migrate",),
        ("company", "add", CURRENT_COMPANY, "--name", "Kedai Contoh Sdn Bhd"),
        *(("user", "add", one, *COMPANY, "--role", one.partition("@")[0]) for one in emails),
        ("connection", "add", "netshop", *by_admin, "--side", "source"),
        ("connection", "key", "netshop", *by_admin),
        ("connection", "add", name, *by_admin, "--side", "target", *TABLE, *sets),
        ("connection", "key", name, *by_admin),
        ("connection", "test", name, *by_admin),
        ("rules", "push", str(rules), *COMPANY, "--as", "consultant@kedai.example"),
        ("publish", "1", *COMPANY, "--as", "publisher@kedai.example"),
    ]
    ran = run_all(product, commands, {3 + len(emails): SECRET, 5 + len(emails): KEY})
    for words, one in zip(commands, ran, strict=True):
        assert one.code in (0, None), f"{words}\n{one.out}\n{one.err}"
    product.let_live()
    told = [one.out.split("only now: ")[1].split()[0] for one in ran[2 : 2 + len(emails)]]
    return dict(zip(emails, told, strict=True))
