"""The help topics, built from the product's own lists, and their pages."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, Response, abort, g, request

from connectors.contract.errors import CLASS_LABELS, ERROR_CLASSES
from grammar.text.finding_codes import CODES
from holding.access import people
from holding.access.actors import ACT_LABELS, ACTS, ROLE_LABELS, role_list
from holding.records.preentry import CHECK_NAMES
from holding.runs.status import PILL_WORDS
from holding.worklist import facets, filters
from holding.worklist.facets import Facet
from portal.web import request_guard, store
from portal.web.permissions import public
from portal.web.store import STATES
from rules.rulebook.hold_catalogue import Reason

HERE: Final = Path(__file__).parent

FINDINGS: Final = next(
    path
    for path in (HERE.parent / "_findings", HERE.parents[1] / "docs" / "findings")
    if path.is_dir()
)

GROUPS: Final = {
    "class": "Reasons for a hold",
    "state": "States",
    "word": "Short words",
    "check": "Pre-posting checks",
    "pill": "Status of a connection",
    "cause": "Failed connection tests",
    "role": "Roles",
    "account": "Your account",
    "finding": "Findings",
}

KEPT: Final = {
    "Items and units mapped": "items-and-units-match",
    "Document date in an open period": "document-date-is-correct",
    "No duplicate found": "no-duplicate",
    "API key rejected": "key-refused",
}
"""What a topic is called -> the words of its address, where its own words changed."""

OF_ACCOUNT: Final = ("Two-factor authentication",)
"""What everybody sets up for themselves, and needs help with just when they cannot sign in."""

OF_COMMANDS: Final = frozenset({"COV01", "OPT01", "TST10", "UOM02"})
"""Findings with a held example that no record has: commands tell them, to who writes rules."""

help_pages = Blueprint("help", __name__, url_prefix="/help")

CAUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "Name not found": ("reach.name",),
    "Connection refused": ("reach.refused",),
    "Certificate not trusted": ("reach.tls", "database.certificate"),
    "No answer in time": ("reach.timeout", "database.time"),
    "Address not allowed": ("reach.blocked",),
    "Connection broken off": ("reach.cut", "reach.away", "database.other"),
    "Address leads elsewhere": ("reach.redirect",),
    "System not available": ("reach.unavailable",),
    "Another system answers": ("reach.stranger",),
    "Answer not understood": ("answer", "key.answer"),
    "Key not complete": ("key.text",),
    "Key rejected": ("key.refused", "key.disabled"),
    "Permission missing": ("key.permission", "key.types", "key.payouts", "key.bills"),
    "Key not active": ("key.inactive",),
    "Company not found": ("company.unknown",),
    "Wrong company": ("company.other",),
    "Subscription ended": ("company.ended",),
    "Closing day not readable": ("closed_day",),
    "Numbers not kept": ("numbers.own",),
    "Custom field missing": ("fields.own",),
    "Rounding differs": ("rounding",),
    "Refunds switched off": ("refunds.off",),
    "Two ways in": ("excel.on",),
    "Quota too small": ("quota",),
    "Import settings missing": ("number_prefix", "column_names"),
    "Database settings not complete": ("database.settings",),
    "Driver missing": ("database.driver",),
    "Login rejected": ("database.login", "database.plain"),
    "Database not found": ("database.database", "database.name"),
    "Rights of the login": ("database.rights", "database.writable"),
    "Query not accepted": ("database.query", "database.value", "database.long", "database.columns"),
    "Reading cannot go on from a place": (
        "database.blank",
        "database.repeated",
        "database.cursor",
        "database.ahead",
        "database.index",
        "database.unmoved",
    ),
    "Amounts not exact": ("database.float",),
}
"""What the cause is called -> the codes of the steps that fail, or warn, because of it."""

_BY_CODE: Final[Mapping[str, str]] = {
    code: name for name, codes in CAUSES.items() for code in codes
}


@dataclass(frozen=True, slots=True)
class Topic:
    """One help page. `key` is the product's own word; `acts` are the permissions needed to act on
    it.

    `example` and `todo` are paragraphs. A piece of a rule file begins with a line break. Pages for
    rule writers (`of_rules`) are English in every language.
    """

    slug: str
    group: str
    key: str
    title: str
    means: str
    example: tuple[str, ...]
    todo: tuple[str, ...]
    acts: tuple[str, ...]
    prevent: str = ""
    of_rules: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of its page, without the title and pieces of rule files."""
        said = (self.means, *self.example, *self.todo, self.prevent)
        return tuple(text for text in said if text and not text.startswith("\n"))


