"""F17: the clock jumps while somebody stands at a crash point: each kind of jump at each point."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select, text

from connectors.transport.strict_json import POINT_NAMES
from holding.db.models import Event, EventLink
from holding.platform.events import LATE
from tests.faults.amounts import Done, amount
from tests.faults.course import Ending, end, until_idle
from tests.faults.history import Chances, History
from tests.faults.tasks import Moving, Task
from tests.faults.town import ANSWER, LEASE, LIMIT, SETTLE, SWEEP, Town, town

ELSEWHERE = {"export.after_file", "doorbell.after_commit"}
POINTS = sorted(set(POINT_NAMES) - ELSEWHERE)
ZONE, SUMMER_ENDS = "Europe/Berlin", datetime(2027, 10, 31, 1, tzinfo=UTC)
LONGEST = 2 * (LEASE + ANSWER)  # a posting is leased for as long as its call may take, too
LEASES = """
SELECT 'record', id, fence FROM record WHERE lease_until IS NOT NULL
UNION ALL SELECT 'posting', id, fence FROM posting WHERE lease_until IS NOT NULL
UNION ALL SELECT 'run', id, fence FROM run WHERE lease_until IS NOT NULL
ORDER BY 1, 2
"""


def _to_winter_time(clock: Moving) -> None:
    """Time goes by until the hour that this zone has twice begins again."""
    left = (SUMMER_ENDS - clock.now()).total_seconds()
    clock.pass_(max(0.0, left) + 1)


def _smear(clock: Moving) -> None:
    """A leap second is spread over a day: every second lasts a little longer."""
    clock.rate = 1 - 1 / 86_400


JUMPS: dict[str, Callable[[Moving], None]] = {
    "+1 h": lambda clock: clock.jump(3_600),
    "-1 h": lambda clock: clock.jump(-3_600),
    "+1 day": lambda clock: clock.jump(86_400),
    "-1 day": lambda clock: clock.jump(-86_400),
    "leap second": _smear,
    "summer ends": _to_winter_time,
}


@dataclass
class Jumping(History):
    """A history in which the clock jumps when somebody first comes to a point, and perhaps dies."""

    point: str = ""
    jump: Callable[[Moving], None] = _smear
    dies: bool = False
    jumped: bool = False
    since: dict[tuple[str, int, int], float] = field(default_factory=dict)

    def go_on(self, task: Task, *, rough: bool) -> None:
        super().go_on(task, rough=rough)
        if task.at == self.point and not self.jumped:
            self.jumped = True
            self.jump(self.place.clock)
            if self.dies:
                self.kill(task)

    def no_lease_too_long(self) -> None:
        """By the clock that never jumps."""
        now = self.place.clock.monotonic()
        with self.place.database.read() as session:
            found = [(one[0], one[1], one[2]) for one in session.execute(text(LEASES))]
        self.since = {one: self.since.get(one, now) for one in found}
        old = {one: now - at for one, at in self.since.items() if now - at > LONGEST}
        assert not old, old


def in_order(place: Town) -> None:
    """Events have their places in the chain in the order in which they happened; only what was
    told a moment ago has none yet.
    """
    linked = select(EventLink.event_id).where(EventLink.company_id == place.company_id)
    told = select(Event.id, Event.at).where(Event.company_id == place.company_id)
    with place.database.read() as session:
        chain = list(session.scalars(linked.order_by(EventLink.seq)))
        events = session.execute(told.order_by(Event.id)).all()
    assert chain == [key for key, _ in events[: len(chain)]]
    assert all(at >= place.clock.now() - LATE for _, at in events[len(chain) :])


def play(jump: str, point: str, *, dies: bool) -> Ending:
    """Orders, a doubt, an approval; the jump; and everything comes to rest in time."""
    with town(dedupe="nothing") as place:
        if jump == "summer ends":
            place.clock.wall = SUMMER_ENDS - timedelta(minutes=1)
        history = Jumping(place, Random(17), Chances(), point=point, jump=JUMPS[jump], dies=dies)
        for _ in range(2):
            history.hire()
        place.wire.fates[:] = ["silent", "later", "reset"]
        for price in (20, 20, LIMIT):
            history.arrive(price)
        until = 3 * (LONGEST + SETTLE)
        while place.clock.monotonic() < until and (not history.sent or _busy(history)):
            until_idle(history)
            history.no_lease_too_long()
            for key in sorted(set(history.keys) - history.acknowledged):
                history.repeat(key)
            if _waits_for_approval(place):
                history.approve(0)
            history.pass_(2 * SWEEP)
        for _ in range(3):  # a dead sweeper keeps its duty for three sweeps
            history.pass_(2 * SWEEP)
            until_idle(history)
        assert history.jumped, (point, "nobody came there")
        in_order(place)
        return end(history, 17)


def _waits_for_approval(place: Town) -> bool:
    with place.database.read() as session:
        return bool(session.scalar(text("SELECT count(*) FROM posting WHERE state = 'held'")))


def _busy(history: Jumping) -> bool:
    """Whether somebody has still something to do, or the jump is still to come."""
    place = history.place
    waiting = len(history.acknowledged) < len(history.keys)
    with place.database.read() as session:
        posted = session.scalar(text("SELECT count(*) FROM posting WHERE state = 'posted'"))
    return waiting or posted != len(history.sent) or not history.jumped


@pytest.mark.parametrize("jump", JUMPS)
def test_f17_the_clock_jumps_at_each_point(
    done: Done, monkeypatch: pytest.MonkeyPatch, jump: str
) -> None:
    first = list(JUMPS).index(jump) % amount(6, 2, 1)  # all points, in turns with the next jump
    monkeypatch.setenv("TZ", ZONE)
    time.tzset()
    try:
        for no, point in list(enumerate(POINTS))[first :: amount(6, 2, 1)]:
            ending = play(jump, point, dies=no // 2 % 2 == list(JUMPS).index(jump) // 2 % 2)
            done.faults += 1
            done.histories += 1
            done.records += ending.records
            assert not ending.wrong, (jump, point, ending.wrong)
            assert ending.posted == 3, (jump, point)
    finally:
        monkeypatch.undo()
        time.tzset()
