"""Records of a shop that clears for three targets, delivered, judged and posted, all together once.

Here: the records, what comes of them, and what then takes away the causes of their holds. Not
here: what a test asks of it (test_rule_gaps.py), the rules (gap.rules), the company (trader.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.acceptance.depot import Body, day
from tests.acceptance.houses import COMPANY
from tests.acceptance.parts import Part, hold_links, read
from tests.acceptance.product import ADMIN, Visitor
from tests.acceptance.quiet import BASE, rows, send
from tests.acceptance.trader import Trader

PIECE = {"uom": "PCS", "qty": "1", "tax": "NONE"}
TEN = {**PIECE, "qty": "10"}
THREE = [{**PIECE, "price": "10.04", "tax": "SST"}] * 3
TINS = {"NS-601": "C25845632020", "NS-602": "EI00000000010", "NS-603": "IG115002000"}
NO_TINS = {"NS-611": "C25845632021", "NS-612": "EI00000000050", "NS-613": "CS0123450"}
HOLDS = """
SELECT record.number, hold.route, hold.code, team.name, hold.message, hold.clears FROM hold
JOIN record ON record.id = hold.record_id LEFT JOIN team ON team.id = hold.team_id
WHERE hold.state = 'open' ORDER BY hold.id
"""


def sold(number: str, *lines: Mapping[str, str], **changes: Any) -> Body:
    """A paid order, of five cartons of tea unless its lines say otherwise."""
    tea = {"sku": "TEA", "name": "Tea", "uom": "CTN", "qty": "5", "price": "42.00", "tax": "SST"}
    return {
        "kind": "order",
        "number": number,
        "status": "paid",
        "ordered_on": day(4),
        "paid_at": f"{day(2)}T10:00:00+08:00",
        "currency": "MYR",
        "customer": "C-77",
        "agent": "Ali",
        "total": "231.00",
        "lines": [{"pos": at, **tea, **line} for at, line in enumerate(lines or ({},), start=1)],
        **changes,
    }


def brought(order: str) -> Body:
    """The delivery without which AutoCount gets no invoice."""
    line = {"pos": 1, "sku": "TEA", "uom": "CTN", "qty": "5"}
    return {
        "kind": "delivery",
        "number": f"D-{order}",
        "order_number": order,
        "status": "done",
        "delivered_on": day(3),
        "customer": "C-77",
        "lines": [line],
    }


def bought(number: str, supplier: str) -> Body:
    """A purchase that is ready to bill."""
    return {
        "kind": "purchase",
        "number": number,
        "status": "billable",
        "ordered_on": day(4),
        "supplier": supplier,
        "total": "80.00",
    }


FIRST = {
    **{number: sold(number) for number in ("NS-201", "NS-2201")},
    "NS-202": sold("NS-202", {"sku": "CUP", "name": "Cup"}),
    "NS-401": sold("NS-401", *THREE, total="33.12"),
    "NS-402": sold("NS-402", *THREE, total="33.13"),
    "NS-403": sold("NS-403", *THREE, total="33.17"),
    **{number: sold(number, tin=tin) for number, tin in {**TINS, **NO_TINS}.items()},
    "NS-701": sold("NS-701", {"sku": "SOAP", "name": "Soap"}),
    "NS-801": sold("NS-801", {**PIECE, "price": "10000.00"}, total="10000.00"),
    "NS-802": sold("NS-802", {**PIECE, "price": "10000.01"}, total="10000.01", tin="C10"),
    "NS-803": sold("NS-803", {**PIECE, "price": "10000.01"}, total="10000.01"),
    "NS-1701": sold("NS-1701", customer="C77"),
    "NS-1901": sold("NS-1901", {"sku": "tea", **TEN, "price": "3.50"}, total="35.00"),
    "NS-2001": sold("NS-2001", {"tax": "SV8"}, total="226.80"),
    "NS-2101": sold("NS-2101", {**TEN, "price": "9.00"}, total="90.00", price_level="B"),
    "NS-2102": sold("NS-2102", {**TEN, "price": "10.00"}, total="100.00", price_level="A"),
    "NS-2103": sold("NS-2103", {**TEN, "price": "10.00"}, total="100.00", price_level="B"),
    "NS-2301": sold("NS-2301", project="EXPO-26"),
    "NS-2302": sold("NS-2302", agent="Zed", project="EXPO-27"),
    "PO-1701": bought("PO-1701", "S14"),
}
"""As they come at first."""
DELIVERED = (
    *("NS-201", "NS-202", "NS-401", "NS-402", "NS-403", "NS-701", "NS-1701", "NS-1901"),
    *("NS-2001", "NS-2201", "NS-2301", "NS-2302"),
)
LOOKED_INTO = ("NS-611", "NS-802", "NS-803")
LOOKED_AT = ("NS-1701", "NS-2302", "PO-1701", *LOOKED_INTO)
"""Of these the pages are kept while they are held, of some the exception's, too."""
THEN = (
    sold("NS-403", *THREE, total="33.12"),
    sold("NS-611", tin="C25845632020"),
    sold(
        "NS-802",
        {**PIECE, "price": "10000.01"},
        total="10000.01",
        tin="C10",
        address="1 Jalan Ipoh",
    ),
    sold("NS-2001"),
    sold("NS-2103", {**TEN, "price": "9.00"}, total="90.00", price_level="B"),
)
"""What the shop corrects itself."""
FIXED = (
    ("class_of", "SOAP", "009"),
    ("class_of", "tea", "008"),
    ("agent_code", "Zed", "ALI01"),
    ("debtor", "C77", "300-C077"),
    ("item", "tea", "TEA-01"),
    ("creditor", "S14", "Ladang Teh"),
)
"""What people add to the tables."""


