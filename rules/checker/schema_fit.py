"""Check rules against the schemas of sources and targets, and whether amounts can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from grammar import nodes
from grammar.text.problem import Problem
from rules.checker.places import check_targets, make_problem
from rules.documents.totals import AmountParts, TotalFields, posts_tax, shows_money
from rules.types.functions import did_you_mean
from rules.types.inference import find_mixed_units, ignore_problem, infer
from rules.types.symbol_table import (
    Amounts,
    DocumentSchema,
    Families,
    FieldSchema,
    Index,
    Schemas,
    Scope,
)
from rules.values.kinds import Type, is_postable, post_hint, say_type
from rules.values.wording import format_expression, parse_message, with_article

_MEANT = 'If it is meant so, say why: amount not compared because "…".'

_SHARED = frozenset({"money", "quantity", "percent", "one_of", "yesno"})
"""What many records have alike: a number of nothing else is soon given twice."""

_ROOM = 3  # letters of a document number that later postings need: -2, -10


def check_amounts(index: Index, schemas: Schemas) -> Iterator[Problem]:
    """Yield the amount problems of all routes that post money."""
    for post in index.ruleset.posts:
        known = schemas.document(post.route.target, post.route.document)
        if known is None or post.record not in index.records:
            continue
        own = TotalFields.of(index, post.record, schemas)
        yield from _uncompared(post, own)
        if shows_money(post, known) or getattr(known, "books", None) is not None:
            yield from _route(_Route(post, known), own, index)


class _Route:
    """A route with the amount fields of its documents."""

    def __init__(self, post: nodes.Post, known: DocumentSchema) -> None:
        self.post, self.known = post, known
        self.total = (known.total_field or "") if post.bill is None else ""  # a part has none
        self.given = {a.name for a in (*post.fields, *post.line_fields)}
        self.defined: Amounts | None = getattr(known, "amounts", None)

    @property
    def described(self) -> bool:
        """Check whether the target describes its total and requires no amount field."""
        names = {self.known.total_field, self.defined.amount if self.defined else ""} - {None, ""}
        fields = (f for f in (*self.known.header, *self.known.lines) if f.name in names)
        return bool(names) and not any(f.required and f.name not in self.given for f in fields)

    def says(self, *fields: str) -> str:
        """Return the words for setting the first or another of these fields."""
        ways = [f"{name} = …" for name in fields if name and name not in self.given]
        return f"Add {', or '.join(ways)}." if ways else "Say each amount in a field of its own."


def _route(route: _Route, own: TotalFields | None, index: Index) -> Iterator[Problem]:
    post, known, total = route.post, route.known, route.total
    if total not in route.given and AmountParts.of(index, post, known, total) is None:
        if not route.described:
            return
        message = f"nothing says what {post.route} comes to in the books, with its tax"
        yield make_problem("POS21", message, _completed(route), post.span)
    elif own is not None and post.uncompared is None:
        yield from _lost(route, own, index)


def _completed(route: _Route) -> str:
    """Return what is missing: a part of the lines' sum, or the total itself."""
    defined = route.defined
    if defined is None:
        return route.says(route.total)
    tax = defined.tax if defined.code in route.given else ""
    return route.says(defined.amount, tax, route.total)


def _lost(route: _Route, own: TotalFields, index: Index) -> Iterator[Problem]:
    post, defined = route.post, route.defined
    if own.read(index, post.record) is None:
        message = f"the {own.total} of the {post.record} is not read, so amounts may get lost"
        hint = f"Add to the record: {own.total}  money. {_MEANT}"
        yield make_problem("POS22", message, hint, post.span)
    elif (
        own.tax and route.known.total_field not in route.given and not posts_tax(post, route.known)
    ):
        message = f"{post.route} has neither the tax nor the total of the {post.record}"
        hint = f"{route.says(route.total, defined.tax if defined else '')} {_MEANT}"
        yield make_problem("POS22", message, hint, post.span)


def _uncompared(post: nodes.Post, own: TotalFields | None) -> Iterator[Problem]:
    said = post.uncompared
    if said is None:
        return
    if not said.reason.strip():
        message = f"the amount of {post.route} is not compared, and no reason is given"
        yield make_problem("POS23", message, 'Say why it is meant so: because "…".', said.span)
    elif own is None:
        message = f"nothing to leave out: the {post.record} has no total to compare with"
        yield make_problem("POS23", message, "Take the line out.", said.span, "warning")


