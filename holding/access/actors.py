"""Actors, roles and permissions, the keys that encrypt secrets, and hidden personal fields."""

import hashlib
import hmac
import json
import os
import re
import stat
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Select, String, bindparam, cast, func, or_, select
from sqlalchemy.orm import Session, aliased

from holding.access.reach import EVERYTHING, Reach, of_ids
from holding.db import bulk
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Deputy,
    MappingEntry,
    MappingTable,
    Membership,
    Person,
    Posting,
    Push,
    Record,
    SourceLimit,
    Version,
)
from holding.db.models.columns import NOW
from holding.db.refusal import Refusal
from holding.platform.events import COMMAND_LINE
from holding.platform.settings import Settings, conceal, home_of
from rules.values.cause_keys import match_key
from rules.values.wording import MISSING

ROLES: Final = (
    "viewer",
    "finance",
    "approver",
    "consultant",
    "publisher",
    "auditor",
    "operator",
    "admin",
)

ACTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "record.read": frozenset(ROLES),
        "record.pii": frozenset({"finance", "approver", "auditor"}),
        "record.names": frozenset({"finance", "approver", "auditor", "admin"}),
        "record.edit": frozenset({"finance"}),
        "hold.assign": frozenset({"finance", "approver"}),
        "hold.retry": frozenset({"finance", "approver"}),
        "retry.override": frozenset({"admin"}),
        "upload": frozenset({"finance", "consultant"}),
        "import.tell": frozenset({"finance"}),
        "mapping.read": frozenset(ROLES) - {"viewer", "operator"},
        "mapping.fix": frozenset({"finance", "admin"}),
        "posting.approve": frozenset({"approver"}),
        "rules.draft": frozenset({"consultant"}),
        "rules.discuss": frozenset({"consultant", "publisher"}),
        "rules.publish": frozenset({"publisher"}),
        "audit.export": frozenset({"auditor"}),
        "audit.note": frozenset({"auditor"}),
        "audit.read": frozenset({"auditor", "admin"}),
        "stop.decide": frozenset({"approver", "operator", "admin"}),
        "run.operate": frozenset({"operator", "admin"}),
        "connection.admin": frozenset({"admin"}),
        "people.admin": frozenset({"admin"}),
        "company.setup": frozenset({"admin"}),
        "deputy.name": frozenset({"approver", "admin"}),
    }
)

ACT_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "record.read": "view records",
        "record.pii": "view personal data",
        "record.names": "view names and tax numbers of customers",
        "record.edit": "correct values and document dates",
        "hold.assign": "assign, snooze and comment on holds",
        "hold.retry": "retry records",
        "upload": "import files",
        "import.tell": "download files for an import and say how it ended",
        "mapping.read": "read mapping tables that name customers",
        "mapping.fix": "add and change mappings",
        "posting.approve": "approve, release and reject",
        "retry.override": "resend without a change",
        "stop.decide": "decide on safety stops",
        "run.operate": "run syncs, pause and resume connections",
        "rules.draft": "draft rule changes",
        "rules.discuss": "comment on rule changes",
        "rules.publish": "publish rule changes",
        "audit.read": "view the audit log",
        "audit.export": "export the audit log and evidence",
        "audit.note": "write audit notes",
        "company.setup": "set the company up and let it go live",
        "connection.admin": "manage connections and API keys",
        "people.admin": "manage users",
        "deputy.name": "appoint delegates",
    }
)

if set(ACTS) != set(ACT_LABELS):  # else a refusal could not say what it refuses
    raise RuntimeError(f"role_words.py does not fit: {sorted(set(ACTS) ^ set(ACT_LABELS))}")

# Pairs that one account should not hold together. Granting both is allowed and said aloud in an
# event: what is refused is the act, by person.
UNEASY_PAIRS: Final = (("consultant", "publisher"), ("admin", "approver"))

WHOLE: Final = frozenset(
    {
        *("mapping.fix", "rules.draft", "rules.discuss", "rules.publish"),
        *("run.operate", "stop.decide"),
        *("audit.read", "audit.export", "connection.admin", "people.admin", "company.setup"),
        "deputy.name",
    }
)
"""Acts that reach every source: whoever sees some sources only may do none of them."""

