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
    mapped_rows = [row for row in rows if row.table in tables]
    parties = {name for name, purpose in purposes.items() if purpose.of_parties}
    identities = load_identities(session, company_id, mapped_rows, parties) if mapped_rows else {}
    verdicts: dict[int, Match | LeftOut] = {}
    for name, purpose in purposes.items():
        if name in tables:
            of_table = [row for row in mapped_rows if row.table == name]
            search = _Search(session, tables[name], of_table, purpose, identities, uses)
            verdicts |= search.verdicts()
    results = [verdicts[row.cause_id] for row in rows if row.cause_id in verdicts]
    return Matches(
        exact=tuple(result for result in results if isinstance(result, Match)),
        left=tuple(result for result in results if isinstance(result, LeftOut)),
        more=fixes.count_missing(session, company_id, OF_MAPS) - len(rows),
        maps=KnownMaps(tables),
    )


@dataclass(frozen=True, slots=True)
class RecordIdentity:
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

    def spelled(self, spelling: str, other: str, reason: str, hint: str) -> None:
        """Add that a code or key is another spelling.

        `1-12` and `11-2` share their digits, so punctuation counts only with an equal number or
        name.
        """
        if same_word(spelling, other) or self.strong or SAME_NAME in self.reasons:
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
        identities: Mapping[int, RecordIdentity],
        uses: Mapping[int, Sequence[Suggestion]],
    ) -> None:
        self._session, self._table, self._rows, self._purpose = session, table, rows, purpose
        self._said, self._uses = identities, uses
        self._same_letters, self._lookalikes = _load_spellings(session, table, rows)
        self._chosen = self._choose()

    def _choose(self) -> dict[int, Match | LeftOut]:
        """Return by cause the only match of each key, or why there is none."""
        candidates = self._candidates()
        consistent_keys = [row.key for row in self._rows if not self._said[row.cause_id].torn]
        had_before = _load_former_keys(self._session, self._table, consistent_keys)
        chosen: dict[int, Match | LeftOut] = {}
        for row in self._rows:
            record_identity = self._said[row.cause_id]
            why = record_identity.torn or (OWN if row.key in had_before else "")
            value, left_out_reason = ("", why) if why else choose_value(candidates[row.cause_id])
            if left_out_reason:
                chosen[row.cause_id] = LeftOut(row, record_identity.newest, left_out_reason)
            else:
                fits = candidates[row.cause_id][value]
                reasons = tuple(fits.reasons)
                chosen[row.cause_id] = Match(row, record_identity.newest, value, fits.name, reasons)
        return chosen

    def verdicts(self) -> dict[int, Match | LeftOut]:
        """Return the result by cause.

        A value of another party, or one the target does not list, is left out.
        """
        unfit = {**self._shared(), **self._unlisted()}
        unfit_matches = [match for match in self._matches() if match.row.cause_id in unfit]
        return self._chosen | {
            match.row.cause_id: LeftOut(match.row, match.who, unfit[match.row.cause_id])
            for match in unfit_matches
        }

    def _matches(self) -> list[Match]:
        return [match for match in self._chosen.values() if isinstance(match, Match)]

    def _used(self, row: Missing) -> set[str]:
        """Return the values in use that are candidates for a key."""
        uses = {use.value for use in self._uses.get(row.cause_id, ())}
        return uses | set(self._same_letters[row.cause_id])

    def _candidates(self) -> dict[int, dict[str, Candidate]]:
        """Return by cause and value the reasons for and against it."""
        candidates = self._candidates_of_files()
        targets = _load_reported_codes(
            self._session, self._purpose.lists, [row.key for row in self._rows]
        )
        for row in self._rows:
            row_candidates = candidates[row.cause_id]
            for target in targets.get(row.key, ()):
                row_candidates.setdefault(row.key, Candidate()).reasons.append(
                    f"Same code in {target}"
                )
            for use in self._uses.get(row.cause_id, ()):
                row_candidates.setdefault(use.value, Candidate()).reasons.append(
                    f"{use.reason}: {use.key}"
                )
            for value, key in self._same_letters[row.cause_id].items():
                reason = f"Used for {key}, the same but for its spelling"
                hint = f"Spelled like {key}, which is known"
                row_candidates.setdefault(value, Candidate()).spelled(row.key, key, reason, hint)
            for value, key in self._lookalikes[row.cause_id].items():
                hint = f"{LOOKS_SAME} ({mistaken(row.key, key)}) as {key}, which is known"
                row_candidates.setdefault(value, Candidate()).hints.append(hint)
        return candidates

    def _candidates_of_files(self) -> dict[int, dict[str, Candidate]]:
        """Return by cause the candidates from uploaded lists: matching entries, and entries of
        values in use.
        """
        identities = [self._said[row.cause_id].newest for row in self._rows]
        values = sorted({value for row in self._rows for value in self._used(row)})
        candidates: dict[int, dict[str, Candidate]] = {row.cause_id: {} for row in self._rows}
        for file in self._purpose.files:
            fitting = file_codes.fitting_codes(self._session, file, identities)
            entries = file_codes.codes_by_code(self._session, file, values)
            entries |= {entry.code: entry for entry in fitting}
            party = file.kind != ListKind.ITEM
            for row in self._rows:
                row_candidates, used = candidates[row.cause_id], self._used(row)
                identity = self._said[row.cause_id].newest
                for code in sorted(entries):
                    candidate = compare_entry(
                        entries[code], identity, party=party, by_id=file.by_id
                    )
                    if candidate.reasons or candidate.hints or code in used:
                        row_candidates[code] = (
                            row_candidates[code].joined(candidate)
                            if code in row_candidates
                            else candidate
                        )
        return candidates

    def _shared(self) -> dict[int, str]:
        """Return why parties cannot have a value: another key has it, or would get it as well.

        Another spelling of the key does not count.
        """
        matches = self._matches()
        if not self._purpose.of_parties or not matches:
            return {}
        values = list(dict.fromkeys(match.value for match in matches))
        keys_by_value = choices.keys_by_value(self._session, self._table, values)
        wrong: dict[int, str] = {}
        for match in matches:
            have = keys_by_value[match.value][0]
            other_keys = [key for key in have if match_key(key) != match_key(match.row.key)]
            if other_keys:
                why = f"{match.reasons[0]} as {other_keys[0]}, which is {match.value} already"
                wrong[match.row.cause_id] = why
        free = [match for match in matches if match.row.cause_id not in wrong]
        for match in free:
            others = [
                other.row.key
                for other in free
                if other.value == match.value
                and match_key(other.row.key) != match_key(match.row.key)
            ]
            if others:
                wrong[match.row.cause_id] = f"{', '.join(others[:3])} would be {match.value}, too"
        return wrong

    def _unlisted(self) -> dict[int, str]:
        """Return why values fail: a target's complete list or its uploaded list lacks them.

        A value missing in an uploaded list passes if it was posted before.
        """
        matches = self._matches()
        values = list(dict.fromkeys(match.value for match in matches))
        if not values:
            return {}
        reported = [
            (code_list, _load_reported_codes(self._session, (code_list,), values))
            for code_list in self._purpose.lists
            if code_list.complete
        ]
        uploaded = [
            (file, file_codes.codes_by_code(self._session, file, values))
            for file in self._purpose.files
        ]
        lacking = [value for value in values if any(value not in codes for _, codes in uploaded)]
        posted = choices.posted_values(self._session, self._table, lacking) if lacking else set()
        wrong: dict[str, str] = {}
        for value in values:
            for code_list, codes in reported:
                if value not in codes:
                    wrong[value] = f"{code_list.target} does not list {value}"
            for file, entries in uploaded:
                entry = entries.get(value)
                if entry is None and value not in posted:
                    wrong[value] = f"{value} is not in the list of {file.target} of {file.as_of}"
                elif entry is not None and not entry.active:
                    at = f"{file.target} by the list of {file.as_of}"
                    wrong[value] = f"{value} is inactive in {at}"
        return {match.row.cause_id: wrong[match.value] for match in matches if match.value in wrong}


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
    entries_by_match_key: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    looks: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for entry in entries:
        entries_by_match_key[match_key(entry.key)].append((entry.value, entry.key))
        looks[skeleton(entry.key)].append((entry.value, entry.key))
    same_letters: Spelled = {}
    lookalikes: Spelled = {}
    for row in rows:
        pairs = entries_by_match_key.get(match_key(row.key), [])
        keys_by_value = dict(reversed(pairs))
        same_words = {value: key for value, key in pairs if same_word(key, row.key)}
        same_letters[row.cause_id] = keys_by_value | same_words
        pairs = looks.get(skeleton(row.key), [])
        lookalikes[row.cause_id] = {value: key for value, key in pairs if mistaken(row.key, key)}
    return same_letters, lookalikes


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
    targets = {code_list.snapshot_id: code_list.target for code_list in lists}
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
    targets_by_code: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        targets_by_code[row.code].append(targets[row.snapshot_id])
    return {code: tuple(sorted(names)) for code, names in targets_by_code.items()}


