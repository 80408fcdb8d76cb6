"""Invoices as shops have them, of 21 lines and once of a thousand, in files AiAccount takes."""

from collections.abc import Sequence

import pytest
from sqlalchemy import func, select

from holding.db.models import Posting, Request
from tests.holding.pushing import Lane
from tests.support.postings import invoice, make_ready

OFTEN, ONCE = 21, 1_114  # lines


def ready(lane: Lane, lines: Sequence[int]) -> list[int]:
    """An invoice of so many lines each, for the next run."""
    with lane.database.write() as session:
        return [
            make_ready(
                session,
                lane.company,
                f"IV-{no}",
                due=None,
                document=invoice(f"IV-{no}", lines=count, price="1.00"),
            ).id
            for no, count in enumerate(lines)
        ]


def states(lane: Lane) -> dict[str, int]:
    with lane.database.read() as session:
        counted = select(Posting.state, func.count()).group_by(Posting.state)
        return dict(session.execute(counted).all())


@pytest.mark.slow
def test_T05d_invoices_of_21_lines_go_without_a_refused_file_or_a_doubt(patient: Lane) -> None:
    lane = patient
    count = 110
    ready(lane, [OFTEN] * count + [ONCE])
    run = lane.start_sync()
    while lane.work():
        pass
    assert states(lane) == {"posted": count + 1}
    assert {row.kind for row in lane.rows(Request)} == {"push"}  # and no look-up
    assert {row.status for row in lane.sends()} == {201}
    assert not lane.target.lines("refused")
    assert len(lane.target.lines("created")) == count + 1
    files = lane.sends()
    assert [len(file.rows or {}) for file in files] == [
        95 * OFTEN,
        15 * OFTEN + ONCE,
    ]  # 2,000 at most
    assert len({file.headers[":batch"] for file in files}) == len(files)
    assert (lane.run().id, lane.run().state) == (run.id, "done")
    assert lane.run().fence == len(files)  # a turn took no more than it could send
