"""The course of a history: one seed, one order of events, one ending.

Here: chance over all acts; then everything heals, and what must be true is checked. Not here: the
acts (history.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from sqlalchemy import func, select

from holding.db.models import Record
from holding.operations.invariants import check
from holding.reconciliation.ledger_check import compare_ledger
from tests.faults.history import Chances, History
from tests.faults.target import FATES
from tests.faults.tasks import Task
from tests.faults.town import LEASE, LIMIT, SWEEP, town

STEPS = 60
HEAL_TURNS = 300
SHORT, LONGEST = 0.5, 10  # seconds, and how often they are doubled
TURN = 500  # steps after which nobody can still be busy with something new
PRICES = (20, 260, 300, LIMIT)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a history came to; `lost`, `doubled` and `stuck` name what is wrong."""

    seed: int
    records: int
    kills: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    stuck: tuple[str, ...]
    breaches: tuple[str, ...]
    points: tuple[str, ...]
    posted: int

    @property
    def wrong(self) -> tuple[str, ...]:
        """Everything that must not be."""
        return (*self.lost, *self.doubled, *self.stuck, *self.breaches)


def rough(history: History, steps: int) -> None:
    """Everything may happen."""
    place, chance, odds = history.place, history.chance, history.chances
    history.arrive(chance.randint(10, 400))
    for _ in range(steps):
        _act(history)
        ready = history.runnable()
        moves: list[Callable[[], None]] = [
            partial(history.go_on, task, rough=True) for task in ready
        ]
        if place.wire.pending:
            moves += [lambda: place.wire.step(chance.randrange(len(place.wire.pending)))] * 2
        if not moves or chance.random() < 0.1:
            history.pass_(chance.choice((0.2, 1, 5, 20, 40, 90)))
            continue
        chance.choice(moves)()
        if chance.random() * 100 < odds.jump:
            place.clock.jump(chance.choice((3600, -3600, -1, 86_400, -86_400, 600)))


def _act(history: History) -> None:
    """Now and then somebody does something."""
    chance, place = history.chance, history.place
    known = list(history.sent)
    acts: dict[str, tuple[int, Callable[[], None]]] = {
        "arrive": (4, lambda: history.arrive(chance.choice((20, 50, LIMIT)))),
        "edit": (3, lambda: history.edit(chance.choice(known), chance.choice(PRICES))),
        "cancel": (1, lambda: history.cancel(chance.choice(known))),
        "repeat": (2, lambda: history.repeat(chance.choice(list(history.keys)))),
        "late": (1, lambda: history.late(chance.choice(known))),
        "approve": (5, lambda: history.approve(chance.randrange(2))),
        "pause": (1, lambda: history.call("pause", lambda: place.pause(on=True))),
        "resume": (1, lambda: history.call("resume", lambda: place.pause(on=False))),
        "rekey": (1, lambda: history.call("rekey", place.rekey)),
        "world": (1, lambda: history.call("world", place.world_changes)),
        "luck": (40, lambda: _bad_luck(history, chance.random() * 100)),
        "nothing": (40, lambda: None),
        **history.more,
    }
    weights = [weight for weight, _ in acts.values()]
    chance.choices([act for _, act in acts.values()], weights)[0]()


def _bad_luck(history: History, dice: float) -> None:
    """Perhaps something happens to the target, or to what is sent to it next."""
    chance, wire = history.chance, history.place.wire
    if dice < history.chances.fate / 2:
        wire.fates.append(chance.choice((*FATES, "ok", "ok")))
    elif dice < history.chances.fate / 1.9:
        wire.down = not wire.down
    elif dice < history.chances.fate / 1.8:
        wire.refuses = not wire.refuses


