"""Rule sets to begin with, on the command line: names, moments, and who is one party."""

import json
import re
from pathlib import Path

from tests.acceptance.depot import day
from tests.acceptance.parts import read, state
from tests.acceptance.product import Product
from tests.acceptance.quiet import BASE
from tests.acceptance.template_records import (
    AT,
    append,
    begin,
    findings,
    order,
    purchase,
    receipt,
    sold,
    written,
)
from tests.acceptance.trader import opened_trader

TIMING = Path(__file__).with_name("timing.rules")
SPELLINGS = (
    "Kedai Maju Sdn. Bhd.",
    "KEDAI MAJU SDN BHD",
    "kedai maju, sdn bhd",
    "Kedai-Maju Sdn.Bhd",
    "  Kedai  Maju Sdn Bhd ",
    "Kedai Maju (SDN) BHD",
)
NEAR_MISS = "Kedai Maju Jaya Sdn Bhd"


MISSES = {
    "customer_of_name": ("sales_admin", order(1, customer="C-404", customer_name="Nobody")),
    "vendor_ref": ("purchasing", purchase(2, supplier="S-404")),
    "item_ref": ("sales_admin", order(3, {"sku": "CUP-5"})),
    "location": ("sales_admin", order(4, branch="Klang")),
    "units": ("sales_admin", order(5, {"uom": "DRUM"})),
    "tax_ref": ("tax_desk", order(6, {"tax": "SR-6"})),
    "agreed_level": ("sales_admin", order(7, customer="C-80", customer_name="Lim Trading")),
    "sales_rep": ("sales_admin", order(8, agent="ABU")),
    "class_of_project": ("accounts", order(9, project="EXPO-27")),
}
"""Table -> whose it is, and a record that misses one entry of it."""


def test_B05_each_missing_name_holds_under_its_own_table(product: Product) -> None:
    rules = begin(product, "orders-quickbooks")
    append(rules / "maps" / "customers.csv", "C-80,Lim Trading,,,65,")  # no level was agreed
    records = written(product, (record for _, record in MISSES.values()))
    told = product.json("preflight", str(rules), records, *AT, "--json", code=1)
    assert told["blocked"] == told["records"] == 9
    missing = {each["table"]: each for each in told["missing"]}
    assert missing.keys() == {*MISSES, "tax_rate"}
    for table, (owner, _) in MISSES.items():
        assert (missing[table]["owner"], missing[table]["records"]) == (owner, 1)
        assert missing[table]["code"] == _code(table)

    undated = order(10, ordered_on=None, agent="ABU", project="EXPO-27", branch="Klang")
    held = findings(product, rules, undated)
    assert held.keys() == {"ordered_on", "sales_rep", "class_of_project", "location"}
    assert (held["ordered_on"]["code"], held["ordered_on"]["owner"]) == ("MIS01", "sales_admin")
    causes = {each["cause_key"] for each in held.values()}
    assert causes == {
        "field:ordered_on",
        "mapping:sales_rep:ABU",
        "mapping:class_of_project:EXPO-27",
        "mapping:location:Klang",
    }
    _nine_tables_on_the_pages(product, rules)


def _words(table: str) -> str:
    return table.replace("_", " ")


def _code(table: str) -> str:
    return "UOM01" if table == "units" else "MAP01"


def _nine_tables_on_the_pages(product: Product, rules: Path) -> None:
    """The template in force: each miss is held with code and table, which lead to the entries."""
    home = Product(product.command, product.folder / "company", product.env)
    home.folder.mkdir()
    teams = ("accounts", "sales_admin", "tax_desk", "purchasing")
    with opened_trader(home, rules, "quickbooks", teams=teams) as trader:
        bodies = {
            table: {"kind": record["kind"], **record["body"], "ordered_on": day(3)}
            for table, (_, record) in MISSES.items()
        }
        trader.take(*bodies.values())
        finance = trader.person("finance")
        told = {}
        for table, body in bodies.items():
            page = trader.page(body["kind"], body["number"])
            assert state(page) == "On hold"
            holds = {
                a.attributes["href"] for a in page.all("a") if "/holding/" in a.attributes["href"]
            }
            for hold in holds:
                pane = read(finance.get(hold))
                links = pane.all("a", cls="finding-code")
                if links and links[0].text == _words(table).capitalize():
                    (code,) = {part.text for part in pane.all("code")} & {"MAP01", "UOM01"}
                    told[f"{links[0].text} {code}"] = links[0].attributes["href"]
        assert told == {
            f"{_words(table).capitalize()} {_code(table)}": f"{BASE}/mappings/{table}"
            for table in MISSES
        }
        listed = {
            link.text: link.attributes["href"]
            for row in read(finance.get(f"{BASE}/mappings/missing")).all("tr", role="row")
            for link in row.all("a", cls="table-link")
        }
        names = (*MISSES, "tax_rate")
        assert listed == {_words(name).capitalize(): f"{BASE}/mappings/{name}" for name in names}
        for table in MISSES:
            assert (
                read(finance.get(listed[_words(table).capitalize()])).one("h1").text
                == _words(table).capitalize()
            )
        assert trader.books["quickbooks"].made() == []


