"""Every order of the sample month with its story.

Here: which orders tell which story, and three that are extra. Not here: the stories (stories.py).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from portal.demo.order import Order
from portal.demo.stories import PLANS, Told


def tell(
    plain: Sequence[Order], today: date, random: Random, *, locked: int, next_id: int
) -> tuple[Told, ...]:
    """Every order with its story; the locked first days stay plain, the last three are extra."""
    told = [Told((order,)) for order in plain]
    free = list(range(locked, len(plain)))
    random.shuffle(free)
    for plan in PLANS:
        fitting = [
            index for index in free if plan.business <= (plain[index].customer.tin is not None)
        ]
        for index in fitting[: plan.count]:
            told[index] = plan.story(plain[index])
            free.remove(index)
    twin = next(plain[index] for index in sorted(free, reverse=True) if len(plain[index].lines) > 1)
    return (*told, *_extra(twin, today, next_id))


def _extra(twin: Order, today: date, next_id: int) -> tuple[Told, ...]:
    """One order twice under two numbers, one dated long ago, one dated in some days.

    The second of the two comes when the first was posted: while that waits to be sent, both would
    be held.
    """
    double = replace(
        twin, id=next_id, number=f"NS-{next_id}", updated_at=twin.updated_at + timedelta(minutes=2)
    )
    old, coming = (
        replace(
            twin,
            id=next_id + place,
            number=f"NS-{next_id + place}",
            ordered_at=twin.ordered_at + timedelta(days=(today - twin.day).days + days),
        )
        for place, days in ((1, -41), (2, 4))
    )
    return (Told((), (double,), alone=True), *(Told((one,), alone=True) for one in (old, coming)))
