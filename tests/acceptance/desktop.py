"""A company whose invoices go to AutoCount desktop in files, and the person who carries them.

Here: furnishing it, the acts of the person on pages and in AutoCount. Not here: what a test asks.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.acceptance.houses import COMPANY, TABLE, open_doors
from tests.acceptance.many import run_all
from tests.acceptance.parts import Part, read
from tests.acceptance.product import ADMIN, CURRENT_COMPANY, FINANCE, House, Product, Visitor
from tests.acceptance.quiet import BASE, rows, work

RULES = Path(__file__).with_name("desktop.rules")
ROLES = ("finance", "consultant", "publisher", "admin")
SECRET = "netshop-secret-of-the-test"
SETTINGS = {"company_id": "kedai", "number_prefix": "NS-", "locked_through": "none"}


class Desktop(House):
    """The company; workers run when told."""

    def order(self, *orders: Mapping[str, Any]) -> None:
        """A signed webhook with these orders, judged; the same body again is answered 200."""
        raw = json.dumps({"event": "order.updated", "orders": list(orders)}).encode()
        answer = self.post_hook(raw, event_id=f"evt_{next(self._events)}")
        assert answer.status_code in (200, 202), answer.text
        work(self)

    def export(self, *orders: Mapping[str, Any]) -> int:
        """These orders arrive and go in one file; its id."""
        self.order(*orders)
        return int(rows(self, "SELECT max(id) FROM import_file")[0][0])

    def file(self, file_id: int) -> Part:
        """The page of a file, as the finance user sees it."""
        return read(self.visitor(FINANCE).get(f"{BASE}/files/{file_id}"))

    def act(self, file_id: int, act: str, **given: str) -> requests.Response:
        """The finance user fills in one of its forms."""
        siti = self.visitor(FINANCE)
        page = siti.get(f"{BASE}/files/{file_id}")
        answer = siti.post(f"{BASE}/files/{file_id}/{act}", page, **given)
        if act != "download":
            work(self)
        return answer

    def upload(self, file_id: int, listing: bytes) -> requests.Response:
        """The finance user uploads what AutoCount shows."""
        siti: Visitor = self.visitor(FINANCE)
        page = siti.get(f"{BASE}/files/{file_id}")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token
        path = f"{siti.address}{BASE}/files/{file_id}/listing"
        answer = siti.session.post(
            path,
            data={"csrf_token": token[1]},
            files={"listing": ("listing.xlsx", listing)},
            headers={"Referer": path},
            timeout=60,
        )
        work(self)
        return answer

    def imports(
        self, body: bytes, template: str = "", kind: str = "invoice"
    ) -> list[dict[str, Any]]:
        """The person imports a file in AutoCount, with the header mapping of the company if it has
        one; the state of each row.
        """
        asked = {"type": kind, "user": "siti", "template": template}
        told = requests.post(f"{self.target}/desktop/import", params=asked, data=body, timeout=30)
        assert told.ok, told.text
        found: list[dict[str, Any]] = told.json()["rows"]
        return found

    def listing(self, kind: str = "invoice") -> bytes:
        """The listing that AutoCount saves."""
        return requests.get(f"{self.target}/desktop/listing?type={kind}", timeout=30).content

    def give_items(self) -> str:
        """The finance user gives in the list of items that AutoCount saves; what the page says."""
        items = requests.get(f"{self.target}/desktop/items", timeout=30).content
        siti = self.visitor(FINANCE)
        form = read(siti.get(f"{BASE}/mappings/lists")).one("form", id="listform")
        given = {**form.fields(), "target": "autocount_excel", "kind": "item"}
        given.pop("file", None)
        path = f"{siti.address}{form.attributes['action']}"
        files = {"file": ("items.xlsx", items)}
        headers = {"Referer": path}
        answer = siti.session.post(path, data=given, files=files, headers=headers, timeout=60)
        assert answer.ok, read(answer.text).text[:800]
        work(self)
        return read(answer.text).text

    def states(self) -> dict[str, str]:
        """Number -> state of each posting."""
        return dict(rows(self, "SELECT number, state FROM posting"))

    def made(self) -> list[tuple[str, str]]:
        """(effect, number) of each document in AutoCount's ledger."""
        done = ("created", "updated")
        return [(c["effect"], c["number"]) for c in self.calls() if c["effect"] in done]


@contextmanager
def opened_desktop(product: Product, rules: str = "") -> Iterator[Desktop]:
    """The company with AutoCount desktop beside it, under these rules or the usual ones."""
    ledger = product.folder / "ledger"
    words = ("simulate", "autocount_excel", "--port", "0", "--ledger", str(ledger))
    with product.started(*words) as target:
        assert target.stdout
        url = json.loads(target.stdout.readline())["url"]
        made = Desktop(product, "", url, ledger, SECRET, _furnish(product, rules))
        with made.doors:
            open_doors(made)
            yield made


def _furnish(product: Product, text: str) -> dict[str, str]:
    product.prepare()
    rules = product.folder / "rules"
    rules.mkdir()
    (rules / RULES.name).write_text(text or RULES.read_text("utf-8"), "utf-8")
    by_admin = (*COMPANY, "--as", ADMIN)
    emails = [f"{role}@kedai.example" for role in ROLES]
    sets = [word for pair in SETTINGS.items() for word in ("--set", "=".join(pair))]
    name = "autocount_excel"
    commands: list[tuple[str, ...]] = [
        ("migrate",),
        ("company", "add", CURRENT_COMPANY, "--name", "Kedai Contoh Sdn Bhd"),
        *(("user", "add", one, *COMPANY, "--role", one.partition("@")[0]) for one in emails),
        ("connection", "add", "netshop", *by_admin, "--side", "source"),
        ("connection", "key", "netshop", *by_admin),
        ("connection", "add", name, *by_admin, "--side", "target", *TABLE, *sets),
        ("connection", "test", name, *by_admin),
        ("rules", "push", str(rules), *COMPANY, "--as", "consultant@kedai.example"),
        ("publish", "1", *COMPANY, "--as", "publisher@kedai.example"),
    ]
    ran = run_all(product, commands, {3 + len(emails): SECRET})
    for words, one in zip(commands, ran, strict=True):
        assert one.code in (0, None), f"{words}\n{one.out}\n{one.err}"
    product.let_live()
    told = [one.out.split("only now: ")[1].split()[0] for one in ran[2 : 2 + len(emails)]]
    return dict(zip(emails, told, strict=True))