LENT: Final = frozenset({"posting.approve"})  # what a deputy may do in another's name

GUARDED_ROLES: Final = tuple(
    role
    for role in ROLES
    if any(role in ACTS[act] for act in ("posting.approve", "rules.publish", "people.admin"))
)
"""Whose holders need a second factor where a company requires it."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """A person whom the actor may act for at this moment."""

    person_id: int
    name: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, or the system, acting inside one company.

    `scopes`: the acts of the token, None without a token. `reach`: the sources whose records they
    see. `proved_at`: when their session last proved the second factor with a code.
    """

    person_id: int | None
    name: str
    email: str
    company_id: int | None
    roles: frozenset[str]
    via: str = "portal"
    stands_for: tuple[StandIn, ...] = ()
    scopes: frozenset[str] | None = None
    reach: Reach = EVERYTHING
    proved_at: datetime | None = None


SYSTEM: Final = Actor(
    person_id=None, name="Clearpost", email="", company_id=None, roles=frozenset(), via="system"
)

BY_PROGRAM: Final = "token"  # how a program comes in

OPERATOR: Final = replace(SYSTEM, via=COMMAND_LINE)
"""Whoever may run commands on the machine, where a command asks for no person."""

_SOURCES = (
    select(func.aggregate_strings(cast(SourceLimit.source_id, String), " "))
    .where(
        SourceLimit.company_id == Membership.company_id,
        SourceLimit.person_id == Membership.person_id,
    )
    .correlate(Membership)
    .scalar_subquery()
)

_OWN = Membership.person_id == bindparam("person")

_LENDERS = select(Deputy.person_id).where(
    Deputy.company_id == bindparam("company"),
    Deputy.deputy_id == bindparam("person"),
    Deputy.until_at > NOW,
    Deputy.from_at <= NOW,
    Deputy.ended_at.is_(None),
)

_OF_ANYBODY = select(Membership.person_id, Membership.role, _SOURCES.label("sources")).where(
    Membership.company_id == bindparam("company")
)

_HELD = _OF_ANYBODY.where(_OWN)

_HELD_OR_LENT = _OF_ANYBODY.where(or_(_OWN, Membership.person_id.in_(_LENDERS)))

KEY_NAME = "secret.key"

SHORTEST = 8

NEUTRAL: Final[Mapping[str, str]] = {
    "customer_name": "Sample customer",
    "tin": "C20880050010",
    "registration": "200000000001",
    "address": "1 Sample Street",
    "email": "buyer@example.com",
    "phone": "+60 12-345 6789",
}
"""What is written for a personal value where anybody may read it, such as in a rule file."""

NEUTRAL_FIELDS: Final[Mapping[str, str]] = {
    "Customer": NEUTRAL["customer_name"],
    "CustomerTIN": NEUTRAL["tin"],
    "CustomerIDNumber": NEUTRAL["registration"],
    "CustomerAddress": NEUTRAL["address"],
    "CustomerEmail": NEUTRAL["email"],
    "CustomerPhone": NEUTRAL["phone"],
    "DebtorName": NEUTRAL["customer_name"],
}
"""The same by the fields of documents."""

PERSONAL = frozenset(NEUTRAL)

PERSONAL_FIELDS = tuple(NEUTRAL_FIELDS)

ALL_PERSONAL: Final = PERSONAL.union(PERSONAL_FIELDS)
"""The personal fields of records and of documents."""

IDENTIFYING: Final = frozenset(
    {
        *("customer_name", "tin", "registration"),
        *("Customer", "CustomerTIN", "CustomerIDNumber", "DebtorName"),
    }
)
"""The personal fields that identify a customer, as whoever maps customers must."""

MASK = "•••"

Hide = Callable[[str], str]

HideOf = Callable[[int, str], str]  # the sentence is of this record

