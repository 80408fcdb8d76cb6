"""The judging under real rules: mapped, counted, approved, posted, changed, replayed elsewhere."""

import json
import subprocess
import sys
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import IncomingRecord
from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import Cause, Company, Evaluation, Hold, Posting, PostingUse, Record
from holding.db.refusal import Refusal
from holding.evaluation.evaluate_due import judge_due
from holding.intake.receive import receive
from holding.mappings import fixes
from holding.rulesets import publication
from rules.values.canonical import PostingState
from tests.support.clock import SetClock
from tests.support.databases import any_move
from tests.support.factories import connection_named, make_person
from tests.support.postings import make_push

RULES = """
language 1

role accounts  "Accounts team"
role approvers "Approvers"

source netshop
    currency  MYR
    zone      "Asia/Kuala_Lumpur"
    missing   hold for accounts  say "No usable {field}."

target aiaccount
    rounding   per line then sum to 0.01
    tolerance  0.00  else hold for accounts
    missing    hold for accounts  say "AiAccount could not tell {field}."

record order from netshop
    number         text    key
    status         one of draft, paid, cancelled
    ordered_on     date    dated
    currency       text
    customer       text
    total          money
    lines          many order_line

record order_line of order
    pos    whole     key
    sku    text
    name   text
    uom    text
    qty    quantity
    price  money
    pieces = in_base(line.qty, line.uom, line.sku)

map item
    match    trimmed
    "TEA-1"  -> "AI-TEA-1"
    missing  hold for accounts  say "SKU {key} is not an item."

units
    base     PCS
    1 CTN    = 12 PCS
    missing  hold for accounts  say "{uom} of {item} is not known."

gate order
    ready   paid
    wait    draft
    cancel  cancelled

on edit of order
    amounts = customer, currency, ordered_on, total, lines
    rest    = status
    | changed            | do                 |
    | amounts, not_ready | review by accounts |
    | rest               | ignore             |

on cancel of order
    | period | do                 |
    | -      | review by accounts |

duplicates of order
    unique by customer, total in history
    else    hold for accounts
    say     "Another order has the same customer and total."

approve order
    when    total > 1000.00
    by      approvers
    say     "A large order."

post order to aiaccount.sales_invoice as "IV-{number}"
    immediately
    they own Notes
    we own   the rest  else review by accounts
    InvoiceNumber  = document_number
    InvoiceDate    = ordered_on
    Customer       = customer
    Currency       = currency
    Reference      = number
    Total          = total
    each line
        LineNo       = line.pos
        SKU          = item(line.sku)
        Description  = line.name
        Quantity     = line.pieces
        UOM          = "PCS"
        UnitPrice    = round(line.price, 0.01)
        AccountCode  = "40000"
        TaxCode      = "NT"
        LineTotal    = round(line.pieces * line.price, 0.01)
"""


def order(number: str, sku: str, *, pieces: int = 1, uom: str = "PCS", **more: Any) -> Any:
    factor = 12 if uom == "CTN" else 1
    line = {
        "pos": 1,
        "sku": sku,
        "name": "Tea",
        "uom": uom,
        "qty": str(pieces),
        "price": "2.00",
    }
    body = {
        "number": number,
        "status": "paid",
        "ordered_on": "2026-11-05",
        "currency": "MYR",
        "customer": f"C-{number}",
        "total": f"{2 * pieces * factor}.00",
        "lines": [line],
    }
    return body | more


@pytest.fixture
def rules() -> str:
    return RULES


@pytest.fixture
def published(database: Database, company: Company, clock: SetClock, rules: str) -> Company:
    actors = {}
    with database.write() as session:
        for role in ("consultant", "publisher"):
            person = make_person(session, company, f"{role}@kedai.example", role)
            actors[role] = Actor(
                person.id, person.name, person.email, company.id, frozenset({role})
            )
        files = {"kedai.rules": rules}
        change = publication.push_change(
            session, company.id, actors["consultant"], files, "Rules", clock.now()
        )
        assert not isinstance(change, Refusal), change
        done = publication.publish_change(session, change, actors["publisher"], clock.now())
        assert not isinstance(done, Refusal), done
    return company


