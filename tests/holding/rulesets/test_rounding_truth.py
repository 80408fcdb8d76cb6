"""How a target rounds has one truth: its connection declares it, its test proves it, the rules
follow. What it keeps otherwise for rounding is told as rounding.
"""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from holding.access.actors import SYSTEM, Actor
from holding.connections.master_data import keep_snapshot
from holding.db.database import Database
from holding.db.models import Company, Snapshot
from holding.db.refusal import Refusal
from holding.rulesets import publication
from holding.rulesets.admission import RulesRefusal
from holding.rulesets.new_connections import add_connection, change_settings
from tests.holding.cells import Template, open_aiaccount
from tests.holding.life import LARGE, SMALL, Life
from tests.holding.shop import FILES, RULES, line, order
from tests.support.factories import connection_named
from tests.support.snapshots import snapshot

PER_LINE, AT_THE_END = "per line then sum", "sum then round"
THREE = [line(pos=pos, uom="PCS", qty="1", price="10.04") for pos in (1, 2, 3)]
AMOUNT = "    amount  = round(line.qty * line.price, 0.01)\n"
CHECK = RULES[RULES.index("check adds_up") : RULES.index("duplicates of order")]


def rules(way: str = PER_LINE, tolerance: str = "0.00") -> dict[str, str]:
    """Three lines of 10.04 at 10 % come to 33.12 per line, and to 33.13 at the end."""
    text = RULES.replace(CHECK, "")
    for old, new in (
        (f"rounding   {PER_LINE}", f"rounding   {way}"),
        ("tolerance  1000.00", f"tolerance  {tolerance}"),
        ("TaxCode      = ", 'TaxCode      = "MY-SALES10"\n        TaxAmount    = line.tax_due #'),
        ("LineTotal    = line.amount", "LineTotal    = line.amount + line.tax_due"),
        (
            AMOUNT,
            AMOUNT + "    tax_due = round(line.amount * 10%, 0.01)\n",
        ),
    ):
        assert old in text, old
        text = text.replace(old, new, 1)
    return FILES | {"shop.rules": text}


@pytest.fixture
def there(database: Database, company: Company, tmp_path: Path) -> Template:
    """AiAccount rounds per line, and its connection was tested; no rules yet."""
    return open_aiaccount(database, company, tmp_path)


def publish(there: Template, files: dict[str, str]) -> Refusal | None:
    """Push and publish; why not."""
    shop = there.shop
    with shop.database.write() as session:
        change = publication.push_change(
            session, shop.company.id, shop.actor("chan"), files, "R", shop.now
        )
        if isinstance(change, Refusal):
            return change
        done = publication.publish_change(session, change, shop.actor("pua"), shop.now)
        return done if isinstance(done, Refusal) else None


def set_mode(there: Template, mode: str) -> tuple[str, ...] | Refusal:
    shop = there.shop
    who = Actor(None, "Tan", "tan@example.test", shop.company.id, frozenset({"admin"}))
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        return change_settings(session, who, target.id, {"rounding_mode": mode}, now=shop.now)


def arrive(there: Template, number: str, total: str = "33.12", **changes: Any) -> None:
    there.shop.receive(order(number, lines=THREE, total=total, **changes))
    there.work()


def held(there: Template, number: str) -> list[str]:
    with there.shop.database.read() as session:
        return [hold.code for hold in there.shop.holds(session, number)]


def written(there: Template) -> list[str]:
    return [number for _, _, number in there.writes()]


def test_T02a_rules_that_round_otherwise_than_the_connection_are_refused(there: Template) -> None:
    refused = publish(there, rules(AT_THE_END))
    assert isinstance(refused, RulesRefusal)
    (problem,) = refused.problems
    assert problem.code == "RND03"
    assert "aiaccount rounds sum then round" in refused.message
    assert "the connection aiaccount rounds per line then sum" in refused.message
    assert "rounding per line then sum to 0.01" in problem.hint
    assert "set rounding_mode of the connection" in problem.hint
    assert publish(there, rules(PER_LINE)) is None


def test_T02a_a_change_pushed_before_the_connection_was_set_is_refused_when_published(
    there: Template,
) -> None:
    shop = there.shop
    with shop.database.write() as session:
        change = publication.push_change(
            session, shop.company.id, shop.actor("chan"), rules(), "R", shop.now
        )
    assert isinstance(change, int)
    assert set_mode(there, "sum_then_round") == ("rounding_mode",)
    with shop.database.write() as session:
        refused = publication.publish_change(session, change, shop.actor("pua"), shop.now)
    assert isinstance(refused, RulesRefusal)
    assert publish(there, rules(AT_THE_END)) is None


