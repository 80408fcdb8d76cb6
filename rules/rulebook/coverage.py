"""Show which rule answers each of the eight usual exceptions, for each record kind that is posted.

An exception without a rule is reported as a risk with its consequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from grammar import nodes
from grammar.text.problem import Problem, Span
from rules.checker.places import make_problem, places, used_names
from rules.phrases import message
from rules.types.functions import expand_parts
from rules.types.symbol_table import Index, Scope

_CONVERSIONS = frozenset({"in_base", "price_in_base"})

Found = tuple[str, Span] | None


class Answered(StrEnum):
    """Whether the rules answer an exception."""

    ANSWERED = "answered"
    OPEN = "open"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Answer:
    """One exception of one record: the rule that answers it, or the risk.

    `state` NEVER: it cannot happen to this record. `risk` is what is at stake, blank with a rule;
    `text` adds what could be declared.
    """

    record: str
    exception: str
    state: Answered
    text: str
    span: Span | None
    risk: str = ""


def coverage(ruleset: nodes.Ruleset) -> tuple[Answer, ...]:
    """Return all exceptions of all posted records."""
    index = Index(ruleset)
    posted = [r for r in index.records if index.posts.get(r)]
    return tuple(_answer(record, name, index) for record in posted for name in KINDS)


def coverage_gaps(ruleset: nodes.Ruleset) -> tuple[Problem, ...]:
    """Return the risks as errors, for a caller that accepts none."""
    index = Index(ruleset)
    found = []
    for answer in coverage(ruleset):
        if answer.state is Answered.OPEN:
            span = index.posts[answer.record][0].span
            message = f"{answer.exception} of {answer.record}: nothing answers it"
            found.append(make_problem("COV01", message, answer.text, span))
    return tuple(found)


def _answer(record: str, name: str, index: Index) -> Answer:
    kind = KINDS[name]
    found = kind.find(record, index)
    if found is not None:
        return Answer(record, name, Answered.ANSWERED, found[0], found[1])
    if kind.never(record, index):
        return Answer(record, name, Answered.NEVER, kind.why, None)
    return Answer(
        record, name, Answered.OPEN, f"{kind.risk} {kind.advice}".rstrip(), None, kind.risk
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the eight: how its rule is found, what is at stake, what could be declared, and when
    it cannot happen.
    """

    find: Callable[[str, Index], Found]
    risk: str
    advice: str
    never: Callable[[str, Index], bool] = lambda _record, _index: False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A check that lets two ways of knowing a party agree: the maps, or links, of each side."""

    check: nodes.Check
    sides: tuple[frozenset[str], frozenset[str]]


def agreements(ruleset: nodes.Ruleset, record: str) -> tuple[Agreement, ...]:
    """Return a record kind's checks that find one party under two keys."""
    return tuple(_agreements(record, Index(ruleset)))


def _agreements(record: str, index: Index) -> Iterator[Agreement]:
    for check in _checks(record, index):
        for node in (e for require in check.requires for e in _compares(require)):
            left, right = (_told_by(side, record, index) for side in (node.left, node.right))
            if node.op == "=" and left and right and left != right:
                yield Agreement(check, (frozenset(left), frozenset(right)))


def _party(record: str, index: Index) -> Found:
    """Find two maps, or a map and a linked record, that must agree on one value."""
    first = next(_agreements(record, index), None)
    return (f"check {first.check.name}", first.check.span) if first else None


def _told_by(side: nodes.Expr, record: str, index: Index) -> set[str]:
    """Return the maps and links that a value comes from, also through computed fields."""
    parts = expand_parts(side, Scope(index, record))
    calls = {part.name for part in parts if isinstance(part, nodes.Call)}
    return calls & index.maps.keys() | set(used_names(side)) & index.links.get(record, {}).keys()


def _duplicates(record: str, index: Index) -> Found:
    """Find a duplicates rule for every route.

    The number alone is enough only for what follows another document, because the first of a chain
    may return under another number.
    """
    mine = [d for d in index.ruleset.duplicates if any(w.name == record for w in d.records)]
    first = None
    for post in index.posts[record]:
        found = [d for d in mine if d.route in (None, post.route)]
        begins = post.after is None
        if not found or (begins and not any(_by_content(d, record, index) for d in found)):
            return None
        first = first or found[0]
    return (f"duplicates of {record}", first.span) if first else None


def _by_content(declared: nodes.Duplicates, record: str, index: Index) -> bool:
    """Check whether a duplicates rule compares more than names and numbers."""
    keys = {
        f.name
        for f in index.records[record].fields
        if isinstance(f, nodes.Field) and f.mark == "key"
    }
    return any(u.where == "history" and set(u.fields) - keys for u in declared.uniques)


