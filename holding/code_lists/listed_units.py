"""Units and rates of a list of items, kept as what the target tells of its items.

Here: of a target that nobody can call, so that only its own list tells how it counts. Not here:
reading the list (list_rows.py), what a target tells when it is asked (holding/connections).
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ItemSetup
from connectors.contract.hand_imports import ImportedByHand
from holding.access.actors import Actor
from holding.code_lists.list_rows import ListRow
from holding.connections import breaker, master_data
from holding.db.models import Connection
from holding.platform import unit_changes


def keep(
    session: Session,
    actor: Actor,
    connection: Connection,
    rows: Sequence[ListRow],
    said: str,
    now: datetime,
) -> int:
    """Keep the units of these items and forget the others; how many have units. What waits for the
    target is judged again when anything changed. A list without units says nothing of them.
    """
    if not isinstance(registry.targets().get(connection.connector), ImportedByHand):
        return 0
    told = {
        row.code: ItemSetup(row.units[0][0], {unit: (num, den) for unit, num, den in row.units[1:]})
        for row in rows
        if row.units
    }
    if not told:
        return 0
    breaker.locked(session, connection.id)  # one after the other, whoever tells
    before = master_data.known(session, connection.id)
    gone: dict[str, ItemSetup | None] = dict.fromkeys(before)
    unit_changes.say_changes(session, connection, before, gone | told, now)
    items = {code: master_data.body_of(one) for code, one in told.items()}
    master_data.keep_kinds(
        session,
        connection,
        {master_data.ITEM: items},
        person=actor.person_id,
        now=now,
        reason=said,
    )
    return len(told)