def test_B06_what_each_target_must_be_told_is_counted_before_delivery(product: Product) -> None:
    rules = begin(product, "orders-quickbooks")
    records = written(
        product,
        (
            order(1),
            order(2, {"tax": "SR-6"}),
            order(3, customer="C-404", customer_name="Nobody"),
            order(4, {"sku": "cup-4"}),
            order(5, branch="Klang"),
            order(6, branch="Klang"),
            order(7, status="cancelled", branch="Ipoh"),  # never sent, so it lacks nothing
            purchase(8, supplier="S-404"),
            purchase(9, {"sku": "TEA-9"}),
            receipt(10, method="BOOST"),
        ),
    )
    told = product.json("preflight", str(rules), records, *AT, "--json", code=1)
    _of_a_running_company(product, rules)
    counts = {each["kind"]: (each["records"], each["blocked"]) for each in told["needs"]}
    assert counts == {
        "account": (3, 2),
        "tax": (8, 1),
        "currency": (7, 0),
        "customer": (7, 1),
        "vendor": (2, 1),
        "item": (6, 1),
        "warehouse": (8, 2),
        "payment_method": (1, 1),
        "payment_term": (0, 0),
    }
    required = {each["kind"] for each in told["needs"] if each["required"]}
    assert required == {"account", "tax", "customer", "vendor", "item"}
    assert (told["records"], told["blocked"]) == (10, 8)
    assert told["missing"][0]["key"] == "Klang"

    maps = {
        "customers": "C-404,Nobody,,,66,TRADE",
        "branches": "Klang,3",
        "vendors": "S-404,,79",
        "items": "TEA-9,19,81",
        "methods": "BOOST,9,38",
    }
    for name, row in maps.items():
        append(rules / "maps" / f"{name}.csv", row)
    names = rules / "names.rules"
    text = names.read_text("utf-8")
    for known, more in (('"SST"   -> "5"', '"SR-6" -> "6"'), ('"SST"   -> 10%', '"SR-6" -> 6%')):
        assert known in text
        text = text.replace(known, f"{known}\n    {more}")
    names.write_text(text, "utf-8")
    shown = product.run("preflight", str(rules), records, *AT, code=1).stdout
    assert "10 records, 1 blocked." in shown
    (gap,) = shown.partition("Missing:\n")[2].splitlines()
    assert gap.startswith('  item_ref "cup-4": 1, sales_admin. Item cup-4 is not mapped')
    _each_target_needs_its_own(product, set(counts) - {"payment_term"}, required)