def load_identities(
    session: Session, company_id: int, rows: Sequence[Missing], parties: Collection[str]
) -> dict[int, RecordIdentity]:
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
    bodies_by_cause: dict[int, list[str]] = {cause_id: [] for cause_id in keys}
    for row in named(session.execute(query, execution_options=KEPT)):
        bodies_by_cause[row.cause_id].append(row.body or "{}")
    return {
        cause_id: _identity_in_records(bodies, keys[cause_id], party=cause_id in of_party)
        for cause_id, bodies in bodies_by_cause.items()
    }


def _identity_in_records(bodies: Sequence[str], key: str, *, party: bool) -> RecordIdentity:
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
        party_fields = _OF_PARTY(body)
        # A debtor of a channel is none of its customers.
        if key in (party_fields.channel, party_fields.currency):
            continue
        names.append(_text(party_fields.customer_name) or _text(party_fields.supplier_name))
        tins.append(_text(party_fields.tin))
        numbers.append(_text(party_fields.registration))
    newest = Identity(key, _first(names), _first(tins), _first(numbers), of_party=not of_item)
    return RecordIdentity(newest, _contradictory_numbers(set(tins), set(numbers)))


def _named_item(stored: str, key: str) -> str | None:
    """Return the name in the line that has the key."""
    lines = (line for line in _lines(parse_json(stored)) if key in line.values())
    return next((_text(line.get("name")) for line in lines), None)