def check_posts(index: Index) -> Iterator[Problem]:
    """Yield all problems of routes as a whole."""
    for post in index.ruleset.posts:
        if post.route.target not in index.targets:
            hint = did_you_mean(post.route.target, index.targets)
            message = f"there is no target '{post.route.target}'"
            yield make_problem("NAM09", message, hint, post.route.span)
        if post.record in index.records:
            yield from _timing(post, index)
            yield from _number(post, index)
        yield from _after(post, index)
        yield from _assigned(post)


def _timing(post: nodes.Post, index: Index) -> Iterator[Problem]:
    if not isinstance(post.timing, nodes.Daily):
        return
    field = index.fields[post.record].get(post.timing.by)
    if isinstance(field, nodes.Field) and field.type not in {"date", "moment"}:
        message = f"'{field.name}' is no date and no moment, so it has no day"
        yield make_problem("POS06", message, "Name a date or a moment.", post.timing.span)


def _number(post: nodes.Post, index: Index) -> Iterator[Problem]:
    parts, broken = parse_message(post.number.replace("{posting}", ""), post.span)
    if broken:
        message = f"'{broken[0].text}' in the document number is no name"
        yield make_problem("MSG02", message, "Write {number}, or another field.", post.span)
    elif not any(not isinstance(p, str) for p in parts):
        message = "every document of this route would have the same number"
        yield make_problem("POS04", message, 'Put the key into it: as "{number}".', post.span)
    else:
        scope = Scope(index, post.record)
        kinds = {infer(p, scope, ignore_problem).kind for p in parts if not isinstance(p, str)}
        if kinds <= _SHARED:
            message = (
                f"two documents may get the same number: many records have '{post.number}' alike"
            )
            hint = 'Put the key into it: as "{number}".'
            yield make_problem("POS04", message, hint, post.span, "warning")


def _after(post: nodes.Post, index: Index) -> Iterator[Problem]:
    routes = index.routes()
    chain = [str(post.route)]
    at: nodes.Post | None = post
    while at is not None and at.after is not None:
        name = str(at.after)
        if name not in routes:
            if at is post:
                hint = did_you_mean(name, routes)
                message = f"waits for '{name}', which nothing posts"
                yield make_problem("POS03", message, hint, at.after.span)
            return
        if name in chain:
            message = f"waits in a ring: {' → '.join([*chain, name])}"
            span = post.after.span if post.after else post.span
            yield make_problem("POS02", message, "One of them must not wait.", span)
            return
        chain.append(name)
        at = routes[name]
    yield from _strangers(post, routes, index)
    for call in nodes.walk((post.fields, post.line_fields)):
        if not isinstance(call, nodes.Call) or call.name != "number_of":
            continue
        if call.args and (post.after is None or format_expression(call.args[0]) != str(post.after)):
            message = f"the number of {format_expression(call.args[0])} is not known yet"
            hint = f"Say 'after {format_expression(call.args[0])}' in this route."
            yield make_problem("POS05", message, hint, call.span)


def _strangers(
    post: nodes.Post, routes: Mapping[str, nodes.Post], index: Index
) -> Iterator[Problem]:
    """Yield routes that wait for a document of another family, which never comes."""
    before = routes.get(str(post.after)) if post.after else None
    if post.after is None or before is None or Families(index).share(post.record, before.record):
        return
    message = (
        f"{with_article(post.record)} never finds the {before.record} whose {post.after} it "
        "waits for"
    )
    ours, theirs = index.marked(post.record, "family"), index.marked(before.record, "key")
    hint = f"Mark the field of {post.record} that says which {before.record} it is of: family."
    if ours is not None and theirs is not None:
        by = f"{theirs.name} = {ours.name}"
        hint = f"Link them: link … of {post.record} from {before.record} by {by}"
    yield make_problem("POS24", message, hint, post.after.span)


def _assigned(post: nodes.Post) -> Iterator[Problem]:
    for assigns in (post.fields, post.line_fields):
        seen: dict[str, nodes.Assign] = {}
        for assign in assigns:
            if assign.name in seen:
                message = f"'{assign.name}' is given twice"
                hint = f"It stands in {seen[assign.name].span} already."
                yield make_problem("POS08", message, hint, assign.span)
            seen.setdefault(assign.name, assign)
            if assign.name in post.they_own and not isinstance(assign.expr, nodes.Literal):
                message = f"'{assign.name}' is theirs, and follows the record too"
                hint = "Take it out of 'they own', or post only a first value for it."
                yield make_problem("POS09", message, hint, assign.span)


