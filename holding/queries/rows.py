"""What a session keeps of the rows it loaded.

Here: keeping them while a page is made. Not here: any select; rows as objects (holding/columns.py).
"""

from sqlalchemy import event
from sqlalchemy.orm import Session


def remember(session: Session) -> None:
    """Keep what was loaded as long as the session lives, so that asking again by id asks nobody."""
    kept = session.info.setdefault("kept", [])
    event.listen(session, "loaded_as_persistent", lambda _session, row: kept.append(row))