def _lines(body: Any) -> Iterator[dict[str, Any]]:
    """Yield the lines of a record body."""
    for part in body.values():
        if isinstance(part, list):
            yield from [line for line in part if isinstance(line, dict)]


def _text(value: Any) -> str:
    return str(value or "").strip()


def _first(texts: Sequence[str]) -> str:
    """Return the first text that is not blank."""
    return next(filter(None, texts), "")


def _contradictory_numbers(tin_texts: set[str], registered: set[str]) -> str:
    tins = {tin_key(tin) for tin in tin_texts} - {""}
    if len(tins) > 1:
        return f"Its records give {len(tins)} TINs"
    numbers = {registration_key(number) for number in registered} - {""}
    return f"Its records give {len(numbers)} registration numbers" if len(numbers) > 1 else ""


def mask_identity(identity: Identity) -> Identity:
    """Return the identity without personal data; an item has none."""
    if not identity.of_party:
        return identity
    name, tin, registration = (MASK if text else "" for text in _numbers_and_name(identity))
    return Identity(identity.key, name, tin, registration)


def _numbers_and_name(identity: Identity) -> tuple[str, str, str]:
    return identity.name, identity.tin, identity.registration


def same_word(spelling: str, other: str) -> bool:
    """Check whether two spellings differ only in case and extra blanks."""
    first, second = (fold_key(" ".join(text.split()), ("any_case",)) for text in (spelling, other))
    return first == second