def check_schemas(index: Index, schemas: Schemas) -> Iterator[Problem]:
    """Yield the differences between routes and the known schemas."""
    routes: tuple[nodes.Post | nodes.Reversal, ...] = (
        *index.ruleset.posts,
        *index.ruleset.reversals,
    )
    for route in routes:
        yield from _known(route, index, schemas)
    for post in index.ruleset.posts:
        yield from _post(post, schemas)
    yield from check_targets(index, schemas)


def _post(post: nodes.Post, schemas: Schemas) -> Iterator[Problem]:
    if (known := schemas.document(post.route.target, post.route.document)) is None:
        return
    yield from _required(post, known)
    literal = len(post.number.split("{")[0])
    if literal + _ROOM >= known.number_max:
        message = f"the document number is longer than {known.number_max} letters"
        yield make_problem("POS10", message, "Shorten the text in front of {number}.", post.span)
    header = [f.name for f in _sides(post, known)[0]]
    for name in (own for own in post.they_own if own not in header):
        message = f"{post.route} has no field '{name}'"
        yield make_problem("POS11", message, did_you_mean(name, header), post.span)


def _known(route: nodes.Post | nodes.Reversal, index: Index, schemas: Schemas) -> Iterator[Problem]:
    known = schemas.document(route.route.target, route.route.document)
    if known is not None:
        yield from _fields(route, known, index)
        return
    names = [f"{d.target}.{d.name}" for d in schemas.documents]
    message = f"no connector can post '{route.route}'"
    yield make_problem("POS01", message, did_you_mean(str(route.route), names), route.route.span)


def _fields(
    route: nodes.Post | nodes.Reversal, known: DocumentSchema, index: Index
) -> Iterator[Problem]:
    """Yield the problems of a route's fields."""
    bills = isinstance(route, nodes.Post) and route.bill is not None
    head = Scope(index, route.record, document=True, bills=bills)
    line = replace(head, line=True)
    header, lines = _sides(route, known)
    yield from _side(route.fields, header, head, with_article(str(route.route)))
    yield from _side(route.line_fields, lines, line, f"a line of {route.route}")
    if isinstance(route, nodes.Post) and route.record in index.records:
        for found in find_mixed_units(route, known, line):
            yield make_problem("POS14", found.message, found.hint, found.span)


def _sides(
    post: nodes.Post | nodes.Reversal, known: DocumentSchema
) -> tuple[Sequence[FieldSchema], Sequence[FieldSchema]]:
    """Return the fields of header and lines; a one-row document may have them all in its header."""
    if getattr(known, "one_row", False) and not post.line_fields:
        return (*known.header, *known.lines), ()
    return known.header, known.lines


def _side(
    assigns: tuple[nodes.Assign, ...], fields: Sequence[FieldSchema], scope: Scope, what: str
) -> Iterator[Problem]:
    by_name = {f.name: f for f in fields}
    for assign in assigns:
        field = by_name.get(assign.name)
        if field is None:
            message = f"{what} has no field '{assign.name}'"
            yield make_problem("POS11", message, did_you_mean(assign.name, by_name), assign.span)
            continue
        if getattr(field, "theirs", False):
            message = f"only the target writes '{assign.name}'"
            yield make_problem("POS13", message, "Leave it out.", assign.span)
        if scope.record in scope.index.records:
            have = infer(assign.expr, scope, ignore_problem)
            if not is_postable(have, field.type):
                said, literal = (
                    format_expression(assign.expr),
                    isinstance(assign.expr, nodes.Literal),
                )
                message = (
                    f"'{assign.name}' wants {say_type(Type(field.type))}, not {say_type(have)}"
                )
                hint = post_hint(have, field.type, said, literal=literal)
                yield make_problem("POS14", message, hint, assign.span)
        yield from _too_long(assign, field)


def _too_long(assign: nodes.Assign, field: FieldSchema) -> Iterator[Problem]:
    value = assign.expr.value if isinstance(assign.expr, nodes.Literal) else None
    if isinstance(value, str) and field.max_length is not None and len(value) > field.max_length:
        message = f"'{assign.name}' holds at most {field.max_length} letters"
        yield make_problem("POS15", message, "Write a shorter text.", assign.expr.span)


def _required(post: nodes.Post, known: DocumentSchema) -> Iterator[Problem]:
    header, lines = _sides(post, known)
    sides = ((post.fields, header, False), (post.line_fields, lines, True))
    for assigns, fields, of_lines in sides:
        given = {a.name for a in assigns}
        missing = [f.name for f in fields if f.required and f.name not in given]
        if missing:
            needs = f"{post.route} needs {', '.join(missing)}"
            message = f"each line: {needs}" if of_lines else needs
            yield make_problem("POS12", message, f"Add: {missing[0]} = …", post.span)
