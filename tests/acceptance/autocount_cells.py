"""What happens to each posted document of the AutoCount template, cell by cell, as its tables say.

Here: the cases, and the test in which a record comes into each. Not here: the tables
(rule_tables.py), records of a company that is served (depot_cells.py).
"""

import itertools
from collections.abc import Iterator, Sequence

from tests.acceptance.rule_tables import CANCEL, LOCKS, Cell, Tables, strictness

FIVE = {
    "update": "update",
    "credit note and new": "create new",
    "block": "block",
    "void": "reverse",
    "credit note": "reverse",
    "review": "manual review",
}
NOTHING = "rest"  # the group of what no document shows: nothing is to be done about it
AGES, GOODS = {"71h": "<= cancel_window", "73h": "> cancel_window"}, ("none", "partly", "whole")
SETTLED = "settled"  # cancelled, and its refunds come to its total: its documents stay
REFUNDS = {"soap": "refunds = (one_bag_back, all_the_other_back)"}
"""What settles a cancelled order."""
BILLED = "invoice"  # what is delivered of an order; without goods, nothing of it is left
SAMPLES = {
    "invoice": "soap",
    "sales_order": "soap",
    "purchase_order": "rice",
    "delivery_order": "second_van",
    "goods_received_note": "lorry",
    "credit_note": "one_bag_back",
    "ar_payment": "paid",
    "ap_invoice": "week_46",
    "ap_payment": "withheld",
}
APPROVED = "version = 4, approved_version = 4"
WHAT = {
    "soap": {
        "amounts": f"line 2.price = 20.00, total = 411.20, {APPROVED}",
        "party": f'branch = "JB", {APPROVED}',
        "not_ready": "status = draft",
        "rest": 'created_by = "Suresh"',
        "overbilled": "deliveries = (first_van)",
    },
    "rice": {
        "amounts": f"line 1.price = 18.00, total = 1800.00, {APPROVED}",
        "party": f'branch = "JB", {APPROVED}',
        "not_ready": "status = draft",
        "rest": "status = sent",
    },
    "second_van": {
        "goods": "line 1.qty = 40",
        "not_ready": "status = open",
        "rest": 'order_number = "1009"',
    },
    "lorry": {
        "goods": "line 1.qty = 58",
        "not_ready": "status = open",
        "rest": 'order_number = "319"',
    },
    "one_bag_back": {
        "amounts": "line 1.amount = 20.00, total = 20.00",
        "goods": "status = refunded",
        "not_ready": "status = open",
    },
    "paid": {
        "amounts": "amount = 400.00",
        "not_ready": "status = pending",
        "rest": 'bank_ref = "FPX-4712"',
    },
    "week_46": {
        "amounts": "fees = -300.00, net = 4680.00",
        "not_ready": "status = open",
        "rest": "status = paid",
    },
    "withheld": {
        "amounts": "amount = 300.00",
        "not_ready": "status = pending",
        "rest": 'bank_ref = "IBG-124"',
    },
}
"""What changes in each group; a group that the rules have and this has not is not driven."""
LINKED = {
    "soap": ("deliveries", {"partly": "first_van", "whole": "first_van, second_van"}),
    "rice": ("arrivals", {"partly": "lorry", "whole": "lorry, second_lorry"}),
}
SECOND_LORRY = """
sample second_lorry of arrival at 2026-11-20 10:00
    number        = "89"
    order_number  = "310"
    status        = confirmed
    arrived_on    = 2026-11-20
    supplier      = "S-14"
    branch        = "KL"
    line  pos = 1, order_line = 1, sku = "RICE-5", uom = "BAG", qty = 40
    with  purchases = (rice), period = open
"""
NOT_TAKEN = {"sales_order", "delivery_order", "goods_received_note"}
"""AutoCount's cloud interface has no way to write these: no rules that post one come into force, so
their tables are driven by the rules' own tests alone (`check --publish` names the same three).
"""
Case = tuple[str, str, str, str]  # what changed, period, age of the e-invoice, goods
SHOWN = ("amounts", "goods")  # the groups of what a document shows of itself