@lru_cache(maxsize=1)
def topics() -> Mapping[str, Topic]:
    """Return slug -> topic, by group and in the order of the product's lists."""
    texts = tomllib.loads((HERE / "texts.toml").read_text("utf-8"))
    lists: dict[str, Mapping[str, str]] = {
        "class": {key: CLASS_LABELS[key] for key in ERROR_CLASSES},
        "state": {key: shown.word for key, shown in STATES.items()},
        "word": {key: key.capitalize() for key in _short_words()},
        "check": {key: key for key in CHECK_NAMES},
        "pill": {key: key for key in PILL_WORDS},
        "cause": {key: key for key in CAUSES},
        "account": {key: key for key in OF_ACCOUNT},
    }
    made: list[Topic] = []
    for group, names in lists.items():
        written = texts.get(group, {})
        if odd := set(names) ^ set(written):
            raise RuntimeError(f"help pages and {group}: {sorted(odd)}")
        for key, title in names.items():
            made.append(_written(group, key, title, written[key]))
    made += [_role(role) for role in ROLE_LABELS]
    made += [_finding(code) for code in sorted(CODES)]
    return {topic.slug: topic for topic in made}


def _short_words() -> Iterable[str]:
    return dict.fromkeys(["pending", "retrying", *(shown.plain for shown in STATES.values())])


def _written(group: str, key: str, title: str, text: Mapping[str, object]) -> Topic:
    def lines(name: str) -> tuple[str, ...]:
        found = text.get(name)
        return tuple(str(line) for line in found) if isinstance(found, list) else ()

    return Topic(
        slug=slug_of(group, key),
        group=group,
        key=key,
        title=str(text.get("title", title)),
        means=str(text["means"]),
        example=(str(text["example"]),),
        todo=lines("todo"),
        acts=lines("acts"),
        prevent=str(text.get("prevent", "")),
    )


def _role(role: str) -> Topic:
    can = [label for act, label in ACT_LABELS.items() if role in ACTS[act]]
    cannot = [label for act, label in ACT_LABELS.items() if role not in ACTS[act]]
    return Topic(
        slug=slug_of("role", role),
        group="role",
        key=role,
        title=ROLE_LABELS[role],
        means=f"Who has this role can {', '.join(can)}.",
        example=(f"It does not include: {', '.join(cannot)}.",)
        if cannot
        else ("It includes all.",),
        todo=("To get another role, ask an administrator: roles are given on the page People.",),
        acts=("people.admin",),
    )


def _finding(code: str) -> Topic:
    """Return the help topic of a finding: its meaning, an example on hold or wrong, and the
    repaired example.
    """
    parts = re.split(
        r"^## (\w+)$", (FINDINGS / f"{code}.md").read_text("utf-8"), flags=re.MULTILINE
    )
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    of_rules = "Wrong" in sections
    bad, good = ("Wrong", "Right") if of_rules else ("Held", "Passing")
    means = [one for one in _paragraphs(parts[0])[1:] if one != f"`{CODES[code]}`"]
    labels = {
        bad: f"{'Wrong' if of_rules else 'On hold'}:",
        good: "Right:" if of_rules else "Passes:",
    }
    example = [
        line for name in (bad, good) for line in (labels[name], *_paragraphs(sections[name]))
    ]
    return Topic(
        slug=code,
        group="finding",
        key=code,
        title=title_of(code),
        means=" ".join(means),
        example=tuple(example),
        todo=tuple(_paragraphs(sections["Repair"])),
        acts=("rules.draft",) if of_rules else ("hold.assign", "posting.approve"),
        of_rules=of_rules or code in OF_COMMANDS,
    )


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text. A fenced piece of a rule file begins with a line break."""
    found: list[str] = []
    for at, piece in enumerate(re.split(r"^```.*$", text, flags=re.MULTILINE)):
        if at % 2:
            found.append("\n" + piece.strip("\n"))
        else:
            found += [" ".join(part.split()) for part in piece.split("\n\n") if part.strip()]
    return found


def slug_of(group: str, key: str) -> str:
    """Return the last part of a topic's address. It stays fixed when the words change."""
    word = KEPT.get(key) or re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    return {"class": word, "finding": key}.get(group, f"{group}-{word}")


