"""The ten topics that people ask support about, and what is said of one.

Here: the names. Not here: what speaks for one (diagnosis.py, posted_documents.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from holding.db.models import Connection

SLOW: Final = timedelta(minutes=10)


class Topic(StrEnum):
    """The ten, in the order in which they are told: what stops everything comes first."""

    TEST = "Connection test failed"
    PAUSED = "Sync is paused"
    DELAYED = "Sync delayed more than 10 minutes"
    ONE_SEN = "Amounts off by 1 sen"
    NO_RECORDS = "Sync succeeded, but no records there"
    DUPLICATES = "Duplicate entries"
    E_INVOICE = "e-Invoice submission failed"
    STOCK = "Inventory count wrong"
    ACCOUNT = "Posted to the wrong ledger account"
    ROTATION = "API key is being changed"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A topic, what shows it, and what to do next."""

    topic: Topic
    words: str
    todo: str


Look = Callable[[Session, Connection, datetime], Iterator[Diagnosis]]
