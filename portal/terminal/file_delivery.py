"""A file as a delivery: who can read it, and storing what it holds.

Here: choosing the reader by the file's ending. Not here: reading (connectors/sources), storing
(holding/intake/receive.py).
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from portal.terminal.command_frame import Stop

if TYPE_CHECKING:
    from connectors.contract import Accepted
    from holding.access.actors import Actor
    from holding.db.database import DatabaseSession
    from holding.db.refusal import Refusal
    from holding.intake.receive import Receipt

T = TypeVar("T")


def named(row: T | None, name: str) -> T:
    """What a service found as the connection of that name; an unknown one ends the command."""
    if row is None:
        raise Stop(f"This company has no connection {name}.", "clearpost connection add NAME …")
    return row


def read_file(path: Path, connector: str, zone: ZoneInfo) -> "Accepted":
    """What the file holds, good and bad, of a source in this zone; a file that cannot be read ends
    the command.
    """
    from connectors import registry
    from connectors.contract import SourceRefusal

    known = registry.sources()
    own = [known[connector]] if connector in known else []
    name = path.name.lower()
    readers = [one for one in own if name.endswith(one.suffixes)] + registry.readers_of(name)
    if not readers:
        endings = sorted({ending for each in known.values() for ending in each.suffixes})
        raise Stop(
            f"{path.name} cannot be read, because its name has another ending.",
            f"It must end in {', '.join(endings)}.",
        )
    found = readers[0].read(path.name, path.read_bytes(), zone)
    if isinstance(found, SourceRefusal):
        raise Stop(f"{path.name}: {found.message}", found.hint)
    return found


def store(
    session: "DatabaseSession",
    company_id: int,
    source: str,
    path: Path,
    accepted: "Accepted",
    now: datetime,
    by: "Actor | None" = None,
) -> "Receipt | Refusal":
    """Keep the delivery and what is new in it; `by` entered it, if a person did."""
    from holding.connections import connections as connection_rows
    from holding.intake import receive as versions

    return versions.receive(
        session,
        company_id=company_id,
        source_id=named(connection_rows.one(session, company_id, source), source).id,
        delivery_key=accepted.delivery_id,
        kind="file",
        headers={"name": path.name},
        raw=path.read_bytes(),
        records=accepted.records,
        now=now,
        by=by,
    )
