"""Entries that count from a day on, out to a file and back: the world of then, day by day."""

from datetime import UTC, date, datetime
from pathlib import Path

from grammar.nodes import Ruleset
from holding.programs.posted_differences import Judging
from portal.backtest.parallel_run import SideWorlds, StoredWorlds
from portal.backtest.record_files import WORLDS_FILE, write
from rules.comparison.two_sides import Past
from rules.facts import Entry, Facts, Later, Seeds, Subject, UnitEntry, World

DAY, NOW = date(2026, 11, 1), datetime(2026, 11, 18, tzinfo=UTC)
LATER = (
    Later(DAY, "", "CTN|TEA-1", UnitEntry(8, 48, 1, "PCS")),
    Later(DAY, "debtor", "C-7", Entry(7, "300-C008")),
)
MAPS = {"debtor": {"C-7": Entry(1, "300-C007")}}
WORLD = {
    1: World.build(1, MAPS, {}, {}),
    2: World.build(2, MAPS, {}, {}, LATER),
    3: World.build(3, {"debtor": {**MAPS["debtor"], "C-8": Entry(9, "x")}}, {}, {}, LATER),
    4: World.build(4, MAPS, {}, {}, LATER[:1]),
}


def test_what_counts_from_a_day_on_is_written_and_read_again(tmp_path: Path) -> None:
    judgings = [
        Judging("order", "netshop", 1, NOW, revision, frozenset(), {}, {}, {"first_seen": ""})
        for revision in WORLD
    ]
    written = write(tmp_path, judgings, stand=WORLD.__getitem__, targets={})
    assert written.records == len(WORLD)
    stored = StoredWorlds.read(tmp_path / WORLDS_FILE)
    assert {revision: stored.at(revision).later for revision in WORLD} == {
        revision: world.later for revision, world in WORLD.items()
    }
    assert "later" not in (tmp_path / WORLDS_FILE).read_text("utf-8").splitlines()[2]

    side = SideWorlds(Ruleset(), Seeds(), stored)
    past = Past(Subject("order", "netshop", {}, 1), Facts(NOW), NOW, revision=3)
    found = side(past)
    assert found.maps["debtor"].entries["C-7"].id == 1
    assert found.at(DAY).maps["debtor"].entries["C-7"].id == 7
    assert found.at(DAY).units["CTN|TEA-1"].num == 48
