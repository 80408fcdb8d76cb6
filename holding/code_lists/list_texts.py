"""The letters of a list that stands, kept in memory so that typing is answered from them.

Here: codes, SKUs and names of one list as texts, and where letters stand in them. Not here: rows
(file_codes.py). No index of both databases finds letters in the middle of a name, and a walk over a
hundred thousand rows takes longer than somebody types. A list that stands never changes: the next
one has another id, and the texts of the one before are forgotten.
"""

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from holding.db.models import ListedCode, ListFile
from holding.db.models.columns import ListKind

KEPT: Final = 12
"""So many lists are kept in a process: about ten MB each at a hundred thousand entries."""
_END: Final = "\n"  # stands in no key: those have letters and digits alone


@dataclass(frozen=True, slots=True)
class Column:
    """The keys of a list in their order, each behind a line end, and the entry of each."""

    text: str
    starts: Sequence[int]
    ids: Sequence[int]

    def begins(self, letters: str) -> Iterator[int]:
        """Entries whose key begins so, in order."""
        return self._each(_END + letters)

    def has(self, letters: str) -> Iterator[int]:
        """Entries whose key has the letters anywhere, in order."""
        return self._each(letters)

    def _each(self, wanted: str) -> Iterator[int]:
        at = self.text.find(wanted)
        while at >= 0:
            row = bisect_right(self.starts, at) - 1
            yield self.ids[row]
            behind = self.starts[row + 1] if row + 1 < len(self.starts) else len(self.text)
            at = self.text.find(wanted, behind)


@dataclass(frozen=True, slots=True)
class ListTexts:
    """A list that stands: codes, SKUs and names as they are compared. The code of an unpaid
    document is its number, and not the id that the target gave.
    """

    codes: Column
    skus: Column
    names: Column

    def matching(self, letters: str, most: int, *, names: bool = True) -> list[int]:
        """Entries whose code begins so, whose SKU or name does, then those that have the letters
        anywhere in their name, code or SKU; without `names` none because of its name.
        """
        found: dict[int, None] = {}
        ways = (
            self.codes.begins(letters),
            self.skus.begins(letters),
            self.names.begins(letters) if names else (),
            self.names.has(letters) if names else (),
            self.codes.has(letters),
            self.skus.has(letters),
        )
        for way in ways:
            for key in way:
                found[key] = None
                if len(found) >= most:
                    return list(found)
        return list(found)


_Word = tuple[int, datetime, str]
_kept: WeakKeyDictionary[Engine, OrderedDict[_Word, ListTexts]] = WeakKeyDictionary()
_lock = threading.Lock()


def texts(session: Session, connection_id: int, kind: ListKind) -> ListTexts | None:
    """Those of the list that stands as this session sees it; None where none does."""
    newest = session.execute(
        select(ListFile.id, ListFile.at, ListFile.sha256)
        .where(ListFile.connection_id == connection_id, ListFile.kind == kind)
        .order_by(ListFile.id.desc())
        .limit(1)
    ).first()
    if newest is None:
        return None
    word = (newest.id, newest.at, newest.sha256)  # a database that was restored is another one
    bind = session.get_bind()
    engine = bind if isinstance(bind, Engine) else bind.engine
    with _lock:
        kept = _kept.setdefault(engine, OrderedDict())
        if (found := kept.get(word)) is not None:
            kept.move_to_end(word)
            return found
    found = _read(session, connection_id, kind)
    with _lock:
        kept[word] = found
        while len(kept) > KEPT:
            kept.popitem(last=False)
    return found


def _read(session: Session, connection_id: int, kind: ListKind) -> ListTexts:
    rows = session.execute(
        select(ListedCode.id, ListedCode.code_key, ListedCode.sku_key, ListedCode.name_key).where(
            ListedCode.connection_id == connection_id,
            ListedCode.kind == kind,
            ListedCode.to_file_id.is_(None),
        )
    ).all()
    codes = [((kind.unpaid and row.sku_key) or row.code_key, row.id) for row in rows]
    skus = [(row.sku_key, row.id) for row in rows if row.sku_key and not kind.unpaid]
    return ListTexts(
        codes=_column(codes),
        skus=_column(skus),
        names=_column([(row.name_key, row.id) for row in rows if row.name_key]),
    )


def _column(keys: list[tuple[str, int]]) -> Column:
    keys.sort()
    starts, at = array("q"), 0
    for key, _ in keys:
        starts.append(at)
        at += len(key) + 1
    text = "".join(f"{_END}{key}" for key, _ in keys)
    return Column(text, starts, array("q", (row for _, row in keys)))
