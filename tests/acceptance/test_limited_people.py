"""People of one store or blogger see its records and nothing of the others, on every way in."""

import hashlib
import hmac
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import requests

from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import wrong
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import buyer, clean, priced
from tests.acceptance.parts import read
from tests.acceptance.product import (
    ADMIN,
    APPROVER,
    CURRENT_COMPANY,
    FINANCE,
    House,
    Product,
    Visitor,
    free_environment,
    until,
)
from tests.acceptance.quiet import BASE, agree, rows, send, work

pytestmark = pytest.mark.sqlite
SECRET = "blogger-secret-of-the-test"
SHOP = {1801: "clean", 1802: "wrong", 1803: "large"}
BLOG = {1851: "clean", 1852: "wrong", 1853: "large"}
FOREIGN = re.compile(r"NS-180\d|Buyer 180\d")
API = f"/api/v1{BASE}"
OVER_COMPANIES = ("/c?q=NS-18", "/c?q=Buyer")
ABOUT_ALL = ("audit", "reconcile", "reconcile?kind=order", "signals", "operations", "notices")
"""Pages of sums, counts and events over all sources, which name no record: closed as a whole."""


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A shop and a blogger with an order each that is posted, one that is wrong, and one that
    waits for an approval.
    """
    product = Product(command, tmp_path_factory.mktemp("limited"), free_environment())
    with quiet(product, STARTER) as found:
        by_admin = (*COMPANY, "--as", ADMIN)
        words = ("connection", "add", "blogger", *by_admin, "--side", "source")
        product.run(*words, "--connector", "netshop")
        product.run("connection", "key", "blogger", *by_admin, stdin=SECRET)
        assert found.deliver(*(an_order(no, kind) for no, kind in SHOP.items())).ok
        deliver(found, *(an_order(no, kind) for no, kind in BLOG.items()))
        work(found)
        yield found


def an_order(number: int, kind: str) -> dict[str, Any]:
    if kind == "large":
        return clean(number, items=priced("3500.00"), customer=buyer(number, id="C-109"))
    return wrong(number) if kind == "wrong" else clean(number)


def deliver(house: House, *orders: dict[str, Any]) -> None:
    """A signed webhook of the blogger."""
    raw = json.dumps({"event": "order.updated", "orders": orders}).encode()
    stamp, event = str(int(time.time())), f"evt_b{orders[0]['id']}"
    signed = hmac.new(SECRET.encode(), f"{stamp}.{event}.".encode() + raw, hashlib.sha256)
    headers = {
        "Content-Type": "application/json",
        "X-NS16-Timestamp": stamp,
        "X-NS16-Signature": f"sha256={signed.hexdigest()}",
        "X-NS16-Event-Id": event,
    }
    address = f"{house.address}/hooks/{CURRENT_COMPANY}/blogger"
    answer = requests.post(address, data=raw, headers=headers, timeout=60)
    assert answer.status_code == 202, answer.text


def words(answer: requests.Response) -> str:
    """What an answer says, a workbook too."""
    if answer.content[:2] != b"PK":
        return answer.text
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    return " ".join(str(cell) for sheet in book for row in sheet.values for cell in row)


def ids(house: House) -> dict[str, list[int]]:
    """What stands behind the addresses of the shop's records."""
    theirs = "(SELECT id FROM record WHERE number LIKE 'NS-180%')"
    postings = f"(SELECT id FROM posting WHERE record_id IN {theirs})"
    sent = "SELECT request_id FROM attempt JOIN push ON push.id = attempt.push_id"
    queries = {
        "hold_id": f"SELECT id FROM hold WHERE record_id IN {theirs}",
        "request_id": f"{sent} WHERE push.posting_id IN {postings}",
        "run_id": "SELECT id FROM run",
        "posting": f"SELECT id FROM posting WHERE record_id IN {theirs}",
        "cause": f"SELECT cause_id FROM hold WHERE record_id IN {theirs}",
    }
    return {name: [row[0] for row in rows(house, query)] for name, query in queries.items()}


def addresses(house: House) -> list[str]:
    """Every address of the company and its interface, filled with what is the shop's."""
    known = ids(house)
    found: list[str] = []
    for route in house.product.json("user", "roles", "--json")["routes"]:
        path = route["address"].replace("<co>", CURRENT_COMPANY)
        if route["method"] != "GET" or not path.startswith(("/c/", "/api/")):
            continue
        path = path.replace("<source>", "netshop").replace("<kind>", "order")
        path = path.replace("<name>", "netshop")
        filled = [re.sub(r"<any\([^>]*>", ending, path) for ending in ("csv", "xlsx", "json")]
        for one in dict.fromkeys(filled):
            named = re.search(r"<int:(\w+)>|<record_id:external_id>", one)
            values = known.get(named[1] or "", [1]) if named else [0]
            if named and named[1] is None:
                values = list(SHOP)
            found += [re.sub(r"<[^>]+>", str(value), one) for value in values]
    asked = [f"holding?view={view}" for view in ("all", "approve", "mine", "ignored", "cleared")]
    asked += [f"holding?view=all&open={one}" for one in known["cause"]]
    asked += [f"holding/approve?posting={one}" for one in known["posting"]]
    asked += [f"holding/approve?cause={one}" for one in known["cause"]]
    asked += ["find?q=Buyer", "find?q=NS-18", "pushes?q=NS-18", "holding?view=all&q=Buyer"]
    return [
        *found,
        *(f"{BASE}/{one}" for one in asked),
        *OVER_COMPANIES,
        f"{API}/records?number=NS-18",
    ]


