"""Find missing mapping keys for which exactly one listed code matches, with the evidence."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy import Text, func, select, type_coerce
from sqlalchemy.orm import Session, aliased

from grammar.text.characters import mistaken, skeleton
from holding.access.actors import MASK
from holding.db import bulk
from holding.db.bulk import named
from holding.db.kept_plans import KEPT
from holding.db.models import Cause, Hold, MappingEntry, MappingTable, Record, SnapshotItem, Version
from holding.db.models.columns import ListKind
from holding.db.models.decisions import HOLD_OPEN, is_open
from holding.mappings import choices, file_codes, fixes, party_merge
from holding.mappings.choices import CodeList, Lists, Purpose
from holding.mappings.file_codes import FileCode, Identity
from holding.mappings.fixes import Missing
from holding.mappings.list_rows import name_key, registration_key, short_name_key, tin_key
from holding.mappings.mapping_lists import Suggestion
from holding.mappings.preview import KnownMaps, active_program, load_maps
from rules.values.canonical import dumps, parse_json
from rules.values.cause_keys import CauseKind, fold_key, match_key

MOST: Final = 50
"""How many missing values are checked, those with the largest amounts."""

OF_MAPS: Final = (CauseKind.MAPPING,)

OWN: Final = "It has, or had, a value of its own"

Spelled = dict[int, dict[str, str]]

LOOKED_AT: Final = 20
"""How many of the newest records that wait for a key are compared."""

_hold = aliased(Hold)


class _OfParty(msgspec.Struct):
    """The customer or supplier fields of a record, and the fields whose values many parties share;
    other fields are not decoded.
    """

    customer_name: Any = None
    supplier_name: Any = None
    tin: Any = None
    registration: Any = None
    channel: Any = None
    currency: Any = None


_OF_PARTY: Final = msgspec.json.Decoder(_OfParty).decode

SAME_TIN, SAME_REGISTRATION = "Same TIN", "Same registration number"

OTHER_TIN, OTHER_REGISTRATION = "another TIN", "another registration number"

SAME_NAME, NAME_BUT_FORM = "Same name", "Same name apart from Sdn Bhd"

NAMED_SO: Final = "Its name is this code"

SAME_SKU, NEAR_SKU = "Same SKU", "Same SKU, spelled otherwise"

LOOKS_SAME: Final = "Looks the same"
"""Two different codes that look alike: shown as a hint, never counted as a match."""

STRONG: Final = frozenset({SAME_TIN, SAME_REGISTRATION})

NOTHING: Final = "No list and no value in use has its number, code or name"


@dataclass(frozen=True, slots=True)
class Match:
    """A missing value with its only match and the reasons; `name` is the target's name for it."""

    row: Missing
    who: Identity
    value: str
    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A missing value that a user must decide about, and the reason."""

    row: Missing
    who: Identity
    why: str


@dataclass(frozen=True, slots=True)
class Matches:
    """All missing values that were checked; `more` counts the others."""

    exact: tuple[Match, ...]
    left: tuple[LeftOut, ...]
    more: int = 0
    maps: KnownMaps | None = field(default=None, compare=False)


def exact_matches(session: Session, company_id: int) -> Matches:
    """Return matches for the missing values of all maps, largest amounts first; units are left to
    users.
    """
    judge = active_program(session, company_id)
    rows = fixes.missing(session, company_id, most=MOST, kinds=OF_MAPS)
    lists, tables = Lists(session, company_id), load_maps(session, company_id)
    purposes = {
        name: lists.purpose(judge.ruleset if judge else None, name)
        for name in dict.fromkeys(row.table for row in rows)
    }
    uses = party_merge.other_identities_of_keys(
        session, company_id, {row.cause_id: row.table for row in rows}
    )
    known = [row for row in rows if row.table in tables]
    parties = {name for name, purpose in purposes.items() if purpose.of_parties}
    said = load_identities(session, company_id, known, parties) if known else {}
    verdicts: dict[int, Match | LeftOut] = {}
    for name, purpose in purposes.items():
        if name in tables:
            of_table = [row for row in known if row.table == name]
            search = _Search(session, tables[name], of_table, purpose, said, uses)
            verdicts |= search.verdicts()
    each = [verdicts[row.cause_id] for row in rows if row.cause_id in verdicts]
    return Matches(
        exact=tuple(one for one in each if isinstance(one, Match)),
        left=tuple(one for one in each if isinstance(one, LeftOut)),
        more=fixes.count_missing(session, company_id, OF_MAPS) - len(rows),
        maps=KnownMaps(tables),
    )


@dataclass(frozen=True, slots=True)
class Said:
    """The data that the newest records contain about a key, each field from the newest record that
    has it.

    `torn` names the fields in which the records contradict each other.
    """

    newest: Identity
    torn: str = ""


@dataclass(slots=True)
class Candidate:
    """A value with reasons for it; `against` are contradictions, `hints` are too weak to count."""

    name: str = ""
    reasons: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    @property
    def strong(self) -> bool:
        """Whether a number matches."""
        return bool(STRONG & set(self.reasons))

    @property
    def other_number(self) -> bool:
        """Whether a number differs."""
        return bool({OTHER_TIN, OTHER_REGISTRATION} & set(self.against))

    def spelled(self, one: str, other: str, reason: str, hint: str) -> None:
        """Add that a code or key is another spelling.

        `1-12` and `11-2` share their digits, so punctuation counts only with an equal number or
        name.
        """
        if same_word(one, other) or self.strong or SAME_NAME in self.reasons:
            self.reasons.append(reason)
        else:
            self.hints.append(hint)

    def joined(self, other: "Candidate") -> "Candidate":
        """Combine this candidate with another list's candidate for this value."""
        return Candidate(
            name=self.name or other.name,
            reasons=list(dict.fromkeys([*self.reasons, *other.reasons])),
            against=list(dict.fromkeys([*self.against, *other.against])),
            hints=list(dict.fromkeys([*self.hints, *other.hints])),
        )


