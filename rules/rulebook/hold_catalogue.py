"""List every reason for which rules can hold a record, with its team and its consequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from grammar import nodes
from grammar.text.finding_codes import HOLD_CODES
from grammar.text.problem import Span
from rules.checker.places import used_names
from rules.phrases import capitalize, join_words, phrases_of
from rules.rulebook.actions import becoming
from rules.rulebook.hold_entries import ENTRIES, Blocks, HoldEntry, Placer, Releaser
from rules.types.symbol_table import Index
from rules.values.wording import readable_name

_STOPS = frozenset({"hold", "review", "reject", "look_up"})
_OF_SOURCE = ("MIS01", "VAL01", "VAL02", "VAL06", "VAL07", "CUR01", "EVA01")
_OF_AMOUNTS = ("RND01", "RND02", "RND04", "RND05")
_ALWAYS = ("CUR02", "RND03", "RND06")
_ISSUERS = ("SRC02", "SRC03", "SRC04")
_OF_EVERY_SOURCE = ("IDN01", "IDN02", "SRC01", *_ISSUERS, "VAL03", "VAL04")
_OF_SUMS = ("SUM01",)
_PERIOD = "period"


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of the catalogue.

    `name` is the declaration's name or blank, `alone` means that it produces no other code, `span`
    is its place or None, `owner` its team (blank: the team for that kind of trouble), `released`
    who may release it (blank: no user), `blocks` what is not sent.
    """

    code: str
    name: str
    alone: bool
    placer: Placer
    span: Span | None
    owner: str
    released: str
    clears: str
    blocks: str

    @property
    def by_rules(self) -> bool:
        """Whether a rule places it."""
        return self.placer is Placer.RULES


@dataclass(frozen=True, slots=True)
class _Says:
    """A declaration that can place holds; `team` alone lets them go where its clause names one."""

    codes: Sequence[str]
    name: str
    span: Span
    role: str | None
    what: str = ""
    team: str | None = None


def catalogue(ruleset: nodes.Ruleset) -> tuple[Reason, ...]:
    """Return these rules' hold reasons in file order, then the reasons outside rules.

    Raise KeyError for a code without an entry; `hold_entries.require_all` reports it earlier.
    """
    index = Index(ruleset)
    said = sorted(_declared(index), key=lambda one: (one.span.file, one.span.line))
    mine = [_reason(index, one, code) for one in said for code in one.codes]
    return (*dict.fromkeys(mine), *_built_in())


def _built_in() -> Iterator[Reason]:
    for code in HOLD_CODES:
        entry = ENTRIES[code]
        if entry.placer is not Placer.RULES and code not in (*_OF_EVERY_SOURCE, *_OF_SUMS):
            released = "Its team decides" if entry.releaser is Releaser.DECIDES else ""
            yield Reason(
                code=code,
                name="",
                alone=False,
                placer=entry.placer,
                span=None,
                owner="",
                released=released,
                clears=entry.clears,
                blocks=_blocks(entry, ""),
            )


def _reason(index: Index, said: _Says, code: str) -> Reason:
    entry, words = ENTRIES[code], phrases_of(index)
    by = {
        Releaser.OWNER: said.role,
        Releaser.CONSENT: said.role,
        Releaser.CLAUSE: said.team,
    }.get(entry.releaser)
    return Reason(
        code=code,
        name=said.name,
        alone=len(said.codes) == 1,
        placer=entry.placer,
        span=said.span,
        owner=words.role(said.role) if said.role else "",
        released=words.role(by) if by else "",
        clears=entry.clears,
        blocks=_blocks(entry, said.what),
    )


def _blocks(entry: HoldEntry, what: str) -> str:
    return {
        Blocks.DOCUMENT: capitalize(what) if what else "Every document of the record",
        Blocks.SENDING: (what and capitalize(what)) or "The document that was to be sent",
        Blocks.RECORD: "Everything of the record",
        Blocks.CHANGE: "The change; what is posted stays",
    }[entry.blocks]


def _declared(index: Index) -> Iterator[_Says]:
    rules = index.ruleset
    for gate in rules.gates:
        for row in gate.rows:
            if row.word == "hold":
                states = join_words([f"“{readable_name(s.name)}”" for s in row.states], "or")
                what = _of(index, [gate.record], gate.route)
                yield _Says(("HLD01",), f"Status {states}", row.span, row.owner, what)
    yield from _sources(index)
    yield from _tables(rules)
    yield from _conditions(index)
    yield from _after_posting(index)
    for post in rules.posts:
        yield from _posts(post)


