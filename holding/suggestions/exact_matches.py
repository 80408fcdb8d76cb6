"""Which missing values have exactly one value that fits, why, and why the others are left out.

Here: the candidates of each missing value (from a target's lists, another spelling in use, the
other side of a check), and the verdict on it. Not here: what an entry of a list agrees and differs
in (match_evidence.py), the lists (choices.py, holding/code_lists), what accepting does
(bulk_acceptance.py).

Nothing is exact that anything contradicts: a number, a name, a value that another party has.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.text.look_alikes import mistaken, skeleton
from holding.code_lists import file_codes
from holding.code_lists.file_codes import Identity
from holding.db import bulk
from holding.db.models import MappingEntry, MappingTable, SnapshotItem
from holding.db.models.columns import ListKind
from holding.db.together import Question, Together
from holding.mappings.fixes import Missing, asked_causes, asked_count, asked_missing
from holding.mappings.many_changes import KnownMaps, asked_maps
from holding.mappings.mapping_lists import Suggestion
from holding.mappings.preview import active_program
from holding.parties import known_otherwise
from holding.suggestions import choices, said_identities, values_in_use
from holding.suggestions.choices import CodeList, Purpose
from holding.suggestions.match_evidence import (
    LOOKS_SAME,
    Candidate,
    chosen,
    compared,
    same_word,
)
from rules.values.cause_keys import CauseKind
from rules.values.spelling import match_key

MOST: Final = 50
"""So many missing values are looked at, those with the most money."""
OF_MAPS: Final = (CauseKind.MAPPING,)
OWN: Final = "It has, or had, a value of its own"


@dataclass(frozen=True, slots=True)
class Match:
    """A missing value with the one value that fits it, and why; `name` is the target's."""

    row: Missing
    who: Identity
    value: str
    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A missing value that a person has to look at, and why."""

    row: Missing
    who: Identity
    why: str


@dataclass(frozen=True, slots=True)
class Matches:
    """All missing values that were looked at; `more` were not."""

    exact: tuple[Match, ...]
    left: tuple[LeftOut, ...]
    more: int = 0
    maps: KnownMaps | None = field(default=None, compare=False)


def exact_matches(session: Session, company_id: int, *, beside: Together | None = None) -> Matches:
    """The missing values of all maps, those with the most money first; units are left to people.

    All tables are looked at together, in as many statements as one of them takes; `beside`: what
    else is asked with the first.
    """
    asked, judge = beside or Together(session), active_program(session, company_id)
    rules = judge.ruleset if judge else None
    causes = asked.ask(asked_causes(company_id, most=MOST, kinds=OF_MAPS))
    count = asked.ask(asked_count(company_id, OF_MAPS))
    lists_of, tables = choices.asked_lists(asked, company_id), asked.ask(asked_maps(company_id))
    names = dict.fromkeys(one.key.table or "" for one in causes.value)
    lists = lists_of()
    found = asked.ask(asked_missing(session, company_id, causes.value))
    rows = found.value
    told = {name: lists.purpose(rules, name) for name in names}
    parties = {name for name, one in told.items() if one.of_parties}
    said = asked.ask(said_identities.said_identities(company_id, rows, parties))
    looks = [
        _Look(asked, tables.value[name], [row for row in rows if row.table == name], one)
        for name, one in told.items()
        if name in tables.value
    ]
    uses = known_otherwise.all_known_as(
        session, company_id, {row.cause_id: row.table for row in rows}
    )
    for look in looks:
        look.find(said.value, uses)
    for look in looks:
        look.choose()
    verdicts = {cause: one for look in looks for cause, one in look.verdicts().items()}
    each = [verdicts[row.cause_id] for row in rows if row.cause_id in verdicts]
    return Matches(
        exact=tuple(one for one in each if isinstance(one, Match)),
        left=tuple(one for one in each if isinstance(one, LeftOut)),
        more=count.value - len(rows),
        maps=KnownMaps(tables.value),
    )


class _Look:
    """The missing values of one table on their way to a verdict: each step asks, the next hears."""

    def __init__(
        self, asked: Together, table: MappingTable, rows: Sequence[Missing], told: Purpose
    ) -> None:
        self._asked, self._table, self._rows, self._told = asked, table, rows, told
        keys = [row.key for row in rows]
        self._spelled = asked.ask(_spelled(table, rows))
        self._had = asked.ask(_had_before(table, keys))
        self._codes = asked.ask(_told_codes(told.lists, keys))

    def find(
        self, said: Mapping[int, said_identities.Said], uses: Mapping[int, Sequence[Suggestion]]
    ) -> None:
        """Ask the lists from files for what fits the keys, and for the values that are in use."""
        self._said, self._uses = said, uses
        who = [said[row.cause_id].newest for row in self._rows]
        values = sorted({value for row in self._rows for value in self._used(row)})
        self._fitting = [self._asked.ask(file_codes.fitting(one, who)) for one in self._told.files]
        self._entries = [
            self._asked.ask(file_codes.asked_listed(one, values)) for one in self._told.files
        ]

    def choose(self) -> None:
        """Choose the one value that fits, and ask what else has it and who lists it."""
        candidates = self._candidates()
        self._verdicts: dict[int, Match | LeftOut] = {}
        for row in self._rows:
            one = self._said[row.cause_id]
            why = one.torn or (OWN if row.key in self._had.value else "")
            value, left = ("", why) if why else chosen(candidates[row.cause_id])
            if left:
                self._verdicts[row.cause_id] = LeftOut(row, one.newest, left)
            else:
                fits = candidates[row.cause_id][value]
                reasons = tuple(fits.reasons)
                self._verdicts[row.cause_id] = Match(row, one.newest, value, fits.name, reasons)
        asked, values = self._asked, list({one.value for one in self._matches()})
        complete = [one for one in self._told.lists if one.complete]
        self._have = asked.ask(values_in_use.asked_keys(self._table, values))
        self._listing = [(one, asked.ask(_told_codes((one,), values))) for one in complete]
        self._posted = asked.ask(values_in_use.asked_accepted(self._table, values))
        self._listed = [
            (one, asked.ask(file_codes.asked_listed(one, values))) for one in self._told.files
        ]

    def verdicts(self) -> dict[int, Match | LeftOut]:
        """By cause; what another party has, or the target does not list, is left out."""
        unfit = {**self._shared(), **self._unlisted()}
        left = [one for one in self._matches() if one.row.cause_id in unfit]
        return self._verdicts | {
            one.row.cause_id: LeftOut(one.row, one.who, unfit[one.row.cause_id]) for one in left
        }

    def _matches(self) -> list[Match]:
        return [one for one in self._verdicts.values() if isinstance(one, Match)]

    def _used(self, row: Missing) -> set[str]:
        """The values in use that something names for a key."""
        uses = {use.value for use in self._uses.get(row.cause_id, ())}
        return uses | set(self._spelled.value[0][row.cause_id])

    def _candidates(self) -> dict[int, dict[str, Candidate]]:
        """Cause -> value -> what speaks for it and against it."""
        found = {row.cause_id: self._of_files(row) for row in self._rows}
        for row in self._rows:
            mine = found[row.cause_id]
            for target in self._codes.value.get(row.key, ()):
                mine.setdefault(row.key, Candidate()).reasons.append(f"Same code in {target}")
            for use in self._uses.get(row.cause_id, ()):
                mine.setdefault(use.value, Candidate()).reasons.append(f"{use.reason}: {use.key}")
            for value, key in self._spelled.value[0][row.cause_id].items():
                reason = f"Used for {key}, the same but for its spelling"
                hint = f"Spelled like {key}, which is known"
                mine.setdefault(value, Candidate()).spelled(row.key, key, reason, hint)
            for value, key in self._spelled.value[1][row.cause_id].items():
                hint = f"{LOOKS_SAME} ({mistaken(row.key, key)}) as {key}, which is known"
                mine.setdefault(value, Candidate()).hints.append(hint)
        return found

    def _of_files(self, row: Missing) -> dict[str, Candidate]:
        """The same by the lists from files alone: the entries that something speaks for, and those
        of the values in use, whatever they say.
        """
        mine: dict[str, Candidate] = {}
        used, who = self._used(row), self._said[row.cause_id].newest
        lists = zip(self._told.files, self._fitting, self._entries, strict=True)
        for file, fitting, listed in lists:
            entries = listed.value | {one.code: one for one in fitting.value}
            for code in sorted(entries):
                party = file.kind != ListKind.ITEM
                one = compared(entries[code], who, party=party, by_id=file.by_id)
                if one.reasons or one.hints or code in used:
                    mine[code] = mine[code].joined(one) if code in mine else one
        return mine

    def _shared(self) -> dict[int, str]:
        """Parties whose value another key has already, or would have with them; another spelling of
        the key is no other.
        """
        matches = self._matches()
        if not self._told.of_parties or not matches:
            return {}
        wrong: dict[int, str] = {}
        for one in matches:
            have = self._have.value[one.value][0]
            taken = [key for key in have if match_key(key) != match_key(one.row.key)]
            if taken:
                why = f"{one.reasons[0]} as {taken[0]}, which is {one.value} already"
                wrong[one.row.cause_id] = why
        free = [one for one in matches if one.row.cause_id not in wrong]
        for one in free:
            others = [
                other.row.key
                for other in free
                if other.value == one.value and match_key(other.row.key) != match_key(one.row.key)
            ]
            if others:
                wrong[one.row.cause_id] = f"{', '.join(others[:3])} would be {one.value}, too"
        return wrong

    def _unlisted(self) -> dict[int, str]:
        """Values that a target which told all its codes does not list, or that are in no list of it
        and were never posted.
        """
        wrong: dict[str, str] = {}
        matches = self._matches()
        for value in dict.fromkeys(one.value for one in matches):
            for told, has in self._listing:
                if value not in has.value:
                    wrong[value] = f"{told.target} does not list {value}"
            for file, listed in self._listed:
                entry = listed.value.get(value)
                if entry is None and value not in self._posted.value:
                    wrong[value] = f"{value} is not in the list of {file.target} of {file.as_of}"
                elif entry is not None and not entry.active:
                    at = f"{file.target} by the list of {file.as_of}"
                    wrong[value] = f"{value} is inactive in {at}"
        return {one.row.cause_id: wrong[one.value] for one in matches if one.value in wrong}


def _told_codes(
    lists: Sequence[CodeList], keys: Collection[str]
) -> Question[dict[str, tuple[str, ...]]]:
    """Key -> the targets that told a code which is exactly it."""
    targets = {one.snapshot_id: one.target for one in lists}
    if not targets or not keys:
        return {}
    rows = yield select(SnapshotItem.snapshot_id, SnapshotItem.code).where(
        bulk.among(SnapshotItem.snapshot_id, sorted(targets)),
        bulk.among(SnapshotItem.code, list(keys)),
        SnapshotItem.to_revision.is_(None),
    )
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row.code].append(targets[row.snapshot_id])
    return {code: tuple(sorted(names)) for code, names in found.items()}


Spelled = dict[int, dict[str, str]]


def _spelled(table: MappingTable, rows: Sequence[Missing]) -> Question[tuple[Spelled, Spelled]]:
    """Cause -> the values in use of keys that share its letters and digits, each with such a key;
    with the one that differs least. And those of keys that only look the same.
    """
    entries = yield (
        select(MappingEntry.key, MappingEntry.value)
        .where(MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None))
        .where(MappingEntry.value.is_not(None), MappingEntry.num.is_(None))
        .order_by(MappingEntry.key)
    )
    alike: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    looks: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for entry in entries:
        alike[match_key(entry.key)].append((entry.value, entry.key))
        looks[skeleton(entry.key)].append((entry.value, entry.key))
    found: Spelled = {}
    seen: Spelled = {}
    for row in rows:
        pairs = alike.get(match_key(row.key), [])
        mine = dict(reversed(pairs))
        same = {value: key for value, key in pairs if same_word(key, row.key)}
        found[row.cause_id] = mine | same
        pairs = looks.get(skeleton(row.key), [])
        seen[row.cause_id] = {value: key for value, key in pairs if mistaken(row.key, key)}
    return found, seen


def _had_before(table: MappingTable, keys: Collection[str]) -> Question[set[str]]:
    """The keys that ever had an entry: what was posted with it is looked at alone."""
    query = select(MappingEntry.key).where(
        MappingEntry.table_id == table.id, bulk.among(MappingEntry.key, list(keys))
    )
    return set((yield query).scalars())