def test_T02b_a_connection_that_contradicts_the_rules_in_force_is_refused(there: Template) -> None:
    there.shop.publish(rules())
    refused = set_mode(there, "sum_then_round")
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.status) == ("connection.rounding", 409)
    assert "aiaccount rounds per line then sum" in refused.message
    assert "would round sum then round" in refused.message
    odd = set_mode(there, "to the moon")
    assert isinstance(odd, Refusal)
    assert (odd.code, odd.status) == ("connection.setting", 422)
    assert set_mode(there, "per_line") == ("rounding_mode",)


def test_T02b_a_setting_that_a_connector_does_not_have_is_refused(
    database: Database, company: Company, there: Template
) -> None:
    with database.write() as session:
        for connector, mode in (("autocount", "sum_then_round"), ("quickbooks", "per_line")):
            told = add_connection(
                session,
                company_id=company.id,
                name=connector,
                side="target",
                connector=connector,
                settings={"rounding_mode": mode},
                actor=SYSTEM,
                now=there.shop.now,
            )
            assert isinstance(told, Refusal), connector
            assert connector in told.message


def test_T02b_a_target_that_rounds_otherwise_now_holds_the_route_until_they_agree(
    there: Template,
) -> None:
    there.shop.publish(rules())
    there.control("company", rounding="sum_then_round")
    there.test()
    arrive(there, "NS-1")
    assert (held(there, "NS-1"), written(there)) == (["RND03"], [])
    with there.shop.database.read() as session:
        (hold,) = there.shop.holds(session, "NS-1")
        words = "aiaccount rounds sum then round, and the rules say per line then sum."
        assert hold.message.startswith(words)
        assert str(hold.clears) == "itself"
        assert hold.team_id is not None
    there.control("company", rounding="per_line")
    there.test()
    there.work()
    assert (held(there, "NS-1"), written(there)) == ([], ["NS-1"])


def test_T02b_what_was_ready_is_held_as_well_and_the_connection_follows_first(
    there: Template,
) -> None:
    there.shop.publish(rules())
    there.shop.receive(order("NS-1", lines=THREE, total="33.12"))
    there.shop.judge()
    assert there.shop.states() == {"NS-1": "ready"}
    there.control("company", rounding="sum_then_round")
    there.test()
    there.work()
    assert (held(there, "NS-1"), written(there)) == (["RND03"], [])
    assert isinstance(publish(there, rules(AT_THE_END)), RulesRefusal)  # the connection is first
    assert set_mode(there, "sum_then_round") == ("rounding_mode",)
    assert held(there, "NS-1") == ["RND03"]
    assert publish(there, rules(AT_THE_END)) is None
    there.work()
    assert held(there, "NS-1") == ["RND01"]  # now 33.12 is the sen that is off
    arrive(there, "NS-2", "33.13")
    assert (held(there, "NS-2"), written(there)) == ([], ["NS-2"])


@pytest.mark.parametrize(("size", "held", "after"), [(LARGE, ["RND03"], []), (SMALL, [], ["void"])])
def test_T02b_a_credit_note_is_held_and_a_void_has_no_total_to_round(
    life: Life, size: dict[str, Any], held: list[str], after: list[str]
) -> None:
    life.arrive("A-1", **size)
    with life.shop.database.write() as session:
        target = connection_named(session, life.shop.company, "aiaccount")
        other = snapshot(rounding_mode="sum_then_round")
        keep_snapshot(session, target, other, person=None, now=life.shop.now)
    life.arrive("A-1", status="cancelled", **size)
    assert life.held("A-1") == held
    assert [act for act, _ in life.books.effects] == ["create", *after]


def test_T02c_nothing_is_sent_where_the_target_rounds_otherwise_from_the_start(
    database: Database, company: Company, tmp_path: Path
) -> None:
    there = open_aiaccount(database, company, tmp_path, rounding="sum_then_round")
    there.shop.publish(rules())
    arrive(there, "NS-1")
    assert (held(there, "NS-1"), written(there)) == (["RND03"], [])


def test_T02b_what_a_target_told_is_kept_as_of_its_revision(there: Template) -> None:
    with there.shop.database.read() as session:
        kinds = set(session.scalars(select(Snapshot.kind)))
    assert "rounding" in kinds