def _partial(record: str, index: Index) -> Found:
    """Find billing in parts, or a check or gate row that stops incomplete records."""
    for post in index.posts[record]:
        if post.bill is not None:
            return f"bill of {post.route}", post.bill.span
    for check in _checks(record, index):
        if {n_ for r in check.requires for n_ in used_names(r)} & index.links.get(
            record, {}
        ).keys():
            return f"check {check.name}", check.span
    for gate in index.ruleset.gates:
        for row in gate.rows if gate.record == record else ():
            partly = [s.name for s in row.states if _of_delivery(s.name)]
            if partly and row.word in {"wait", "hold"}:
                return f"gate {record}: {row.word} {', '.join(partly)}", row.span
    return None


def _of_delivery(name: str) -> bool:
    """Check whether a status means a delivered part, and not a returned one."""
    return "part" in name and not any(word in name for word in ("refund", "return"))


def _cancelled(record: str, index: Index) -> Found:
    tables = [c for c in index.ruleset.cancels if any(w.name == record for w in c.records)]
    every = _all_routes([c.route for c in tables], record, index)
    return (f"on cancel of {record}", tables[0].span) if every else None


def _price(record: str, index: Index) -> Found:
    tables = [e for e in index.ruleset.edits if e.record == record]
    every = _all_routes([e.route for e in tables], record, index)
    return (f"on edit of {record}", tables[0].span) if every else None


def _all_routes(routes: list[nodes.RouteName | None], record: str, index: Index) -> bool:
    """Check whether a table covers every route of a record."""
    posts = index.posts[record]
    return bool(routes) and all(None in routes or post.route in routes for post in posts)


def _units(record: str, index: Index) -> Found:
    named = {name for p in places(index) if p.scope.record == record for name in used_names(p.expr)}
    units = index.ruleset.units
    return ("units", units[0].span) if units and named & _CONVERSIONS else None


def _push(record: str, index: Index) -> Found:
    targets = {post.route.target for post in index.posts[record]}
    tables = {r.target: r for r in index.ruleset.retries}
    if not targets <= tables.keys():
        return None
    return f"retry {', '.join(sorted(targets))}", tables[min(targets)].span


def _by_hand(record: str, index: Index) -> Found:
    post = index.posts[record][0]
    return f"we own of {post.route}", post.we_own.span


def _no_quantities(record: str, index: Index) -> bool:
    lines = index.line_records.get(record)
    fields = lines.fields if lines and index.lines_field(record) else ()
    return not any(isinstance(f, nodes.Field) and f.type == "quantity" for f in fields)


def _checks(record: str, index: Index) -> list[nodes.Check]:
    return [c for c in index.ruleset.checks if any(w.name == record for w in c.records)]


def _compares(node: nodes.Expr) -> Iterator[nodes.Compare]:
    if isinstance(node, nodes.Compare):
        yield node
    for part in getattr(node, "parts", ()):
        yield from _compares(part)


def _no_cancel(record: str, index: Index) -> bool:
    """Check whether no status of the record means that it is cancelled."""
    gates = [g for g in index.ruleset.gates if g.record == record]
    return bool(gates) and not any(row.word == "cancel" for g in gates for row in g.rows)


KINDS: dict[str, Kind] = {
    message("duplicate party"): Kind(
        _party,
        message("One buyer under two keys becomes two parties."),
        "Let two maps agree: require debtor_of_tin(tin) = debtor(customer)",
    ),
    message("duplicate invoice"): Kind(
        _duplicates,
        message("The same document can be posted twice, under another number, too."),
        "Declare 'duplicates of' it with what it contains: unique by customer, ordered_on, total"
        " in history",
    ),
    message("partial delivery"): Kind(
        _partial,
        message("All of it is posted while a part is delivered."),
        "Bill in parts, or let its status wait.",
        _no_quantities,
        "nothing in it is counted",
    ),
    message("cancelled order"): Kind(
        _cancelled,
        message("What is cancelled after posting is held with no word on what to do."),
        "Declare 'on cancel'.",
        _no_cancel,
        "no status cancels it",
    ),
    message("changed price"): Kind(
        _price,
        message("What changes after posting is held with no word on what to do."),
        "Declare 'on edit'.",
    ),
    message("UOM mismatch"): Kind(
        _units,
        message("Cartons are posted as pieces."),
        "Convert quantities with in_base and a units table.",
        _no_quantities,
        "nothing in it is counted",
    ),
    message("failed push"): Kind(
        _push,
        message("What fails is answered by the built-in table, with no team of yours."),
        "Declare 'retry'.",
    ),
    message("manual edit"): Kind(
        _by_hand, message("No team is told of changes by hand."), advice=""
    ),
}
