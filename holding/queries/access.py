"""What the sign-in page needs to know.

Here: whether anybody could sign in. Not here: people themselves (holding/people.py).
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.models import Person


def anybody(session: Session) -> bool:
    """Whether there is any person at all."""
    return session.scalar(select(Person.id).limit(1)) is not None
