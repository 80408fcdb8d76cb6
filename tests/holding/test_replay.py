"""Replay: what was judged comes out the same after the world went on."""

import json
import subprocess
import sys

from holding.evaluation import replay, replay_all
from holding.models import Evaluation
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
    assert first.decisions[0].findings[0].cause_key == "mapping:items:B"


def test_a_changed_outcome_is_a_difference(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A", total="900.00"))
    shop.judge()
    shop.program.limit = shop.program.limit / 10
    with shop.database.read() as session:
        found = replay_all(session, shop.company.id, 100, programs=shop.programs)
    assert [d.evaluation_id for d in found.differences] == [shop.rows(Evaluation)[0].id]


def test_it_runs_in_a_process_of_its_own(shop: Shop) -> None:
    command = [sys.executable, "-m", "holding.replay", "--database", shop.database.url]
    done = subprocess.run(
        [*command, "--company", "kedai", "--limit", "10"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"replayed": 0, "differences": 0, "evaluations": []}