ROLE_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "viewer": "Viewer",
        "finance": "Finance user",
        "approver": "Approver",
        "consultant": "Integration consultant",
        "publisher": "Rule publisher",
        "auditor": "Auditor",
        "operator": "Integration operator",
        "admin": "Administrator",
    }
)

GROUPS: Final = (
    (
        "Records",
        ("record.read", "record.names", "record.pii", "record.edit", "hold.assign", "hold.retry",
         "upload", "mapping.read", "mapping.fix"),
    ),
    (
        "Documents",
        ("posting.approve", "import.tell", "retry.override", "stop.decide", "run.operate"),
    ),
    ("Rules", ("rules.draft", "rules.discuss", "rules.publish")),
    (
        "Company",
        ("company.setup", "audit.read", "audit.export", "audit.note", "connection.admin",
         "people.admin", "deputy.name"),
    ),
)  # fmt: skip
"""The acts as a table shows them, by what they are done to."""

MEETING: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("finance", "approver"): (
            "One person corrects and approves. They cannot approve what they corrected or mapped;"
            " another approver must."
        ),
        ("consultant", "publisher"): (
            "One person drafts and publishes rules. They cannot publish what they drafted;"
            " another rule publisher must."
        ),
        ("publisher", "approver"): (
            "One person publishes rules and approves. They cannot approve documents that were"
            " checked by rules they published; another approver must."
        ),
        ("admin", "approver"): (
            "One person manages users and approves. Whoever can invite people should not release"
            " money; an auditor will ask why."
        ),
    }
)
"""Pairs of roles that one person should not hold together -> what it means when they do."""


@dataclass(frozen=True, slots=True)
class Voice:
    """The name in which an act is done: the actor's own, or the name of a person they deputize
    for.
    """

    actor: Actor
    lent: StandIn | None = None

    @property
    def person_id(self) -> int | None:
        """Return the acting person's id."""
        return self.actor.person_id

    @property
    def for_person_id(self) -> int | None:
        """Return the id of the represented person, or None."""
        return self.lent.person_id if self.lent else None

    @property
    def answers(self) -> int | None:
        """Return the person whose teams count."""
        return self.lent.person_id if self.lent else self.actor.person_id

    @property
    def via(self) -> str:
        """Return the way of access."""
        return self.actor.via

    @property
    def name(self) -> str:
        """Return the name that the trace shows, such as `Siti for Lim`."""
        person = self.lent.name if self.lent else ""
        return f"{self.actor.name} for {person}" if person else self.actor.name


def may(actor: Actor, act: str) -> Refusal | None:
    """Return None if a role of the actor allows the act, else a refusal that names the allowed
    roles.
    """
    allowed = ACTS[act]
    if actor.scopes is not None and act not in actor.scopes:
        return Refusal(
            code="token.scope",
            message=f"This API token does not have the scope {act}.",
            hint="Use a token with this scope, or create one: clearpost token add --scope …",
            status=403,
        )
    if actor.reach.limited and act in WHOLE:
        return Refusal(
            code="reach.limited",
            message=f"You cannot {ACT_LABELS[act]}, because you work with some sources only.",
            hint=f"Ask {any_of(allowed)} who works with all sources.",
            status=403,
        )
    if voices(actor, act):
        return None
    message = f"You cannot {ACT_LABELS[act]}, because your role does not include it."
    if actor.via == COMMAND_LINE:  # whoever types need not be who is named
        message = f"{actor.name} cannot {ACT_LABELS[act]}, because no role of theirs includes it."
    return Refusal("forbidden", message, f"Ask {any_of(allowed)}.", 403, act)


def voices(actor: Actor, act: str) -> list[Voice]:
    """Return the voices in which the actor may do the act, the own one first."""
    allowed = ACTS[act]
    own_voice = [Voice(actor)] if actor.roles & allowed else []
    lenders = actor.stands_for if act in LENT else ()
    return own_voice + [Voice(actor, lender) for lender in lenders if lender.roles & allowed]