def pill_slug(text: str) -> str:
    """Return the slug of a status's topic, whose words begin the status. Blank if there is none."""
    return next((slug_of("pill", key) for key in PILL_WORDS if text.startswith(key)), "")


def cause_slug(code: str) -> str:
    """Return the slug of the topic for a connection test's step; blank if there is none."""
    name = cause_of(code)
    return slug_of("cause", name) if name else ""


@lru_cache(maxsize=512)
def title_of(code: str) -> str:
    """Return the title of a finding's help page, without its code."""
    with (FINDINGS / f"{code}.md").open(encoding="utf-8") as page:
        return page.readline().strip().removeprefix(f"# {code} ")


def names_of(one: Reason) -> tuple[str, ...]:
    """Return the names of a reason for a hold: the declaration that raised it, if it has a name,
    and the title of its code.

    The title is left out if the declaration only raises this code.
    """
    own = (one.name,) if one.name else ()
    return own if own and one.alone else (*own, title_of(one.code))


@dataclass(frozen=True, slots=True)
class Able:
    """The people who can perform an act: the act in words, its roles, and names inside a
    company.
    """

    act: str
    roles: str
    names: tuple[str, ...]


def init_help(app: Flask) -> None:
    """Make the help topics available to templates.

    A missing help text raises an error now, at start.
    """
    known = topics()
    app.jinja_env.globals["help_slug"] = slug_of
    app.jinja_env.globals["pill_slug"] = pill_slug
    app.jinja_env.globals["cause_slug"] = cause_slug
    app.jinja_env.globals["has_help"] = known.__contains__
    app.jinja_env.globals["help_title"] = lambda slug: known[slug].title


@help_pages.get("/")
@public
def index() -> Response:
    """Show all topics, by subject."""
    _inside()
    return store.respond("help/index.html", groups=_grouped(), back=_back())


def _inside() -> None:
    """Place the page inside a company if the reader is signed in and has one."""
    if request_guard.whoever():
        request_guard.inside_company(_back())


def _back() -> str:
    return request.args.get("c", "")


def _grouped() -> dict[str, list[Topic]]:
    found: dict[str, list[Topic]] = {group: [] for group in GROUPS}
    for topic in topics().values():
        found[topic.group].append(topic)
    return found


@help_pages.get("/support")
@public
def support() -> Response:
    """Show what to prepare before contacting support."""
    _inside()
    admins: tuple[str, ...] = ()
    if "company" in g:
        admins = people.who_may(store.reading(), g.company.id, "people.admin")
    return store.respond("help/support.html", back=_back(), admins=", ".join(admins))


@help_pages.get("/<topic>")
@public
def show(topic: str) -> Response:
    """Show a topic; inside a company also its current holds, and who can act on them."""
    found = topics().get(topic)
    if found is None:
        abort(404)
    _inside()
    return store.respond(
        "help/topic.html",
        topic=found,
        group=GROUPS[found.group],
        beside=_grouped()[found.group] if found.group != "finding" else [],
        able=[_able(act) for act in found.acts],
        now_held=_now_held(found),
        back=_back(),
    )


def _able(act: str) -> Able:
    names: tuple[str, ...] = ()
    if "company" in g:
        names = people.who_may(store.reading(), g.company.id, act)
    return Able(ACT_LABELS[act], role_list(ACTS[act]), names)


def _now_held(topic: Topic) -> Facet | None:
    """Return the count of current holds of this error class in the company; None if there are
    none.
    """
    if topic.group != "class" or "company" not in g:
        return None
    session, person_id = store.reading(), g.actor.person_id
    found = filters.load_held(session, g.company.id, person_id)
    classes = facets.facets_of(found, filters.Filter(), {}, g.company.currency)["classes"]
    return next((facet for facet in classes if facet.word == topic.key), None)


def cause_of(code: str) -> str:
    """Return the name of the cause for a step's code; blank if unknown."""
    return _BY_CODE.get(code, "")
