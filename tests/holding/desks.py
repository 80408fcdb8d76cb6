"""A worker's desk, for tests that push."""

from pathlib import Path
from random import Random

from connectors.transport.http import Http
from holding.access.actors import Keys
from holding.connections.channel import Desk
from holding.db.database import Database
from holding.platform.settings import Settings
from tests.support.clock import SetClock

KEYS = Keys((b"xm8fkfMblGLs0jjZ2_83qvXBKHDaMFI66nUU9dxoe0A=",))  # made for tests


def make_desk(
    database: Database,
    clock: SetClock,
    home: Path,
    http: Http | None = None,
    *,
    owner: str = "test",
    **given: str,
) -> Desk:
    """With these settings beside the usual ones."""
    told = {"ENV": "test", "HOME": str(home)} | given
    return Desk(
        database=database,
        clock=clock,
        settings=Settings.from_env({f"CLEARPOST_{name}": text for name, text in told.items()}),
        keys=KEYS,
        owner=owner,
        chance=Random(7),
        http=http or Http(clock),
        trace=lambda _session, ids: {one: f"story of {one}".encode() for one in ids},
    )
