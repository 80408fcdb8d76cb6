"""A company of London with a shop and hand-made deliveries; its target is not asked anything.

Here: furnishing and opening it, a further publish. Not here: what a test asks of it.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.acceptance.houses import COMPANY, open_doors
from tests.acceptance.many import run_all
from tests.acceptance.product import ADMIN, CURRENT_COMPANY, House, Product

RULES = Path(__file__).with_name("london.rules")
ROLES = ("finance", "consultant", "publisher", "admin")
SECRET = "netshop-secret-of-the-test"


@contextmanager
def opened_london(product: Product, folder: Path, rules: str) -> Iterator[House]:
    """The company under these rules; its pages are served, and its work waits."""
    emails = {role: f"{role}@kedai.example" for role in ROLES}
    people = [("user", "add", one, *COMPANY, "--role", role) for role, one in emails.items()]
    own = ("--zone", "Europe/London", "--currency", "GBP")
    source = (*COMPANY, "--as", ADMIN, "--side", "source")
    product.prepare()
    told = run_all(
        product,
        [
            ("migrate",),
            ("company", "add", CURRENT_COMPANY, "--name", "Clerkenwell Tea", *own),
            *people,
            ("connection", "add", "netshop", *source),
            ("connection", "key", "netshop", *COMPANY, "--as", ADMIN),
            ("connection", "add", "intake", *source),
            ("connection", "key", "intake", *COMPANY, "--as", ADMIN),
            ("connection", "add", "autocount", *COMPANY, "--as", ADMIN, "--side", "target"),
            *_published(folder, rules, 1),
        ],
        {3 + len(people): SECRET, 5 + len(people): SECRET},
    )
    assert not [one for one in told if one.code not in (0, None)]
    product.let_live()
    secrets = [one.out.split("only now: ")[1].split()[0] for one in told[2 : 2 + len(people)]]
    passwords = dict(zip(emails.values(), secrets, strict=True))
    made = House(product, "", "", folder / "ledger", SECRET, passwords)
    with made.doors:
        open_doors(made)
        yield made


def publish(house: House, folder: Path, rules: str, no: int) -> None:
    """Other rules come into force."""
    told = run_all(house.product, _published(folder, rules, no))
    assert not [one for one in told if one.code not in (0, None)]


def take(house: House, *records: Mapping[str, Any]) -> None:
    """A signed delivery of hand-made records."""
    raw, stamp = json.dumps({"records": records}).encode(), str(int(time.time()))
    event = f"evt_{next(house._events)}"
    digest = hmac.new(SECRET.encode(), f"{stamp}.{event}.".encode() + raw, hashlib.sha256)
    headers = {
        "X-Clearpost-Timestamp": stamp,
        "X-Clearpost-Signature": f"sha256={digest.hexdigest()}",
        "X-Clearpost-Event-Id": event,
    }
    address = f"{house.address}/hooks/{CURRENT_COMPANY}/intake"
    answer = requests.post(address, data=raw, headers=headers, timeout=60)
    assert answer.status_code == 202, answer.text


def _published(folder: Path, rules: str, no: int) -> list[tuple[str, ...]]:
    place = folder / f"rules-{no}"
    place.mkdir()
    (place / "shop.rules").write_text(rules, "utf-8")
    return [
        ("rules", "push", str(place), *COMPANY, "--as", "consultant@kedai.example"),
        ("publish", str(no), *COMPANY, "--as", "publisher@kedai.example"),
    ]