def actor_of(
    session: Session,
    person_id: int,
    company_id: int,
    *,
    via: str = "portal",
    now: datetime | None = None,
) -> Actor | None:
    """Return the person inside one company with all roles, or None for strangers and disabled
    people.

    With `now`, the people whom they may act for at that moment are included.
    """
    person = session.get(Person, person_id)
    rights_by_person = _held_with_lenders(session, company_id, person_id, now)
    own_rights = rights_by_person.pop(person_id, None)
    if person is None or not person.active or not own_rights:
        return None
    return Actor(
        person_id=person.id,
        name=person.name,
        email=person.email,
        company_id=company_id,
        roles=frozenset(own_rights.roles),
        via=via,
        stands_for=_stand_ins(session, rights_by_person),
        reach=own_rights.reach,
    )


@dataclass(slots=True)
class _Held:
    """The roles and reach of a person in a company."""

    roles: set[str]
    reach: Reach


def _held_with_lenders(
    session: Session, company_id: int, person_id: int, now: datetime | None
) -> dict[int, _Held]:
    """Return the roles and reach of the person and of the people they deputize for."""
    query, parameters = _HELD, {"company": company_id, "person": person_id, "now": now}
    if now is not None:
        query = _HELD_OR_LENT
    held_by_person: dict[int, _Held] = {}
    for row in session.execute(query, parameters, execution_options=KEPT):
        reach = of_ids(map(int, (row.sources or "").split()))
        held_by_person.setdefault(row.person_id, _Held(set(), reach)).roles.add(row.role)
    return held_by_person


def _stand_ins(session: Session, rights_by_person: Mapping[int, _Held]) -> tuple[StandIn, ...]:
    """Return the represented people.

    A person limited to some sources cannot have a deputy, because the deputy would see all sources.
    """
    lenders = [key for key, rights in rights_by_person.items() if not rights.reach.limited]
    if not lenders:
        return ()
    people = select(Person.id, Person.name).where(Person.id.in_(lenders), Person.active)
    return tuple(
        StandIn(row.id, row.name, frozenset(rights_by_person[row.id].roles))
        for row in session.execute(people.order_by(Person.id))
    )


def roles_of(session: Session, company_id: int, person_id: int) -> set[str]:
    """Return the person's own roles in a company."""
    rights_by_person = _held_with_lenders(session, company_id, person_id, None)
    return rights_by_person[person_id].roles if person_id in rights_by_person else set()


def reach_of(session: Session, company_id: int, person_id: int) -> Reach:
    """Return the sources whose records a person sees in a company."""
    rights_by_person = _held_with_lenders(session, company_id, person_id, None)
    return rights_by_person[person_id].reach if person_id in rights_by_person else EVERYTHING


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of this installation, newest first; never shown."""

    lines: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Keys({len(self.lines)})"

    def encrypt(self, text: str, *, row: str) -> str:
        """Return `text` encrypted so that only this row can read it."""
        plain = json.dumps({"row": row, "text": text}).encode()
        return self._box().encrypt(plain).decode()

    def decrypt(self, cipher: str, *, row: str) -> str | Refusal:
        """Return the text behind `cipher` if it was made for `row` with one of the keys."""
        try:
            content = json.loads(self._box().decrypt(cipher.encode()))
        except (InvalidToken, ValueError):
            return Refusal(
                "secret.unreadable",
                "This secret cannot be decrypted with the current key file.",
                "Give the key file that was in use, or enter the secret again.",
            )
        if content["row"] != row:
            return Refusal(
                "secret.moved",
                "This secret belongs to another row.",
                "The database was changed by hand; enter the secret again.",
            )
        conceal(str(content["text"]))
        return str(content["text"])

    def derive(self, purpose: str) -> str:
        """Return a key for another purpose (sessions, CSRF).

        It is stable while the oldest line stays.
        """
        return hmac.new(self.lines[-1], purpose.encode(), hashlib.sha256).hexdigest()

    def _box(self) -> MultiFernet:
        return MultiFernet([Fernet(line) for line in self.lines])


def home() -> Path:
    """Return the home folder of this process; create it as private if it is missing."""
    folder = home_of(os.environ)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def key_path(settings: Settings) -> Path:
    """Return where the key file of this installation is."""
    return settings.key_file or settings.home / KEY_NAME


def load_keys(settings: Settings) -> Keys | Refusal:
    """Return the keys.

    They are created at the first start of an embedded installation, never for a shared one.
    """
    path = key_path(settings)
    if not path.exists():
        if settings.key_file or not settings.embedded:
            return Refusal(
                "secret.no_key",
                f"There is no key file at {path}.",
                "Run `clearpost key new` once, and copy the file to each machine.",
            )
        make_key_file(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Refusal(
            "secret.open_key", f"Others may read the key file {path}.", f"chmod 600 {path}"
        )
    lines = tuple(_lines(path))
    if not lines or not all(_good(line) for line in lines):
        return Refusal(
            "secret.bad_key",
            f"The key file {path} holds no usable key.",
            "One key a line, newest first, as written at the first start.",
        )
    return Keys(lines)


def make_key_file(path: Path) -> bool:
    """Write a key file with one new key; return whether there was none before.

    The file appears whole, so two processes that start at once use one key.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = _write_keys(path, [Fernet.generate_key()])
    try:
        os.link(fresh, path)
    except FileExistsError:
        return False
    finally:
        fresh.unlink()
    return True


