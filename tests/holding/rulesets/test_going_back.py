"""Going back to an earlier version: its hash and its files, by somebody else."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from holding.db.database import Database
from holding.db.models import Company, Event, Record, RulesetVersion
from holding.db.refusal import Refusal
from holding.operations import content_invariants
from holding.rulesets.publication import files_of
from holding.rulesets.recorded_backtests import Published
from holding.rulesets.start_time import go_back
from tests.holding.rulesets.test_start_time import commented
from tests.holding.shop import FILES, Shop, open_shop, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    found = open_shop(database, company, clock)
    found.publish()
    found.publish(commented())
    return found


def back(shop: Shop, to_no: int = 1, from_no: int = 2, who: str = "pua") -> Published | Refusal:
    with shop.database.write() as session:
        actor = shop.actor(who)
        return go_back(session, to_no, actor, shop.now, from_no=from_no, reason="It held too much")


def test_one_act_restores_hash_and_files_and_judges_anew(shop: Shop) -> None:
    shop.receive(order("SO-1"))
    shop.judge()
    shop.publish(FILES)
    shop.publish(commented())
    shop.judge()
    done = back(shop, 3, 4)
    assert isinstance(done, Published), done
    with shop.database.read() as session:
        company = session.get_one(Company, shop.company.id)
        by_no = {one.no: one for one in session.scalars(select(RulesetVersion))}
        assert files_of(session, by_no[5].id) == files_of(session, by_no[3].id) == FILES
        event = session.scalars(select(Event).where(Event.act == "rules.rolled_back")).one()
        due = session.scalar(select(func.count()).where(Record.due_at.is_not(None)))
    assert company.ruleset_version_id == by_no[5].id
    assert by_no[5].hash == by_no[3].hash != by_no[4].hash
    assert by_no[5].author_id == by_no[3].author_id
    assert done.woken == due == 1
    assert "went back from rule version 4 to rule version 3" in event.body["say"]
    assert "It held too much" in event.body["say"]


@pytest.mark.parametrize(
    ("to_no", "from_no", "code"),
    [
        (1, 1, "version.moved"),  # somebody was faster than the page
        (2, 2, "version.moved"),  # it is in force
        (9, 2, "version.unknown"),
    ],
)
def test_nothing_changes_where_there_is_nothing_to_go_back_to(
    shop: Shop, to_no: int, from_no: int, code: str
) -> None:
    answer = back(shop, to_no, from_no)
    assert isinstance(answer, Refusal)
    assert answer.code == code
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(RulesetVersion)) == 2


def test_nobody_goes_back_to_rules_that_they_wrote(shop: Shop) -> None:
    both = replace(shop.actor("chan"), roles=frozenset({"consultant", "publisher"}))
    shop.actors["chan"] = both
    own, other = back(shop, who="chan"), back(shop, who="farah")
    assert isinstance(own, Refusal)
    assert isinstance(other, Refusal)
    assert (own.code, own.status) == ("rules.own", 403)
    assert "because you wrote it" in own.message
    assert other.status == 403


REJECTS = """
check other_customer on order
    require  customer = "C-78"
    else     reject
    say      "{number} is not sold."
    clears   never
"""


def test_what_a_wrong_rule_rejected_is_checked_again(shop: Shop) -> None:
    rules = FILES["shop.rules"].replace("\nduplicates of", REJECTS + "\nduplicates of", 1)
    shop.publish({**FILES, "shop.rules": rules})
    shop.receive(order("SO-1"), order("SO-2", customer="C-78"))
    shop.judge()
    assert shop.states() == {"SO-1": "ignored", "SO-2": "ready"}
    done = back(shop, 2, 3)
    assert isinstance(done, Published), done
    assert done.woken == 2
    shop.judge()
    assert shop.states() == {"SO-1": "ready", "SO-2": "ready"}


def test_T30e_what_a_way_back_put_in_force_is_sealed(shop: Shop) -> None:
    assert isinstance(back(shop), Published)
    with shop.database.read() as session:
        assert list(content_invariants.act_breaks(session, shop.company.id)) == []
        event = session.scalars(select(Event).where(Event.act == "rules.rolled_back")).one()
        assert [row[0] for row in event.body["rows"]] == ["ruleset_version", "rule_file"]