def compare_entry(
    entry: FileCode, identity: Identity, *, party: bool, by_id: bool = False
) -> Candidate:
    """Compare a list entry with a source's identity, and return what agrees and differs.

    If codes are ids (`by_id`) they do not count, and items are compared by SKU and name.
    """
    named = entry.name != entry.code
    if by_id and not party:
        return _by_sku_or_name(entry, identity)
    candidate = Candidate(name=entry.name if named else "")
    same_code = not by_id and same_word(entry.code, identity.key)
    if same_code:
        candidate.reasons.append(
            "Same code" if entry.code == identity.key else "Same code, spelled otherwise"
        )
    if party:
        _numbers(candidate, tin_key(entry.tin), tin_key(identity.tin), SAME_TIN, OTHER_TIN)
        record_number, entry_number = (
            registration_key(identity.registration),
            registration_key(entry.registration),
        )
        _numbers(candidate, entry_number, record_number, SAME_REGISTRATION, OTHER_REGISTRATION)
    # Needs another proof, because `1-12` and `11-2` have the same match key.
    near = not by_id and not same_code and match_key(entry.code) == match_key(identity.key)
    if identity.name and (party or (named and (same_code or near))):
        _names(candidate, entry.name, identity.name, confirmed=candidate.strong or same_code)
    if near:
        words = "Same code, spelled otherwise"
        candidate.spelled(entry.code, identity.key, words, words)
    elif not by_id and (signs := mistaken(identity.key, entry.code)):
        candidate.hints.append(f"{LOOKS_SAME} ({signs})")
    return candidate


def _by_sku_or_name(entry: FileCode, identity: Identity) -> Candidate:
    """Compare an item whose SKU or name may be the key."""
    candidate = Candidate(name=entry.name)
    same_sku = bool(entry.sku) and same_word(entry.sku, identity.key)
    near = bool(entry.sku) and not same_sku and match_key(entry.sku) == match_key(identity.key)
    if same_sku:
        candidate.reasons.append(SAME_SKU if entry.sku == identity.key else NEAR_SKU)
    if same_word(entry.name, identity.key):
        candidate.reasons.append(NAMED_SO)
    if identity.name and name_key(entry.name) == name_key(identity.name):
        candidate.reasons.append(SAME_NAME)
    elif identity.name and NAMED_SO not in candidate.reasons and (same_sku or near):
        candidate.against.append(f"another name, {entry.name}")
    if near:
        candidate.spelled(entry.sku, identity.key, NEAR_SKU, NEAR_SKU)
    elif entry.sku and not same_sku and candidate.reasons:
        candidate.against.append(f"another SKU, {entry.sku}")
    return candidate


def _numbers(
    candidate: Candidate, entry_number: str, record_number: str, agreement: str, other: str
) -> None:
    if record_number and entry_number:
        (candidate.reasons if record_number == entry_number else candidate.against).append(
            agreement if record_number == entry_number else other
        )


def _names(candidate: Candidate, entry_name: str, record_name: str, *, confirmed: bool) -> None:
    """Compare two names; `confirmed` means a number or the code agrees, so a name without Sdn Bhd
    counts.
    """
    if name_key(entry_name) == name_key(record_name):
        candidate.reasons.append(SAME_NAME)
    elif short_name_key(entry_name) == short_name_key(record_name):
        (candidate.reasons if confirmed else candidate.hints).append(NAME_BUT_FORM)
    else:
        candidate.against.append(f"another name, {entry_name}")


Candidates = Mapping[str, Candidate]


def choose_value(candidates: Candidates) -> tuple[str, str]:
    """Return the only match and "", or "" and why none is chosen."""
    spoken = {value: candidate for value, candidate in candidates.items() if candidate.reasons}
    rival = [v for v, candidate in spoken.items() if candidate.strong or not candidate.other_number]
    if len(rival) > 1:
        return "", f"{len(rival)} values fit: {', '.join(sorted(rival)[:3])}"
    if not rival:
        return "", _describe_near_match(candidates)
    candidate = spoken[rival[0]]
    if candidate.against:
        return "", f"{candidate.reasons[0]} as {rival[0]}, but {' and '.join(candidate.against)}"
    return rival[0], ""


def _describe_near_match(candidates: Candidates) -> str:
    """Return a sentence with the best near match and why it is not chosen, or NOTHING."""
    for value, candidate in candidates.items():
        if candidate.reasons:
            return f"{candidate.reasons[0]} as {value}, but {' and '.join(candidate.against)}"
        by_name = candidate.hints[0] == NAME_BUT_FORM
        if candidate.hints[0].startswith(LOOKS_SAME):
            return f"{candidate.hints[0]} as {value}: a person has to say whether that is meant"
        lacks = "no number tells them" if by_name else "no number and no name agrees"
        return f"{candidate.hints[0]} as {value}, but {' and '.join(candidate.against) or lacks}"
    return NOTHING