def _of_a_running_company(product: Product, rules: Path) -> None:
    """What is stored, with the mappings and lists of now: what was posted is no longer counted, and
    the accounting system is not called.
    """
    home = Product(product.command, product.folder / "company", product.env)
    home.folder.mkdir()
    teams = ("accounts", "sales_admin", "tax_desk", "purchasing")
    with opened_trader(home, rules, "quickbooks", teams=teams) as trader:
        quickbooks = trader.books["quickbooks"]
        waiting = (
            order(2, {"tax": "SR-6"}),
            order(3, customer="C-404", customer_name="Nobody"),
            order(4, {"sku": "cup-4"}),
            order(5, branch="Klang"),
            order(7, status="cancelled", branch="Ipoh"),
            purchase(8, supplier="S-404"),
        )
        bodies = [
            {"kind": one["kind"], **one["body"], "ordered_on": day(3)}
            for one in (order(1), *waiting)
        ]
        trader.take(*bodies)
        assert quickbooks.made() == ["NS-1-1"]  # of an order that may be billed in parts
        calls = len(quickbooks.lines())
        company = ("preflight", "--company", "kedai", "--as", "finance@kedai.example")
        told = home.json(*company, "--json", code=1)
        assert (told["records"], told["blocked"]) == (6, 5)
        blocked = {each["kind"]: each["blocked"] for each in told["needs"]}
        assert blocked == {
            "account": 0,
            "tax": 1,
            "currency": 0,
            "customer": 1,
            "vendor": 1,
            "item": 1,
            "warehouse": 1,
            "payment_method": 0,
            "payment_term": 0,
        }
        assert {each["key"] for each in told["missing"]} >= {"SR-6", "Nobody", "cup-4", "Klang"}
        assert "6 records, 5 blocked." in home.run(*company, code=1).stdout
        assert len(quickbooks.lines()) == calls
        alone = home.run("preflight", "--company", "kedai", code=2)
        assert "--as" in alone.stderr


def _each_target_needs_its_own(product: Product, all_kinds: set[str], before: set[str]) -> None:
    """AutoCount knows the same kinds and insists on others; AiAccount stocks nothing."""
    bag = {"sku": "RICE-5", "uom": "BAG", "qty": "100", "price": "19.00", "tax": "NONE"}
    changes = {"status": "approved", "supplier": "S-14", "branch": "Ipoh", "total": "1900.00"}
    records = written(product, [purchase(310, bag, **changes)])
    product.run("init", "autocount", "--template", "orders-autocount")
    product.run("init", "aiaccount", "--template", "netshop-aiaccount")
    needs = {}
    for name, code in (("autocount", 1), ("aiaccount", 0)):
        told = product.json("preflight", name, records, *AT, "--json", code=code)
        needs[name] = {each["kind"]: each for each in told["needs"] if each["named"]}
    assert {kind: one["blocked"] for kind, one in needs["autocount"].items()} == {
        **dict.fromkeys(all_kinds - {"currency"}, 0),  # the debtor's own, in AutoCount
        "warehouse": 1,
    }
    required = {kind for kind, one in needs["autocount"].items() if one["required"]}
    assert required == {"account", "customer", "vendor", "payment_method"} != before
    assert set(needs["aiaccount"]) == {"account", "tax", "currency", "customer", "item"}


def test_each_way_out_is_judged_by_its_moment(product: Product) -> None:
    rules = product.folder / "timing.rules"
    rules.write_bytes(TIMING.read_bytes())
    told = product.json("test", str(rules), "--json")
    assert (told["tests"], told["failed"]) == (11, 0)

    paid = {
        "number": "NS-1",
        "status": "paid",
        "created_by": "Mei Ling",
        "ordered_on": "2026-11-18",
        "customer": "58",
        "total": "100.00",
    }
    file = product.folder / "order.json"
    file.write_text(json.dumps(paid), "utf-8")

    def states(at: str) -> dict[str, str]:
        words = ("try", str(rules), str(file), "--kind", "order", "--at", at, "--json")
        found = product.json(*words, code=1)["decisions"]
        return {each["route"].split(".")[1]: each["state"] for each in found}

    before = states("2026-11-18T17:59:59")  # 01:59:59 in Kuala Lumpur
    assert before == {
        "sales_receipt": "ready",
        "expense_payment": "held",
        "payment": "waiting",
        "bill_payment": "waiting",
        "expense_bill": "held",
    }
    assert states("2026-11-18T18:00:00") == {**before, "bill_payment": "ready"}

    text = rules.read_text("utf-8")
    rules.write_text(text.replace("at 02:00 by", "at 03:00 by"), "utf-8")
    told = product.json("test", str(rules), "--json", code=1)
    red = {each["test"] for each in told["results"] if not each["passed"]}
    assert red == {"in the night: not a minute before", "in the night: at two"}


