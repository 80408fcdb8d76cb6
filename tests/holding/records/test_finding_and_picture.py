"""Whose side a hold is on, and where the boxes of a picture stand."""

from datetime import UTC, datetime

import pytest

from holding.records.checklist_and_finding import Side, side_of
from holding.records.lineage_picture import ACROSS, DOWN, MOST, STAGES, TOP, Stage, Step, lay_out

AT = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error_class", "code", "side"),
    [
        ("temporary", "TGT01", Side.TECHNICAL),
        ("authorization_failed", "TGT01", Side.TECHNICAL),
        ("uncertain", "TGT03", Side.TECHNICAL),
        ("business_rule", "EVA02", Side.TECHNICAL),
        ("missing_field", "FCT01", Side.TECHNICAL),
        ("missing_field", "MIS01", Side.WORKFLOW),
        ("period_locked", "TGT01", Side.WORKFLOW),
        ("business_rule", "APP01", Side.WORKFLOW),
        ("stale_version", "STL01", Side.WORKFLOW),
    ],
)
def test_whose_side_a_hold_is_on(error_class: str, code: str, side: Side) -> None:
    assert side_of(error_class, code) is side


def step(stage: Stage, number: int, *sources: tuple[Stage, int]) -> Step:
    return Step((stage, number), f"{stage} {number}", (), AT, sources)


def test_a_column_a_stage_and_a_line_a_source() -> None:
    found = lay_out(
        [
            step(Stage.DELIVERY, 1),
            step(Stage.VERSION, 7, (Stage.DELIVERY, 1)),
            step(Stage.VERSION, 8, (Stage.DELIVERY, 99)),
        ]
    )
    assert [(box.x, box.y) for box in found.boxes] == [
        (0, TOP),
        (ACROSS, TOP),
        (ACROSS, TOP + DOWN),
    ]
    assert [(line.x1 < line.x2, line.y1, line.y2) for line in found.lines] == [
        (True, TOP + 22, TOP + 22)
    ]
    assert found.source_titles(found.boxes[1].step) == ("Delivery 1",)
    assert (found.left_out, found.width) == (0, (len(STAGES) - 1) * ACROSS + 152)


def test_a_long_history_draws_the_newest_and_says_how_many_it_leaves_out() -> None:
    found = lay_out([step(Stage.VERSION, number) for number in range(1, MOST + 4)])
    assert [box.step.key[1] for box in found.boxes] == list(range(4, MOST + 4))
    assert found.left_out == 3
