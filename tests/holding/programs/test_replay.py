"""Replay: what was judged comes out the same after the world went on."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from holding.db.models import Evaluation
from holding.programs.replay import Replays, replay, replay_all
from rules.facts import Facts, Subject, World
from rules.outcome_hash import DIGEST
from rules.outcomes import Outcome
from tests.support.databases import unlock
from tests.support.fake_rules import ToyProgram
from tests.support.shop import Shop, order


def test_replay_gives_the_stored_hash_after_mappings_and_rules_changed(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A", "B"), order("2", "A"), order("3", "A", note="boom"))
    shop.judge()
    with shop.database.write() as session:
        shop.map_in(session, "A", "OTHER")
    shop.map("B")
    shop.publish()
    shop.judge()
    with shop.database.read() as session:
        found = replay_all(session, shop.company.id, 100, programs=shop.programs)
        first = replay(session, shop.rows(Evaluation)[0].id, programs=shop.programs)
    assert found.replayed == len(shop.rows(Evaluation)) - 2
    assert found.differences == ()
    assert str(first.decisions[0].findings[0].cause_key) == "mapping:items:B"


def test_a_changed_outcome_is_a_difference(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A", total="900.00"))
    shop.judge()
    shop.program.limit = shop.program.limit / 10
    with shop.database.read() as session:
        found = replay_all(session, shop.company.id, 100, programs=shop.programs)
    assert [d.evaluation_id for d in found.differences] == [shop.rows(Evaluation)[0].id]


class Reworded(ToyProgram):
    """The same rules, whose findings read otherwise."""

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        outcome = super().evaluate(subject, facts, world, now)
        return replace(
            outcome,
            decisions=tuple(
                replace(
                    decision,
                    reason="dalam Bahasa Melayu",
                    findings=tuple(
                        replace(each, message="lain", would_pass="lain", cause_label="lain")
                        for each in decision.findings
                    ),
                )
                for decision in outcome.decisions
            ),
        )


def replayed(shop: Shop, program: ToyProgram) -> Replays:
    with shop.database.read() as session:
        return replay_all(session, shop.company.id, 100, programs=lambda *_: program)


def test_T38a_a_text_may_read_otherwise(shop: Shop) -> None:
    shop.arrive(order("1", "A"), order("2", "A", status="exempt"))
    shop.judge()
    assert {each.digest for each in shop.rows(Evaluation)} == {DIGEST}
    found = replayed(shop, Reworded())
    assert (found.replayed, found.differences) == (2, ())


def test_T38b_facts_that_were_changed_are_a_difference(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    with shop.database.write() as session:
        unlock(session)
        each = session.scalars(select(Evaluation)).one()
        facts = json.loads(json.dumps(each.facts))
        facts["facts"]["first_seen"] = "2020-01-01T00:00:00Z"
        each.facts = facts
    found = replayed(shop, shop.program)
    (difference,) = found.differences
    assert difference.stored != difference.replayed


def test_what_only_a_whole_evaluation_tells_is_not_counted(shop: Shop) -> None:
    """Whoever judges does not work it out, so its hash cannot count it."""
    shop.arrive(order("1", "A"))
    shop.judge()
    assert replayed(shop, Lettered()).differences == ()


class Lettered(ToyProgram):
    """The same rules, with a verdict that says otherwise and decides nothing."""

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        outcome = super().evaluate(subject, facts, world, now)
        told = tuple(replace(verdict, result="not_applicable") for verdict in outcome.verdicts)
        return replace(outcome, verdicts=told)


def test_T38a_another_decision_is_no_other_wording(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A", total="900.00"))
    shop.judge()
    assert len(replayed(shop, Reworded(limit=Decimal(100))).differences) == 1


@pytest.mark.slow
def test_it_runs_in_a_process_of_its_own(shop: Shop) -> None:
    command = [sys.executable, "-m", "holding.programs.replay", "--database", shop.database.url]
    done = subprocess.run(
        [*command, "--company", "kedai", "--limit", "10"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"replayed": 0, "differences": 0, "evaluations": []}