def add_key(path: Path) -> None:
    """Write a new key above the file's existing keys."""
    _write_keys(path, [Fernet.generate_key(), *_lines(path)]).replace(path)


def only_newest_key(path: Path) -> None:
    """Remove all keys but the newest from the file."""
    _write_keys(path, _lines(path)[:1]).replace(path)


def _lines(path: Path) -> list[bytes]:
    return [line.strip() for line in path.read_bytes().splitlines() if line.strip()]


def _write_keys(path: Path, keys: list[bytes]) -> Path:
    """Write keys to a new file beside `path`, readable by its owner only; return it."""
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(b"".join(key + b"\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    return Path(fresh)


def _good(line: bytes) -> bool:
    try:
        Fernet(line)
    except ValueError:
        return False
    return True


def key_fault(secret: str) -> Refusal | None:
    """Return why this text cannot be a key, or None."""
    text = secret.strip()
    if len(text.split()) > 1:
        words = "The key has white space inside."
        return Refusal("key.white_space", words, "Copy it again, in one piece.", 422)
    if len(text) < SHORTEST or not text.isprintable():
        return Refusal("key.unusable", "This cannot be a key.", "Copy it again, whole.", 422)
    return None


def hidden_fields(actor: Actor) -> frozenset[str]:
    """Return the fields of records and documents that every page, file and API masks for a person.

    The scopes of an API token neither grant nor deny personal data.
    """
    person = replace(actor, scopes=None)
    if may(person, "record.pii") is None:
        return frozenset()
    return ALL_PERSONAL - IDENTIFYING if may(person, "record.names") is None else ALL_PERSONAL


def without_personal(body: Mapping[str, Any] | None, hidden: Collection[str]) -> Mapping[str, Any]:
    """Return a record's content with the hidden fields masked."""
    content = body or {}
    if not hidden:
        return content
    return {k: MASK if k in hidden and v is not None else v for k, v in content.items()}


def hiding(session: Session, record_id: int, hidden: Collection[str]) -> Hide:
    """Return a function that masks the values of a record's hidden fields in a sentence."""
    hide = hiding_each(session, [record_id], hidden)
    return lambda text: hide(record_id, text)


def hiding_each(session: Session, record_ids: Collection[int], hidden: Collection[str]) -> HideOf:
    """Return a function that masks the hidden values of one of many records in a sentence."""
    if not hidden or not record_ids:
        return lambda _, text: text
    hides = {key: hider(values) for key, values in _values(session, record_ids, hidden).items()}
    return lambda key, text: hides[key](text) if key in hides else text


def _values(
    session: Session, record_ids: Collection[int], hidden: Collection[str]
) -> dict[int, set[str]]:
    """Return record id -> the values of its hidden fields, from all contents and documents.

    A hidden name includes the listed name, which remains where contents were deleted, and the
    names in related mappings.
    """
    ids = sorted(set(record_ids))
    planned = select(Posting.record_id, Posting.content)
    sent = select(Posting.record_id, Push.content).join(Posting, Posting.id == Push.posting_id)
    bodies = select(Version.record_id, Version.body).where(bulk.among(Version.record_id, ids))
    listed_names = select(Record.id, Record.party).where(
        bulk.among(Record.id, ids), Record.party != Record.party_key
    )
    values_by_record: dict[int, set[str]] = defaultdict(set)
    for key, body in session.execute(bodies):
        values_by_record[key] |= _texts((body or {}).get(name) for name in hidden)
    for documents in (planned, sent):
        of_records = documents.where(bulk.among(Posting.record_id, ids))
        for key, content in session.execute(of_records):
            fields = (content or {}).get("fields", {})
            values_by_record[key] |= _texts(fields.get(name) for name in hidden)
    if IDENTIFYING.isdisjoint(hidden):
        return values_by_record
    for key, name in session.execute(listed_names):
        values_by_record[key] |= _texts([name])
    mapped_values = _mapped_values(session, ids, chain.from_iterable(values_by_record.values()))
    for values in values_by_record.values():
        values |= set().union(*(mapped_values.get(match_key(value), ()) for value in values))
    return values_by_record


def _texts(values: Iterable[object]) -> set[str]:
    return {str(value).strip() for value in values if value is not None} - {"", MISSING}


def _mapped_values(
    session: Session, record_ids: Collection[int], values: Iterable[str]
) -> dict[str, set[str]]:
    """Return personal value -> values that the company's mappings have under it or had in its
    place.

    Examples are the party of a TIN, and the party that a customer was mapped to before.
    """
    spellings = sorted({spelling for value in values for spelling in _spellings(value)})
    if not spellings:
        return {}
    companies = select(Record.company_id).where(bulk.among(Record.id, sorted(record_ids)))
    tables = select(MappingTable.id).where(MappingTable.company_id.in_(companies))
    entry, other = aliased(MappingEntry), aliased(MappingEntry)
    under = select(entry.key, entry.value).where(bulk.among(entry.key, spellings))
    former_values = select(entry.value, other.value).where(
        bulk.among(entry.value, spellings), other.table_id == entry.table_id, other.key == entry.key
    )
    related: dict[str, set[str]] = defaultdict(set)
    queries: list[Select[Any, Any]] = [under, former_values]
    for pairs in queries:
        for value, other_value in session.execute(pairs.where(entry.table_id.in_(tables))):
            related[match_key(value)] |= _texts([other_value])
    return related


def _spellings(value: str) -> set[str]:
    """Return the spellings under which a mapping that ignores case or punctuation may store the
    value.
    """
    bare = match_key(value)
    return {value, value.upper(), value.lower(), bare, bare.upper()}


def hider(values: Iterable[str]) -> Hide:
    """Return a function that masks these values as whole words, the longest first."""
    longest = sorted(values, key=len, reverse=True)
    if not longest:
        return str
    alternatives = "|".join(re.escape(value) for value in longest)
    pattern = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)
    return lambda text: pattern.sub(MASK, text)


def changes(hide: Hide, value: object) -> bool:
    """Check whether it masks anything in the texts of a JSON value."""
    if isinstance(value, str):
        return hide(value) != value
    if isinstance(value, Mapping):
        return any(changes(hide, part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(changes(hide, part) for part in value)


def duties_meet(roles: Collection[str]) -> tuple[str, ...]:
    """Return the warnings for roles that one person should not hold together."""
    return tuple(words for pair, words in MEETING.items() if set(pair) <= set(roles))


def role_list(roles: Collection[str]) -> str:
    """Return roles as text, such as `Approver, Rule publisher`, in the order of the table."""
    return ", ".join(label for role, label in ROLE_LABELS.items() if role in roles)


def any_of(roles: Collection[str]) -> str:
    """Return roles as a choice, such as `a Finance user or an Administrator`."""
    named = [label for role, label in ROLE_LABELS.items() if role in roles]
    return " or ".join(f"{'an' if label[0] in 'AEIOU' else 'a'} {label}" for label in named)