def cases(tables: Tables, document: str) -> Iterator[Case]:
    """Every case of a document, of which each comes to some cells of its tables."""
    goods = GOODS if SAMPLES[document] in LINKED else ("-",)
    ends = ("cancelled", SETTLED) if _knows_refunds(tables, document) else ("cancelled",)
    for case in itertools.product((*tables.groups(document), *ends), LOCKS, AGES, goods):
        if case[0] != "overbilled" or case[3] != "whole":  # then nothing is billed too much
            yield case


def _knows_refunds(tables: Tables, document: str) -> bool:
    return "credited" in tables.table(document, CANCEL).columns


def answer(tables: Tables, document: str, case: Case) -> tuple[set[Cell], str]:
    """The cells of a case, and what is done."""
    return _answer(tables, document, _changed(document, case[0], case[3]), case)


def _answer(
    tables: Tables, document: str, changed: Sequence[str], case: Case
) -> tuple[set[Cell], str]:
    """Where no goods are left, none are billed anew."""
    change, lock, age, goods = case
    out = "no" if goods == "none" else "yes"
    given = {"period": lock, "e_invoice_age": AGES[age]}
    given["credited"] = "yes" if change == SETTLED else "no"
    given |= dict.fromkeys(("goods_out", "goods_in", "moved"), out)
    hit, told = tables.answer(document, changed, given)
    return hit, "credit note" if told == "credit note and new" and goods == "none" else told


def _changed(document: str, change: str, goods: str) -> Sequence[str]:
    """Goods that did not go out are billed too much, whatever else is said of the order."""
    if change == SETTLED:
        return ["cancelled"]
    if document == BILLED and goods == "none" and change != "cancelled":
        return [*{change, "overbilled"}]
    return [change]


def states(tables: Tables, document: str) -> Iterator[Case]:
    """Every status that the record may have come to, in the place of what changed."""
    goods = GOODS if SAMPLES[document] in LINKED else ("-",)
    yield from itertools.product(tables.gates[tables.record[document]], LOCKS, AGES, goods)


def answers_in_state(tables: Tables, document: str, case: Case) -> str:
    """What is done where the record came to this status, and the document shows a change, too.

    Two answers that are as strict are both given: each of two teams looks at it.
    """
    status, _, _, goods = case
    word = tables.gates[tables.record[document]][status]
    changed = [*_changed(document, _shown(document), goods)]
    if document == "credit_note" and status != "goods_back":
        changed.append("goods")  # this one's status says whether goods came back
    if word != "ready":
        changed.append("not_ready")
    groups = ["cancelled"] if word == "cancel" else changed
    told = {_answer(tables, document, [group], case)[1] for group in groups}
    strictest = min(map(strictness, told))
    return " and ".join(sorted(one for one in told if strictness(one) == strictest))


def story_of_state(document: str, case: Case) -> str:
    """The record is posted; then it shows another amount, or other goods, in this status."""
    return _story(
        document, [WHAT[SAMPLES[document]][_shown(document)], f"status = {case[0]}"], case
    )


def _shown(document: str) -> str:
    return next(group for group in SHOWN if group in WHAT[SAMPLES[document]])


def story(document: str, case: Case) -> str:
    """The record is posted; then it changes, in a world of that lock, age and goods."""
    sample = SAMPLES[document]
    ends = {"cancelled": "status = cancelled"}
    ends[SETTLED] = f"status = cancelled, {REFUNDS.get(sample, '')}"
    return _story(document, [ends.get(case[0]) or WHAT[sample][case[0]]], case)


def _story(document: str, what: list[str], case: Case) -> str:
    sample = SAMPLES[document]
    change, lock, age, goods = case
    given = f"    given    {sample}"
    if goods != "-":
        link, lists = LINKED[sample]
        if goods == "none":
            what = [one for one in what if not one.startswith(link)] + [f"{link} is missing"]
        else:
            before = "whole" if change == "overbilled" else goods
            given += f" with {link} = ({lists[before]})"
    told = ", ".join(what)
    return f"{given}\n    then     {told}\n    and      period = {lock}, e_invoice_age = {age}\n"


def expectation(document: str, told: str) -> str:
    answers = [told] if told in FIVE else told.split(" and ")
    return "".join(f"    expect   autocount.{document} {one}\n" for one in answers)
