"""A file as a delivery: who can read it, and storing what it holds.

Here: choosing the reader by the file's ending. Not here: reading (connectors/sources), storing
(holding/intake.py).
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portal.cli.connections import connection_of
from portal.cli.frame import Stop

if TYPE_CHECKING:
    from connectors.kit.contract import Accepted
    from holding.intake import Receipt
    from holding.refusal import Refusal
    from holding.roles import Actor


def read_file(path: Path, connector: str) -> "Accepted":
    """What the file holds, good and bad; a file that cannot be read ends the command."""
    from connectors import registry
    from connectors.kit.contract import SourceRefusal

    known = registry.sources()
    own = [known[connector]] if connector in known else []
    name = path.name.lower()
    readers = [each for each in (*own, *known.values()) if name.endswith(each.suffixes)]
    if not readers:
        endings = sorted({ending for each in known.values() for ending in each.suffixes})
        raise Stop(f"{path.name} cannot be read.", f"It must end in {', '.join(endings)}.")
    found = readers[0].read(path.name, path.read_bytes())
    if isinstance(found, SourceRefusal):
        raise Stop(f"{path.name}: {found.message}", found.hint)
    return found


def store(
    session: Any,
    company_id: int,
    source: str,
    path: Path,
    accepted: "Accepted",
    now: datetime,
    by: "Actor | None" = None,
) -> "Receipt | Refusal":
    """Keep the delivery and what is new in it; `by` entered it, if a person did."""
    from holding import intake

    return intake.receive(
        session,
        company_id=company_id,
        source=connection_of(session, company_id, source),
        delivery_key=accepted.delivery_id,
        kind="file",
        headers={"name": path.name},
        raw=path.read_bytes(),
        records=accepted.records,
        now=now,
        by=by,
    )
