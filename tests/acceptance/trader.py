"""A company that posts to AiAccount, AutoCount or QuickBooks, each with a stand-in of its own.

Here: furnishing it, what stands in the books of each target. Not here: the rules and the records
(gap.rules, gaps_at_work.py), what a test asks of it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.acceptance.depot import SECRET, Depot
from tests.acceptance.houses import COMPANY, TABLE, open_doors
from tests.acceptance.many import run_all
from tests.acceptance.product import ADMIN, CURRENT_COMPANY, SIMULATOR_KEY, Product
from tests.support.simulator import ledger_lines

ROLES = ("finance", "approver", "consultant", "publisher", "admin")
SETTINGS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "aiaccount": (
        SIMULATOR_KEY,
        {"company_id": "CMP-1042", "company_name": "Kedai Contoh Sdn Bhd"},
    ),
    "autocount": (
        "acc_demo_9Tq4Lx",
        {"company_id": "1042", "key_id": "cp-demo", "locked_through": "none"},
    ),
    "quickbooks": (
        "qbo-client-3Rk9:qbo-refresh-5Mx8-0",
        {"company_id": "9130347", "client_id": "AB-clearpost-app"},
    ),
}
"""The key of each stand-in, and what a connection is told beside its address."""
DONE = ("created", "updated", "voided")


@dataclass(frozen=True)
class Books:
    """The stand-in of one target: where it listens, and its own ledger."""

    url: str
    ledger: Path

    def control(self, act: str, **given: Any) -> None:
        """What a person changes there."""
        answer = requests.post(f"{self.url}/_sim/{act}", json=given, timeout=10)
        assert answer.ok, answer.text

    def made(self) -> list[str]:
        """The numbers of the documents that were made there, by its ledger."""
        return [one["number"] for one in self.lines() if one.get("effect") == "created"]

    def lines(self) -> list[dict[str, Any]]:
        """All of its ledger."""
        return ledger_lines(self.ledger)

    def called(self, word: str) -> list[dict[str, Any]]:
        """Every call of which its ledger says this word."""
        return [one for one in self.lines() if word in json.dumps(one)]

    def documents(self) -> list[Any]:
        """What exists there now."""
        told = requests.get(f"{self.url}/_sim/documents", timeout=10).json()["documents"]
        return list(told.values()) if isinstance(told, dict) else list(told)


class Trader(Depot):
    """The company; its work waits until it is told to be done."""

    books: dict[str, Books]


@contextmanager
def opened_trader(
    product: Product, rules: Path, *targets: str, teams: Sequence[str]
) -> Iterator[Trader]:
    """The company under these rules; pages are served, workers run when told."""
    with ExitStack() as stack:
        books = {}
        for name in targets:
            ledger = product.folder / f"{name}.jsonl"
            # The moved clock passes hours within a minute of AutoCount's own, whose limit rises.
            more = ("--calls-a-minute", "10000") if name == "autocount" else ()
            words = ("simulate", name, "--port", "0", "--ledger", str(ledger), *more)
            target = stack.enter_context(product.started(*words))
            assert target.stdout
            books[name] = Books(json.loads(target.stdout.readline())["url"], ledger)
        if "autocount" in books:
            _open_book(books["autocount"])
        passwords = _furnish(product, books, rules, teams)
        at = books.get("autocount") or books[targets[0]]
        found = Trader(product, "", at.url, at.ledger, SECRET, passwords)
        found.books = books
        stack.enter_context(found.doors)
        open_doors(found)
        yield found


def _open_book(autocount: Books) -> None:
    """What the company has entered in AutoCount before."""
    autocount.control(
        "book",
        debtors=["300-C077"],
        agents=["ALI01"],
        products={"TEA-01": "PCS", "SOAP-01": "PCS", "CUP-01": "BOX"},
        tax_codes={"MY-SALES10": "10"},
    )


def _furnish(
    product: Product, books: Mapping[str, Books], rules: Path, of_teams: Sequence[str]
) -> dict[str, str]:
    product.prepare()
    emails = [f"{role}@kedai.example" for role in ROLES]
    teams = [word for team in of_teams for word in ("--team", team)]
    by_admin = (*COMPANY, "--as", ADMIN)
    commands: list[tuple[str, ...]] = [
        ("migrate",),
        ("company", "add", CURRENT_COMPANY, "--name", "Kedai Contoh Sdn Bhd"),
        *(
            ("user", "add", email, *COMPANY, "--role", role, *teams)
            for email, role in zip(emails, ROLES, strict=True)
        ),
        ("connection", "add", "intake", *by_admin, "--side", "source"),
        ("connection", "key", "intake", *by_admin),
    ]
    said = {len(commands) - 1: SECRET}
    for name, its in books.items():
        (key, settings), url = SETTINGS[name], its.url
        told = {"base_url": url, **settings}
        if name == "quickbooks":
            told["token_url"] = f"{url}/oauth2/v1/tokens/bearer"
        pairs = [word for one in told.items() for word in ("--set", "=".join(one))]
        said[len(commands) + 1] = key
        commands += [
            ("connection", "add", name, *by_admin, "--side", "target", *TABLE, *pairs),
            ("connection", "key", name, *by_admin),
            ("connection", "test", name, *by_admin),
        ]
    commands += [
        ("rules", "push", str(rules), *COMPANY, "--as", "consultant@kedai.example"),
        ("publish", "1", *COMPANY, "--as", "publisher@kedai.example"),
    ]
    ran = run_all(product, commands, said)
    for words, one in zip(commands, ran, strict=True):
        assert one.code in (0, None), f"{words}\n{one.out}\n{one.err}"
    product.let_live()
    passwords = [one.out.split("only now: ")[1].split()[0] for one in ran[2 : 2 + len(emails)]]
    return dict(zip(emails, passwords, strict=True))