class Desk:
    """Delivering and judging in the published company."""

    def __init__(self, database: Database, company: Company, clock: SetClock) -> None:
        self.database, self.company, self.clock, self.sent = database, company, clock, 0

    def arrive(self, *bodies: Any) -> None:
        self.sent += 1
        with self.database.write() as session:
            got = receive(
                session,
                company_id=self.company.id,
                source_id=connection_named(session, self.company, "netshop").id,
                delivery_key=str(self.sent),
                kind="order",
                headers={},
                raw=str(self.sent).encode(),
                records=[
                    IncomingRecord(
                        kind="order",
                        external_id=b["number"],
                        number=b["number"],
                        stamp=None,
                        body=b,
                    )
                    for b in bodies
                ],
                now=self.clock.now(),
            )
        assert not isinstance(got, Refusal)

    def judge(self) -> dict[str, str]:
        while judge_due(self.database, self.clock, company_id=self.company.id, owner="desk").count:
            pass
        with self.database.read() as session:
            rows = session.execute(select(Record.number, Record.state))
            return {number: state for number, state in rows}  # noqa: C416 - typed so

    def stands_there(self) -> None:
        """What is ready now stands in the target, as it was planned."""
        now = self.clock.now()
        with self.database.write() as session, any_move(session):
            for posting in session.scalars(select(Posting).where(Posting.state == "ready")).all():
                push = make_push(posting, state="accepted", at=now, closed_at=now)
                session.add(push)
                session.flush()
                posting.state, posting.sent_at, posting.posted_at = PostingState.POSTED, now, now
                posting.posted_push_id = push.id
                posting.lock += 1

    def rows(self, model: Any, *where: Any) -> Any:
        with self.database.read() as session:
            return session.scalars(
                select(model).where(*where).order_by(*model.__mapper__.primary_key)
            ).all()


@pytest.fixture
def desk(database: Database, published: Company, clock: SetClock) -> Desk:
    return Desk(database, published, clock)


def test_cartons_become_pieces_and_the_entries_used_are_kept(desk: Desk) -> None:
    desk.arrive(order("1", "TEA-1 ", pieces=3, uom="CTN"))
    assert desk.judge() == {"1": "ready"}
    (posting,) = desk.rows(Posting)
    assert (posting.number, posting.amount, posting.doc_date) == ("IV-1", 7200, date(2026, 11, 5))
    (line,) = posting.content["lines"]
    assert (line["SKU"], line["Quantity"], line["LineTotal"]) == ("AI-TEA-1", "36", "72.00")
    with desk.database.read() as session:
        assert len(session.scalars(select(PostingUse)).all()) == 2


def test_holds_of_real_rules_have_their_causes_and_owners(desk: Desk) -> None:
    desk.arrive(
        order("1", "TEA-9"),
        order("2", "TEA-1", pieces=900),
        order("3", "TEA-1", uom="BOX", pieces=1),
        order("4", "TEA-1", status="draft"),
        order("5", "TEA-1", status="cancelled"),
        order("6", "TEA-1", status="weird"),
        order("7", "TEA-1", total=None),
    )
    assert desk.judge() == {
        "1": "held",
        "2": "held",
        "3": "held",
        "4": "waiting",
        "5": "dropped",
        "6": "held",
        "7": "held",
    }
    assert {str(cause.key) for cause in desk.rows(Cause)} == {
        "mapping:item:TEA-9",
        "approve:approve by approvers: order when total > 1000.00",
        "unit:BOX|TEA-1",
        "status:weird",
        "field:total",
    }
    assert all(hold.team_id is not None for hold in desk.rows(Hold))
    assert {hold.state for hold in desk.rows(Hold)} == {"open"}


@pytest.mark.slow
def test_200_evaluations_replay_in_a_new_process_after_the_world_went_on(desk: Desk) -> None:
    desk.arrive(*(order(str(n), "TEA-1" if n % 3 else "TEA-9", pieces=n + 1) for n in range(120)))
    desk.judge()
    with desk.database.write() as session:
        person = make_person(session, desk.company, "siti@kedai.example", "finance")
        actor = Actor(person.id, "Siti", person.email, desk.company.id, frozenset({"finance"}))
        for key, value in (("TEA-9", "AI-TEA-9"), ("TEA-1", "AI-NEW")):
            fixed = fixes.fix(
                session, actor, "item", key, value, "known now", desk.clock.now(), rev=9
            )
            assert not isinstance(fixed, Refusal), fixed
    assert set(desk.judge().values()) <= {"ready", "held"}
    assert len(desk.rows(Evaluation)) >= 200
    command = [sys.executable, "-m", "holding.programs.replay", "--database", desk.database.url]
    done = subprocess.run(
        [*command, "--company", "kedai", "--limit", "1000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["differences"] == 0
    assert answer["replayed"] == len(desk.rows(Evaluation))


def test_a_table_says_what_follows_when_a_posted_record_changes(desk: Desk) -> None:
    desk.arrive(order("1", "TEA-1", pieces=2))
    assert desk.judge() == {"1": "ready"}
    desk.stands_there()
    desk.arrive(order("1", "TEA-1", pieces=3))
    assert desk.judge() == {"1": "held"}
    (hold,) = desk.rows(Hold, Hold.state == "open")
    assert (hold.error_class, hold.code) == ("stale_version", "STL01")
    assert "amounts" in hold.message
    (posting,) = desk.rows(Posting)
    assert posting.state == "posted"
    desk.arrive(order("1", "TEA-1", pieces=2))
    assert desk.judge() == {"1": "posted"}