class _Search:
    """The search for the only match of each missing value of one table."""

    def __init__(
        self,
        session: Session,
        table: MappingTable,
        rows: Sequence[Missing],
        purpose: Purpose,
        said: Mapping[int, Said],
        uses: Mapping[int, Sequence[Suggestion]],
    ) -> None:
        self._session, self._table, self._rows, self._purpose = session, table, rows, purpose
        self._said, self._uses = said, uses
        self._same_letters, self._lookalikes = _load_spellings(session, table, rows)
        self._chosen = self._choose()

    def _choose(self) -> dict[int, Match | LeftOut]:
        """Return by cause the only match of each key, or why there is none."""
        candidates = self._candidates()
        whole = [row.key for row in self._rows if not self._said[row.cause_id].torn]
        had_before = _load_former_keys(self._session, self._table, whole)
        chosen: dict[int, Match | LeftOut] = {}
        for row in self._rows:
            one = self._said[row.cause_id]
            why = one.torn or (OWN if row.key in had_before else "")
            value, left = ("", why) if why else choose_value(candidates[row.cause_id])
            if left:
                chosen[row.cause_id] = LeftOut(row, one.newest, left)
            else:
                fits = candidates[row.cause_id][value]
                reasons = tuple(fits.reasons)
                chosen[row.cause_id] = Match(row, one.newest, value, fits.name, reasons)
        return chosen

    def verdicts(self) -> dict[int, Match | LeftOut]:
        """Return the result by cause.

        A value of another party, or one the target does not list, is left out.
        """
        unfit = {**self._shared(), **self._unlisted()}
        left = [one for one in self._matches() if one.row.cause_id in unfit]
        return self._chosen | {
            one.row.cause_id: LeftOut(one.row, one.who, unfit[one.row.cause_id]) for one in left
        }

    def _matches(self) -> list[Match]:
        return [one for one in self._chosen.values() if isinstance(one, Match)]

    def _used(self, row: Missing) -> set[str]:
        """Return the values in use that are candidates for a key."""
        uses = {use.value for use in self._uses.get(row.cause_id, ())}
        return uses | set(self._same_letters[row.cause_id])

    def _candidates(self) -> dict[int, dict[str, Candidate]]:
        """Return by cause and value the reasons for and against it."""
        found = self._candidates_of_files()
        targets = _load_reported_codes(
            self._session, self._purpose.lists, [row.key for row in self._rows]
        )
        for row in self._rows:
            mine = found[row.cause_id]
            for target in targets.get(row.key, ()):
                mine.setdefault(row.key, Candidate()).reasons.append(f"Same code in {target}")
            for use in self._uses.get(row.cause_id, ()):
                mine.setdefault(use.value, Candidate()).reasons.append(f"{use.reason}: {use.key}")
            for value, key in self._same_letters[row.cause_id].items():
                reason = f"Used for {key}, the same but for its spelling"
                hint = f"Spelled like {key}, which is known"
                mine.setdefault(value, Candidate()).spelled(row.key, key, reason, hint)
            for value, key in self._lookalikes[row.cause_id].items():
                hint = f"{LOOKS_SAME} ({mistaken(row.key, key)}) as {key}, which is known"
                mine.setdefault(value, Candidate()).hints.append(hint)
        return found

    def _candidates_of_files(self) -> dict[int, dict[str, Candidate]]:
        """Return by cause the candidates from uploaded lists: matching entries, and entries of
        values in use.
        """
        identities = [self._said[row.cause_id].newest for row in self._rows]
        values = sorted({value for row in self._rows for value in self._used(row)})
        found: dict[int, dict[str, Candidate]] = {row.cause_id: {} for row in self._rows}
        for file in self._purpose.files:
            fitting = file_codes.fitting_codes(self._session, file, identities)
            entries = file_codes.codes_by_code(self._session, file, values)
            entries |= {one.code: one for one in fitting}
            party = file.kind != ListKind.ITEM
            for row in self._rows:
                mine, used = found[row.cause_id], self._used(row)
                who = self._said[row.cause_id].newest
                for code in sorted(entries):
                    one = compare_entry(entries[code], who, party=party, by_id=file.by_id)
                    if one.reasons or one.hints or code in used:
                        mine[code] = mine[code].joined(one) if code in mine else one
        return found

    def _shared(self) -> dict[int, str]:
        """Return why parties cannot have a value: another key has it, or would get it as well.

        Another spelling of the key does not count.
        """
        matches = self._matches()
        if not self._purpose.of_parties or not matches:
            return {}
        values = list(dict.fromkeys(one.value for one in matches))
        keys_by_value = choices.keys_by_value(self._session, self._table, values)
        wrong: dict[int, str] = {}
        for one in matches:
            have = keys_by_value[one.value][0]
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
        """Return why values fail: a target's complete list or its uploaded list lacks them.

        A value missing in an uploaded list passes if it was posted before.
        """
        matches = self._matches()
        values = list(dict.fromkeys(one.value for one in matches))
        if not values:
            return {}
        reported = [
            (one, _load_reported_codes(self._session, (one,), values))
            for one in self._purpose.lists
            if one.complete
        ]
        uploaded = [
            (file, file_codes.codes_by_code(self._session, file, values))
            for file in self._purpose.files
        ]
        lacking = [value for value in values if any(value not in codes for _, codes in uploaded)]
        posted = choices.posted_values(self._session, self._table, lacking) if lacking else set()
        wrong: dict[str, str] = {}
        for value in values:
            for one, codes in reported:
                if value not in codes:
                    wrong[value] = f"{one.target} does not list {value}"
            for file, entries in uploaded:
                entry = entries.get(value)
                if entry is None and value not in posted:
                    wrong[value] = f"{value} is not in the list of {file.target} of {file.as_of}"
                elif entry is not None and not entry.active:
                    at = f"{file.target} by the list of {file.as_of}"
                    wrong[value] = f"{value} is inactive in {at}"
        return {one.row.cause_id: wrong[one.value] for one in matches if one.value in wrong}