def heal(history: History, *, turns: int = HEAL_TURNS, calm: bool = True) -> None:
    """Nothing breaks any more: what was not acknowledged is sent again, time goes by, all comes to
    rest.
    """
    place = history.place
    if calm:
        _make_good(history)
    for task in history.tasks:
        task.until = min(task.until, place.clock.seconds + 3 * LEASE)
    late = 0  # turns in a row in which something is due that nobody can do yet
    for _ in range(turns):
        if place.failures:
            break
        until_idle(history)
        _send_home(history)
        when = place.next_moment()
        asleep = [task.until - place.clock.seconds for task in history.tasks if task.at != "idle"]
        if when is None and not asleep:
            break
        wakes = [one for one in asleep if one > 0] or asleep  # the others wait for a lock of theirs
        soon = (when - place.clock.now()).total_seconds() if when else LEASE
        late = late + 1 if soon <= 0 else 0
        soon = SHORT * 2 ** min(late, LONGEST) if late else soon
        all_asleep = len(asleep) == len(history.tasks) > 0  # nobody is there to do what is due
        history.pass_(max(SHORT, min(wakes if all_asleep else [soon, *wakes])))
    for seconds in (3 * SWEEP, SWEEP) if calm else ():  # a dead sweeper keeps its duty for three
        history.pass_(seconds)
        until_idle(history)


def _make_good(history: History) -> None:
    wire = history.place.wire
    wire.down, wire.fates, wire.refuses, wire.storm = False, [], False, None
    history.call("resume", lambda: history.place.pause(on=False))
    for key in sorted(set(history.keys) - history.acknowledged):
        history.repeat(key)


def until_idle(history: History) -> None:
    """Let everybody go on until all wait for time to pass."""
    idle: set[Task] = set()
    for _ in range(TURN + 100 * len(history.sent)):
        history.place.settle()
        ready = [task for task in history.runnable() if task not in idle]
        if not ready:
            return
        history.go_on(ready[0], rough=False)
        if ready[0].at in ("idle", "asleep"):
            idle.add(ready[0])
    history.place.failures.append("work without end: the same is done again and again")


def _send_home(history: History) -> None:
    """One worker is enough by now; the others end between two turns."""
    idle = [task for task in history.tasks if task.at == "idle"]
    for task in idle[1:]:
        task.kill()
        history.tasks.remove(task)


def for_a_while(history: History, seconds: float) -> None:
    """So long everybody goes on, without healing anything."""
    until = history.place.clock.monotonic() + seconds
    while history.place.clock.monotonic() < until:
        heal(history, turns=1, calm=False)
        history.pass_(1)


def end(history: History, seed: int) -> Ending:
    """Look at everything, in the database and in the target's own ledger."""
    place = history.place
    with place.database.read() as session:
        compared = compare_ledger(session, place.company_id, place.wire.ledger, _numbers(history))
        checked = check(
            session,
            place.company_id,
            now=place.clock.now(),
            settings=place.made.settings,
            ledger=[place.wire.ledger],
            only=[name for name in ALL if name != "I13"],
        )
        records = session.scalar(select(func.count(Record.id))) or 0
    for task in history.tasks:
        task.kill()
    doubled = tuple(told for told in compared.details if "times" in told)
    return Ending(
        seed=seed,
        records=records,
        kills=history.kills,
        lost=tuple(told for told in compared.details if told not in doubled),
        doubled=doubled,
        stuck=tuple(f"{number} is still {state}" for number, state in place.open_work()),
        breaches=(
            *(f"{one.invariant}: {one.say}" for one in checked.breaches),
            *(f"a worker failed: {failure}" for failure in place.failures),
        ),
        points=tuple(sorted(place.points.hits)),
        posted=_created(place.wire.ledger),
    )


def _numbers(history: History) -> list[str]:
    return sorted({one.external_id for versions in history.sent.values() for one in versions})


def _created(ledger: Path) -> int:
    return ledger.read_text().count('"effect": "created"') if ledger.exists() else 0


def run(
    seed: int, chances: Chances | None = None, *, steps: int = STEPS, lag: float | None = None
) -> tuple[Ending, History]:
    """The history of this seed."""
    odds = chances or Chances()
    chance = Random(seed)
    found = chance.choice((0.0, 0.0, 10.0, 20.0)) if odds.lags else 0.0
    lag = found if lag is None else lag
    with town(dedupe=chance.choice(odds.dedupe), lag=lag) as place:
        history = History(place, chance, odds)
        for _ in range(chance.randint(1, 3)):
            history.hire()
        rough(history, steps)
        heal(history)
        return end(history, seed), history


ALL = tuple(f"I{no}" for no in range(1, 16))