@dataclass
class Scene:
    """What stood in the books, what was held and what the pages said, before and after."""

    trader: Trader
    pages: dict[str, Part] = field(default_factory=dict)  # while it was held
    pane: dict[str, str] = field(default_factory=dict)  # of the exception of its first document
    holds: dict[tuple[str, str], list[tuple[str, ...]]] = field(default_factory=dict)
    first: dict[str, list[str]] = field(default_factory=dict)  # made before a cause was gone
    called: dict[str, set[str]] = field(default_factory=dict)

    def hold(self, number: str, route: str) -> tuple[str, ...]:
        """Code, team, words and way out of what held a document; there is just one."""
        (found,) = self.holds[number, route]
        return found

    def was_never_sent(self, route: str, document: str) -> bool:
        """Whether no call with it came to the target while it was held."""
        return document not in self.called[route.partition(".")[0]]

    def made(self, target: str, document: str) -> int:
        """How often the ledger of the target says that it was made."""
        return self.trader.books[target].made().count(document)

    def tab(self, number: str, document: str, tab: str, kind: str = "order") -> str:
        """What a tab says of one document of a record."""
        (link,) = {
            one.attributes["href"]
            for one in self.trader.page(kind, number).all("a")
            if one.text.startswith("look at posting ") and one.text.endswith(f", {document}")
        }
        finance = self.trader.person("finance")
        return read(finance.get(link.replace("tab=seven", f"tab={tab}"))).one("main").text

    def aiaccount(self, number: str) -> Any:
        """A document as it came to AiAccount, with the total that exists there."""
        made = [
            one
            for one in self.trader.books["aiaccount"].lines()
            if one.get("effect") == "created" and one["number"] == number
        ]
        (line,) = made
        return {**line["document"], "total": line["total"]}

    def autocount(self, number: str) -> Any:
        """A document as it stands in AutoCount."""
        return self.trader.document(number)

    def quickbooks(self, number: str) -> Any:
        """A document as it stands in QuickBooks."""
        shown = self.trader.books["quickbooks"].documents()
        (found,) = [one for one in shown if one["DocNumber"] == number]
        return found


def played(trader: Trader) -> Scene:
    """All come; what is clean is posted. Then each cause goes, and what it held is posted."""
    scene = Scene(trader)
    finance = trader.person("finance")
    by_admin = (*COMPANY, "--as", ADMIN)
    trader.take(*FIRST.values(), *map(brought, DELIVERED))  # what goes at once is compared, too
    _work(trader)
    for number, *hold in rows(trader, HOLDS):
        scene.holds.setdefault((number, hold[0]), []).append(tuple(map(str, hold[1:])))
    scene.pages = {number: trader.page(FIRST[number]["kind"], number) for number in LOOKED_AT}
    for number in LOOKED_INTO:
        pane = finance.get(hold_links(scene.pages[number])[0])
        scene.pane[number] = read(pane).one("main").text
    for name, books in trader.books.items():
        scene.first[name] = books.made()
        scene.called[name] = {str(one.get("number")) for one in books.lines()}

    for table, key, value in FIXED:
        map_missing(finance, table, key, value)
    trader.books["autocount"].control("book", products={"CUP-01": "PCS"})
    trader.take(*THEN)
    trader.product.run("connection", "test", "autocount", *by_admin)
    _work(trader)
    return scene


def map_missing(visitor: Visitor, table: str, key: str, value: str) -> None:
    """Somebody gives a missing value its entry, on the page of this table."""
    words = table.replace("_", " ").capitalize()
    (row,) = [
        one
        for one in read(visitor.get(f"{BASE}/mappings/missing")).all("tr", role="row")
        if one.one("span", cls="mono").text == key
        and any(cell.text == words for cell in one.all("td"))
    ]
    link = row.all("a", cls="btn")[0].attributes["href"].partition("#")[0]
    form = read(visitor.get(link)).one("form", cls="map-form")
    send(visitor, form, {**form.fields(), "other": value, "reason": "Agreed by telephone"})


def _work(trader: Trader) -> None:
    """Until nothing comes any more: AutoCount takes few calls at once, so minutes go by."""
    count = -1
    while count != (found := sum(len(books.made()) for books in trader.books.values())):
        count = found
        trader.work()
        trader.move(minutes=1)