def seen(who: Visitor, paths: list[str], head: dict[str, str]) -> dict[str, tuple[int, bool]]:
    """Address -> the status, and whether anything of the shop stands in the answer."""
    found = {}
    for path in paths:
        program = head if path.startswith("/api/") else None
        url = who.address + path
        answer = who.session.get(url, headers=program, timeout=60, allow_redirects=False)
        found[path] = (answer.status_code, bool(FOREIGN.search(words(answer))))
    return found


def limited_on_the_page(house: House, email: str) -> str:
    """An administrator ticks the blogger for a person; what the page then says."""
    admin = house.visitor(ADMIN)
    [(person,)] = rows(house, "SELECT id FROM person WHERE email = ?", email)
    form = read(admin.get(f"{BASE}/people/{person}")).one("form", id="sourcesform")
    labels = {part.text.strip(): part for part in form.all("label")}
    box = labels["blogger"].one("input", name="source").attributes["value"]
    return send(admin, form, {**form.fields(), "source": box})


def test_A18_who_is_limited_to_a_source_finds_nothing_of_the_others(house: House) -> None:
    finance, product = house.visitor(FINANCE), house.product
    made = product.run("token", "add", FINANCE, *COMPANY, "--name", "x", "--scope", "record.read",
                       "--scope", "hold.assign")  # fmt: skip
    head = {"Authorization": f"Bearer {made.stdout.split('only now: ')[1].strip()}"}
    paths = addresses(house)
    before = seen(finance, paths, head)
    open_to_all = [path for path, (_, told) in before.items() if told]
    assert len(open_to_all) > 20, "there is something to hide"
    assert {path.split("?")[0].split("/")[3] for path in open_to_all if path.startswith(BASE)} >= {
        "holding",
        "records",
        "find",
        "pushes",
    }
    assert set(OVER_COMPANIES) <= set(open_to_all)

    assert "finance sees only records of blogger." in limited_on_the_page(house, FINANCE)
    [(body,)] = rows(house, "SELECT body FROM event WHERE act = 'person.sources'")
    assert "finance sees only records of blogger." in body
    after = seen(finance, paths, head)
    assert [path for path, (_, told) in after.items() if told] == []
    for path, (status, _) in after.items():
        if re.search(r"/holding/\d+|/records/netshop/|/requests/\d+/body|/runs/\d+", path):
            assert status in (403, 404), path
            assert status == 404 or before[path][0] == 403 or "/escalat" in path, path
    for page in ABOUT_ALL:
        refused = finance.get(f"{BASE}/{page}", code=403)
        assert "You cannot open this page, because you work with some sources only" in refused

    board = read(finance.get(f"{BASE}/"))
    held = read(finance.get(f"{BASE}/holding?view=all"))
    assert "2 records" in held.text
    assert "On hold2" in held.one("nav", id="nav").text
    assert re.search(r"\breceived ?3\b", board.text), "what came today, of the six"
    assert not FOREIGN.search(board.text)
    for number in BLOG:
        assert f"NS-{number}" in finance.get(f"{BASE}/records/blogger/order/{number}")
        assert f"NS-{number}" in finance.get(f"{BASE}/find?q=Buyer")
    assert "NS-1851" in finance.get(f"{BASE}/pushes")
    told = requests.get(f"{house.address}{API}/holds", headers=head, timeout=30).json()
    assert {one["number"] for one in told["holds"]} == {"NS-1852", "NS-1853"}


def test_approving_and_releasing_end_where_the_sources_do(house: House) -> None:
    product, approver = house.product, house.visitor(APPROVER)
    unknown = product.run("user", "sources", APPROVER, *COMPANY, "--source", "nobody", code=1)
    assert "Unknown source nobody" in unknown.stdout + unknown.stderr
    said = product.run("user", "sources", APPROVER, *COMPANY, "--source", "blogger").stdout
    assert "sees only records of blogger." in said
    postings = dict(rows(house, "SELECT number, id FROM posting WHERE state = 'held'"))
    holds = dict(rows(house, "SELECT number, id FROM hold WHERE state = 'open'"))
    mine = approver.get(f"{BASE}/holding/{holds['NS-1852']}")
    for act in ("release", "reject"):
        path = f"{BASE}/holding/{holds['NS-1802']}/{act}"
        assert approver.post(path, mine, reason="Checked").status_code == 404
    own = approver.get(f"{BASE}/holding/approve?posting={postings['NS-1853']}")
    form = read(own).one("form", cls="ask")
    [seen] = [part.attributes["value"] for part in form.all("input", name="seen")]
    [(other,)] = rows(house, "SELECT hash FROM posting WHERE id = ?", postings["NS-1803"])
    theirs = seen.replace(str(postings["NS-1853"]), str(postings["NS-1803"]), 1)
    theirs = theirs.replace(seen.split(":")[1], other)
    approver.post(
        form.attributes["action"], own, **{**form.fields(), "seen": theirs, "reason": "x"}
    )
    assert rows(house, "SELECT count(*) FROM approval") == [(0,)]
    assert "1 approved" in agree(approver, postings["NS-1853"])
    work(house)
    until(lambda: "NS-1853" in house.created(), "the blogger's own invoice is there")
    assert not {"NS-1802", "NS-1803"} & set(house.created())
    assert (
        "sees records of all sources."
        in product.run("user", "sources", APPROVER, *COMPANY, "--all").stdout
    )
    assert "NS-1803" in approver.get(f"{BASE}/holding/inbox")
