"""Looking into the lists of a target that people gave in.

Here: entries by letters, by code, and by what tells a party: tax number, registration number, name.
Not here: giving a list in (list_files.py).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from sqlalchemy import Select, func, select, union
from sqlalchemy.orm import Session

from connectors import registry
from grammar.text import look_alikes
from holding.code_lists import list_texts
from holding.code_lists.list_rows import name_keys, registration_key, tin_key
from holding.code_lists.list_storage import left_of
from holding.db import bulk
from holding.db.models import Connection, ListedCode, ListFile
from holding.db.models.columns import ListKind
from holding.db.together import Question, answer
from rules.values.spelling import match_key

LOOKING_LIKE: Final = 2
"""So many entries are told of what looks like the letters of a search."""


@dataclass(frozen=True, slots=True)
class FileList:
    """The list of a target that stands for one kind; `by_id`: its codes are ids that only the
    target gives.
    """

    connection_id: int
    target: str
    kind: ListKind
    as_of: date
    name: str
    by_id: bool = False


@dataclass(frozen=True, slots=True)
class FileCode:
    """An entry of a list, with what tells a party; of an unpaid document what is left to pay."""

    code: str
    name: str
    tin: str
    registration: str
    active: bool
    sku: str = ""
    party: str = ""
    left: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a source says of a party or an item: its own key, name and numbers; blank: nothing.
    Only a party's are personal.
    """

    key: str
    name: str = ""
    tin: str = ""
    registration: str = ""
    of_party: bool = True


def lists(asked: Collection[tuple[int, ListKind]]) -> Question[tuple[FileList, ...]]:
    """Those of these targets and kinds for which somebody gave a list in."""
    if not asked:
        return ()
    newest = (
        select(func.max(ListFile.id))
        .where(bulk.among(ListFile.connection_id, sorted({key for key, _ in asked})))
        .group_by(ListFile.connection_id, ListFile.kind)
    )
    rows = yield (
        select(
            ListFile.connection_id,
            Connection.name.label("target"),
            ListFile.kind,
            ListFile.as_of,
            ListFile.name,
            Connection.connector,
        )
        .join(Connection, Connection.id == ListFile.connection_id)
        .where(ListFile.id.in_(newest))
        .order_by(Connection.name, ListFile.kind)
    )
    return tuple(
        FileList(
            connection_id=row.connection_id,
            target=row.target,
            kind=row.kind,
            as_of=row.as_of,
            name=row.name,
            by_id=_by_id(row.connector),
        )
        for row in rows
        if (row.connection_id, row.kind) in asked
    )


def _by_id(connector: str) -> bool:
    form = registry.form_of("target", connector)
    return form is not None and form.tells is not None and form.tells.by_id


def matching(
    session: Session, one: FileList, text: str, most: int, *, names: bool = True
) -> tuple[FileCode, ...]:
    """Entries whose code, SKU or name begins with the letters, then those that have them anywhere,
    and last a few whose code begins with what looks like them. Without `names` nothing is found by
    its name; an unpaid document is found by its number, and never by an id.

    Blank text finds the first of all. Case, blanks and punctuation do not count.
    """
    wanted = match_key(text) if text.strip() else ""
    if not wanted:
        by_number = (ListedCode.sku_key,) if one.kind.unpaid else ()
        return _read(session, _entries(one).order_by(*by_number, ListedCode.code_key).limit(most))
    known = list_texts.texts(session, one.connection_id, one.kind)
    if known is None:
        return ()
    ids = known.matching(wanted, most, names=names)
    for form in look_alikes.forms(text.strip()) if len(ids) < most else ():
        ids += islice(known.codes.begins(match_key(form)), LOOKING_LIKE)
    ids = list(dict.fromkeys(ids))[:most]
    if not ids:
        return ()
    query = select(ListedCode).where(ListedCode.id.in_(ids))  # no more: else an index is walked
    rows = {row.id: row for row in session.scalars(query)}
    return tuple(_code(rows[key]) for key in ids if key in rows)


def fitting(one: FileList, asked: Collection[Identity]) -> Question[tuple[FileCode, ...]]:
    """Entries that share a number, the code (or what looks like it), or the name apart from Sdn Bhd
    with one of these;
    where codes are ids, a SKU or a name that is the key.
    """
    wanted = {
        ListedCode.tin_key: {tin_key(who.tin) for who in asked},
        ListedCode.registration_key: {registration_key(who.registration) for who in asked},
        ListedCode.name_key: {key for who in asked for key in name_keys(who.name)},
        ListedCode.code_key: {
            match_key(key) for who in asked for key in (who.key, *look_alikes.forms(who.key))
        },
    }
    if one.by_id:
        wanted[ListedCode.code_key] = set()
        wanted[ListedCode.name_key] |= {match_key(who.key) for who in asked}
        wanted[ListedCode.sku_key] = {match_key(who.key) for who in asked}
    fits = [
        _now(select(ListedCode.id), one).where(bulk.among(column, sorted(said)), column != "")
        for column, keys in wanted.items()
        if (said := keys - {""})
    ]
    if not fits:
        return ()
    rows = yield select(ListedCode).where(ListedCode.id.in_(union(*fits))).order_by(ListedCode.code)
    return tuple(map(_code, rows.scalars()))


def listed(session: Session, one: FileList, codes: Collection[str]) -> dict[str, FileCode]:
    """The entries of exactly these codes."""
    return answer(session, asked_listed(one, codes))


def asked_listed(one: FileList, codes: Collection[str]) -> Question[dict[str, FileCode]]:
    """The same, asked with other questions."""
    if not codes:
        return {}
    rows = yield _entries(one).where(bulk.among(ListedCode.code, sorted(set(codes))))
    return {row.code: _code(row) for row in rows.scalars()}


def _entries(one: FileList) -> Select[Any]:
    return _now(select(ListedCode), one)


def _now(query: Select[Any], one: FileList) -> Select[Any]:
    """Of the entries in force of a list."""
    return query.where(
        ListedCode.connection_id == one.connection_id,
        ListedCode.kind == one.kind,
        ListedCode.to_file_id.is_(None),
    )


def _read(session: Session, query: Select[Any]) -> tuple[FileCode, ...]:
    return tuple(_code(row) for row in session.scalars(query))


def _code(row: ListedCode) -> FileCode:
    return FileCode(
        code=row.code,
        name=row.name,
        tin=row.tin,
        registration=row.registration,
        active=row.active,
        sku=row.sku,
        party=row.party,
        left=left_of(row),
        currency=row.currency,
    )