def _load_spellings(
    session: Session, table: MappingTable, rows: Sequence[Missing]
) -> tuple[Spelled, Spelled]:
    """Return by cause the values of keys with equal letters and digits, and of lookalike keys."""
    entries = session.execute(
        select(MappingEntry.key, MappingEntry.value)
        .where(MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None))
        .where(MappingEntry.value.is_not(None), MappingEntry.num.is_(None))
        .order_by(MappingEntry.key),
        execution_options=KEPT,
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


def _load_former_keys(session: Session, table: MappingTable, keys: Collection[str]) -> set[str]:
    """Return the keys that ever had an entry, because their posted documents need a separate
    look.
    """
    if not keys:
        return set()
    query = select(MappingEntry.key).where(
        MappingEntry.table_id == table.id, bulk.among(MappingEntry.key, list(keys))
    )
    return set(session.scalars(query, execution_options=KEPT))


def _load_reported_codes(
    session: Session, lists: Sequence[CodeList], keys: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return for each key the targets that reported exactly this code."""
    targets = {one.snapshot_id: one.target for one in lists}
    if not targets or not keys:
        return {}
    rows = session.execute(
        select(SnapshotItem.snapshot_id, SnapshotItem.code).where(
            bulk.among(SnapshotItem.snapshot_id, sorted(targets)),
            bulk.among(SnapshotItem.code, list(keys)),
            SnapshotItem.to_revision.is_(None),
        ),
        execution_options=KEPT,
    )
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row.code].append(targets[row.snapshot_id])
    return {code: tuple(sorted(names)) for code, names in found.items()}


def load_identities(
    session: Session, company_id: int, rows: Sequence[Missing], parties: Collection[str]
) -> dict[int, Said]:
    """Return by cause what records contain about its key; `parties` are tables of customers or
    vendors.
    """
    last = (
        select(_hold.id)
        .where(_hold.cause_id == Cause.id, is_open(_hold.state))
        .order_by(_hold.id.desc())
        .limit(LOOKED_AT)
        .correlate(Cause)
        .subquery()
    )
    # first since which hold of each cause, once: PostgreSQL asks it again of every hold otherwise
    first = (
        select(Cause.id, select(func.min(last.c.id)).scalar_subquery().label("since"))
        .where(Cause.company_id == company_id)
        .where(bulk.among(Cause.id, [row.cause_id for row in rows]))
        .limit(len(rows))
        .subquery()
    )
    looked_at = (  # and of no more than these the record
        select(Hold.id, Hold.cause_id, Hold.record_id)
        .join_from(first, Hold, (Hold.cause_id == first.c.id) & HOLD_OPEN)
        .where(Hold.id >= first.c.since)
        .limit(len(rows) * LOOKED_AT)
        .subquery()
    )
    query = (
        select(looked_at.c.cause_id, type_coerce(Version.body, Text).label("body"))
        .join_from(looked_at, Record, Record.id == looked_at.c.record_id)
        .join(Version, Version.id == Record.version_id)
        .order_by(looked_at.c.cause_id, looked_at.c.id.desc())
    )
    keys = {row.cause_id: row.key for row in rows}
    of_party = {row.cause_id for row in rows if row.table in parties}
    said: dict[int, list[str]] = {cause_id: [] for cause_id in keys}
    for row in named(session.execute(query, execution_options=KEPT)):
        said[row.cause_id].append(row.body or "{}")
    return {
        cause_id: _heard(bodies, keys[cause_id], party=cause_id in of_party)
        for cause_id, bodies in said.items()
    }


def _heard(bodies: Sequence[str], key: str, *, party: bool) -> Said:
    """Return what these records, newest first, contain about a key.

    If a line names the key of a non-party table, it is an item, otherwise the party of the record.
    Only the needed fields are decoded, because a page reads a thousand records.
    """
    written = "" if party else dumps(key)
    names: list[str] = []
    tins: list[str] = []
    numbers: list[str] = []
    of_item = False
    for body in bodies:
        item = _named_item(body, key) if written and written in body else None
        if item is not None:
            of_item = of_item or not names
            names.append(item)
            continue
        who = _OF_PARTY(body)
        if key in (who.channel, who.currency):  # a debtor of a channel is none of its customers
            continue
        names.append(_text(who.customer_name) or _text(who.supplier_name))
        tins.append(_text(who.tin))
        numbers.append(_text(who.registration))
    newest = Identity(key, _first(names), _first(tins), _first(numbers), of_party=not of_item)
    return Said(newest, _torn(set(tins), set(numbers)))


def _named_item(stored: str, key: str) -> str | None:
    """Return the name in the line that has the key."""
    lines = (line for line in _lines(parse_json(stored)) if key in line.values())
    return next((_text(line.get("name")) for line in lines), None)


def _lines(body: Any) -> Iterator[dict[str, Any]]:
    """Yield the lines of a record body."""
    for part in body.values():
        if isinstance(part, list):
            yield from [line for line in part if isinstance(line, dict)]


def _text(said: Any) -> str:
    return str(said or "").strip()


def _first(texts: Sequence[str]) -> str:
    """Return the first text that is not blank."""
    return next(filter(None, texts), "")


def _torn(told: set[str], registered: set[str]) -> str:
    tins = {tin_key(tin) for tin in told} - {""}
    if len(tins) > 1:
        return f"Its records give {len(tins)} TINs"
    numbers = {registration_key(given) for given in registered} - {""}
    return f"Its records give {len(numbers)} registration numbers" if len(numbers) > 1 else ""


def mask_identity(who: Identity) -> Identity:
    """Return the identity without personal data; an item has none."""
    if not who.of_party:
        return who
    name, tin, registration = (MASK if said else "" for said in _numbers_and_name(who))
    return Identity(who.key, name, tin, registration)


def _numbers_and_name(who: Identity) -> tuple[str, str, str]:
    return who.name, who.tin, who.registration


def same_word(one: str, other: str) -> bool:
    """Check whether two spellings differ only in case and extra blanks."""
    first, second = (fold_key(" ".join(text.split()), ("any_case",)) for text in (one, other))
    return first == second


def compare_entry(entry: FileCode, who: Identity, *, party: bool, by_id: bool = False) -> Candidate:
    """Compare a list entry with a source's identity, and return what agrees and differs.

    If codes are ids (`by_id`) they do not count, and items are compared by SKU and name.
    """
    named = entry.name != entry.code
    if by_id and not party:
        return _by_sku_or_name(entry, who)
    one = Candidate(name=entry.name if named else "")
    alike = not by_id and same_word(entry.code, who.key)
    if alike:
        one.reasons.append("Same code" if entry.code == who.key else "Same code, spelled otherwise")
    if party:
        _numbers(one, tin_key(entry.tin), tin_key(who.tin), SAME_TIN, OTHER_TIN)
        ours, theirs = registration_key(who.registration), registration_key(entry.registration)
        _numbers(one, theirs, ours, SAME_REGISTRATION, OTHER_REGISTRATION)
    # Needs another proof, because `1-12` and `11-2` have the same match key.
    near = not by_id and not alike and match_key(entry.code) == match_key(who.key)
    if who.name and (party or (named and (alike or near))):
        _names(one, entry.name, who.name, beside=one.strong or alike)
    if near:
        words = "Same code, spelled otherwise"
        one.spelled(entry.code, who.key, words, words)
    elif not by_id and (signs := mistaken(who.key, entry.code)):
        one.hints.append(f"{LOOKS_SAME} ({signs})")
    return one


def _by_sku_or_name(entry: FileCode, who: Identity) -> Candidate:
    """Compare an item whose SKU or name may be the key."""
    one = Candidate(name=entry.name)
    alike = bool(entry.sku) and same_word(entry.sku, who.key)
    near = bool(entry.sku) and not alike and match_key(entry.sku) == match_key(who.key)
    if alike:
        one.reasons.append(SAME_SKU if entry.sku == who.key else NEAR_SKU)
    if same_word(entry.name, who.key):
        one.reasons.append(NAMED_SO)
    if who.name and name_key(entry.name) == name_key(who.name):
        one.reasons.append(SAME_NAME)
    elif who.name and NAMED_SO not in one.reasons and (alike or near):
        one.against.append(f"another name, {entry.name}")
    if near:
        one.spelled(entry.sku, who.key, NEAR_SKU, NEAR_SKU)
    elif entry.sku and not alike and one.reasons:
        one.against.append(f"another SKU, {entry.sku}")
    return one


def _numbers(one: Candidate, theirs: str, ours: str, same: str, other: str) -> None:
    if ours and theirs:
        (one.reasons if ours == theirs else one.against).append(same if ours == theirs else other)


def _names(one: Candidate, theirs: str, ours: str, *, beside: bool) -> None:
    """Compare two names; `beside` means a number or the code agrees, so a name without Sdn Bhd
    counts.
    """
    if name_key(theirs) == name_key(ours):
        one.reasons.append(SAME_NAME)
    elif short_name_key(theirs) == short_name_key(ours):
        (one.reasons if beside else one.hints).append(NAME_BUT_FORM)
    else:
        one.against.append(f"another name, {theirs}")


Candidates = Mapping[str, Candidate]


def choose_value(found: Candidates) -> tuple[str, str]:
    """Return the only match and "", or "" and why none is chosen."""
    spoken = {value: one for value, one in found.items() if one.reasons}
    rival = [v for v, one in spoken.items() if one.strong or not one.other_number]
    if len(rival) > 1:
        return "", f"{len(rival)} values fit: {', '.join(sorted(rival)[:3])}"
    if not rival:
        return "", _nearly(found)
    one = spoken[rival[0]]
    if one.against:
        return "", f"{one.reasons[0]} as {rival[0]}, but {' and '.join(one.against)}"
    return rival[0], ""


def _nearly(found: Candidates) -> str:
    """Return what nearly matches."""
    for value, one in found.items():
        if one.reasons:
            return f"{one.reasons[0]} as {value}, but {' and '.join(one.against)}"
        by_name = one.hints[0] == NAME_BUT_FORM
        if one.hints[0].startswith(LOOKS_SAME):
            return f"{one.hints[0]} as {value}: a person has to say whether that is meant"
        lacks = "no number tells them" if by_name else "no number and no name agrees"
        return f"{one.hints[0]} as {value}, but {' and '.join(one.against) or lacks}"
    return NOTHING