def _sources(index: Index) -> Iterator[_Says]:
    for source in index.ruleset.sources:
        kinds = [record for record in index.ruleset.records if record.source == source.name]
        role = source.missing.action.role
        what = _of(index, [record.name for record in kinds], None)
        roles = [target.tolerance_action.role for target in index.ruleset.targets]
        sums = _OF_SUMS if not all(roles) or not roles else ()
        codes = (*_OF_SOURCE, *_OF_EVERY_SOURCE, *sums)
        yield _Says(codes, "", source.missing.span, role, what)
        for record in kinds:
            if any(isinstance(one, nodes.Field) and one.states for one in record.fields):
                yield _Says(("STA01",), "", record.span, role, _of(index, [record.name], None))
    for link in index.ruleset.links:
        name = f"Too many {readable_name(link.name)}"
        what = _of(index, [link.record], None)
        yield _Says(("LNK01",), name, link.span, link.action.role, what)


def _tables(rules: nodes.Ruleset) -> Iterator[_Says]:
    for table in rules.maps:
        missing, what = table.missing, "documents that need this value"
        name = f"Mapping table {readable_name(table.name)}"
        yield _Says(("MAP01", "MAP02", "MAP03"), name, missing.span, missing.action.role, what)
    for units in rules.units:
        missing, what = units.missing, "documents that need this unit"
        codes = ("UOM01", "UOM08", "UOM09")
        yield _Says(codes, "", missing.span, missing.action.role, what)
    for target in rules.targets:
        what = f"documents for {target.name}"
        yield _Says(
            ("FCT01", "LST01", "NUM01"), "", target.missing.span, target.missing.action.role, what
        )
        amounts = (*_OF_AMOUNTS, *_ALWAYS) if target.tolerance_action.kind in _STOPS else _ALWAYS
        role = target.tolerance_action.role
        yield _Says((*amounts, *(_OF_SUMS if role else ())), "", target.span, role, what)


def _conditions(index: Index) -> Iterator[_Says]:
    rules = index.ruleset
    for check in rules.checks:
        if check.action.kind in _STOPS:
            codes = ("CHK01", "CHK02", *(("PER01",) if _asks_period(check) else ()))
            what = _of(index, [word.name for word in check.records], check.route)
            name = capitalize(readable_name(check.name))
            yield _Says(codes, name, check.span, check.action.role, what, check.clears.role)
    for one in rules.duplicates:
        if one.action.kind in _STOPS:
            what = _of(index, [word.name for word in one.records], one.route)
            yield _Says(("DUP01",), "Possible duplicate", one.span, one.action.role, what)
    for asked in rules.approvals:
        what = _of(index, [asked.record], asked.route)
        yield _Says(("APP01",), "Approval needed", asked.span, asked.role, what)


def _asks_period(check: nodes.Check) -> bool:
    return any(_PERIOD in name for one in check.requires for name in used_names(one))


def _after_posting(index: Index) -> Iterator[_Says]:
    tables: list[tuple[str, nodes.Table]] = [
        ("Changed after posting", edit.table) for edit in index.ruleset.edits
    ]
    tables += [("Cancelled after posting", one.table) for one in index.ruleset.cancels]
    for name, table in tables:
        for row in table.rows:
            done = row.action.then if isinstance(row.action, nodes.TryAgain) else row.action
            if done.kind in _STOPS:
                yield _Says(("STL01",), name, row.span, done.role)
            if done.kind == "block":
                yield _Says(("STL02",), name, row.span, done.role)


def _posts(post: nodes.Post) -> Iterator[_Says]:
    what = becoming(post.route)
    if post.bill is not None and post.bill.action.kind in _STOPS:
        yield _Says(("BIL01",), "Partly invoiced", post.bill.span, post.bill.action.role, what)
    role = post.we_own.role
    asked = (part for one in post.fields for part in nodes.walk(one.expr))
    calls = {part.name for part in asked if isinstance(part, nodes.Call)}
    if post.bill is not None and "due_of" in calls:
        name, who = "A header amount that is on no document", post.bill.action.role or role
        yield _Says(("BIL02",), name, post.bill.span, who, what)
    if "number_of" in calls:
        name = "Names a document that was taken back"
        yield _Says(("STL04",), name, post.span, role, what)
    if post.we_own.kind != "warn":
        team = None if post.we_own.kind == "block" else role
        yield _Says(
            ("STL03",), "Edited in the accounting system", post.we_own.span, role, what, team
        )


def _of(index: Index, records: Iterable[str], route: nodes.RouteName | None) -> str:
    """Return the documents that records become, or the document of a route."""
    if route is not None:
        return becoming(route)
    routes = [post.route for name in records for post in index.posts.get(name, ())]
    return join_words([becoming(one) for one in dict.fromkeys(routes)])