def test_B14_six_spellings_are_one_party_and_a_near_miss_is_none(product: Product) -> None:
    rules = begin(product, "orders-quickbooks")
    unknown = "C-{}"
    names = [
        order(100 + at, customer=unknown.format(at), customer_name=name, total="11.00")
        for at, name in enumerate((*SPELLINGS, NEAR_MISS), start=900)
    ]
    numbers = [
        order(1, customer="C-910", customer_name="KM", registration="201801012345 1267890X"),
        order(2, customer="C-911", customer_name="KM", registration="201801012345-(1267890-x)"),
        order(3, customer="C-912", customer_name="KM", registration="201801012345 (1267891-X)"),
        order(4, customer="C-913", customer_name="KM", tin="C 2233 4455 660"),
    ]
    records = written(product, (*names, *numbers))
    told = product.json("preflight", str(rules), records, *AT, "--json", code=1)
    groups = {
        each["table"]: (each["value"], each["numbers"])
        for each in told["entries"]
        if each["table"].startswith("customer_of")
    }
    assert groups == {
        "customer_of_name": ("58", [f"NS-{number}" for number in range(1000, 1006)]),
        "customer_of_registration": ("58", ["NS-1", "NS-2"]),
        "customer_of_tin": ("58", ["NS-4"]),
    }
    apart = {each["key"] for each in told["missing"] if each["table"] == "customer_of_name"}
    assert apart == {NEAR_MISS, "KM"}

    parties = rules / "parties.rules"
    kept = parties.read_text("utf-8").replace(
        "    unique by name_key, ordered_on, total in history\n", ""
    )
    parties.write_text(kept, "utf-8")
    told = product.json("test", str(rules), "--json", code=1)
    red = [each["test"] for each in told["results"] if not each["passed"]]
    assert len(red) == 1
    assert "another spelling of the name" in red[0]

    _parties_in_the_books(product)


def _parties_in_the_books(product: Product) -> None:
    """The template in force: one party in QuickBooks, however it is spelled; nothing goes twice."""
    home = Product(product.command, product.folder / "company", product.env)
    home.folder.mkdir()
    rules = begin(home, "orders-quickbooks")
    teams = ("accounts", "sales_admin", "tax_desk")
    with opened_trader(home, rules, "quickbooks", teams=teams) as trader:
        named = {f"NS-{100 + at}": name for at, name in enumerate((*SPELLINGS, NEAR_MISS))}
        numbered = {
            "NS-201": {"registration": "201801012345 1267890X"},
            "NS-202": {"registration": "201801012345-(1267890-x)"},
            "NS-203": {"registration": "201801012345 (1267891-X)"},  # another's
            "NS-204": {"tin": "C22334455660"},
            "NS-205": {"tin": "C 2233 4455 660"},  # held: the tax office takes no spaces
        }
        trader.take(
            *(
                sold(at, number, customer_name=name)
                for at, (number, name) in enumerate(named.items())
            ),
            *(sold(at, number, **by) for at, (number, by) in enumerate(numbered.items(), start=20)),
        )
        books = trader.books["quickbooks"]
        assert sorted(books.made()) == ["NS-201-1", "NS-202-1", "NS-204-1"]
        near = named.popitem()[0]
        for number, name in named.items():
            known = f"Matched by name only: {' '.join(name.split())} is customer 58"
            assert known in trader.page("order", number).text
        for number, name in ((near, NEAR_MISS), ("NS-203", "KM")):
            page = trader.page("order", number)
            assert state(page) == "On hold"
            assert f"No QuickBooks customer is named {name}." in page.text
            assert "customer 58" not in page.text

        again = sold(21, "NS-301", customer_name="K.M. (Sdn)", registration="201801012345 1267890X")
        twin = {**again, "customer_name": "km sdn"}
        trader.take(again)
        trader.take({**twin, "number": "NS-302"})
        page = trader.page("order", "NS-302")
        assert state(page) == "On hold"
        assert "compare NS-302 with the earlier order" in page.text
        assert not books.called("NS-302")

        approver = trader.person("approver")
        holds = [a.attributes.get("href", "") for a in trader.page("order", "NS-102").all("a")]
        link = next(one for one in holds if re.search(r"/holding/\d+$", one))
        answer = approver.post(f"{link}/release", approver.get(link), reason="It is Kedai Maju")
        assert answer.ok, answer.text[:500]
        trader.work()
        parties = {one["DocNumber"]: one["CustomerRef"]["value"] for one in books.documents()}
        made = ("NS-102-1", "NS-201-1", "NS-202-1", "NS-204-1", "NS-301-1")
        assert parties == dict.fromkeys(made, "58")
