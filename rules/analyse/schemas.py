"""Do the rules speak of fields that the outside really has?

Here: target fields and record fields against the schemas that the caller hands over. Not here:
anything that can be said without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.places import problem
from rules.analyse.undoing import check_targets
from rules.index import Index, Scope
from rules.kinds import NUMERIC, Type
from rules.schema import DocumentSchema, FieldSchema, Schemas
from rules.types import did_you_mean, infer, silent

_ROOM = 3  # letters of a document number that later postings need: -2, -10
_TEXTS = frozenset({"text", "user", "one_of"})


def check(index: Index, schemas: Schemas) -> Iterator[Problem]:
    """Routes and records against the known schemas."""
    for post in index.ruleset.posts:
        yield from _post(post, index, schemas)
    yield from check_targets(index, schemas)
    for record in index.ruleset.records:
        yield from _record(record, index, schemas)


def _post(post: n.Post, index: Index, schemas: Schemas) -> Iterator[Problem]:
    known = schemas.document(post.route.target, post.route.document)
    if known is None:
        names = [f"{d.target}.{d.name}" for d in schemas.documents]
        message = f"no connector can post '{post.route}'"
        yield problem("POS01", message, did_you_mean(str(post.route), names), post.route.span)
        return
    head = Scope(index, post.record, document=True)
    line = Scope(index, post.record, line=True, document=True)
    header, lines = _sides(post, known)
    yield from _side(post.fields, header, head, f"a {post.route}")
    yield from _side(post.line_fields, lines, line, f"a line of {post.route}")
    yield from _required(post, header, lines)
    literal = len(post.number.split("{")[0])
    if literal + _ROOM >= known.number_max:
        message = f"the document number is longer than {known.number_max} letters"
        yield problem("POS10", message, "Shorten the text in front of {number}.", post.span)
    for name in post.they_own:
        if name not in {f.name for f in header}:
            message = f"{post.route} has no field '{name}'"
            hint = did_you_mean(name, [f.name for f in header])
            yield problem("POS11", message, hint, post.span)


def _sides(
    post: n.Post, known: DocumentSchema
) -> tuple[Sequence[FieldSchema], Sequence[FieldSchema]]:
    """The fields of header and lines; a document of one row may hold them all in its header."""
    if getattr(known, "one_row", False) and not post.line_fields:
        return (*known.header, *known.lines), ()
    return known.header, known.lines


def _side(
    assigns: tuple[n.Assign, ...], fields: Sequence[FieldSchema], scope: Scope, what: str
) -> Iterator[Problem]:
    by_name = {f.name: f for f in fields}
    for assign in assigns:
        field = by_name.get(assign.name)
        if field is None:
            message = f"{what} has no field '{assign.name}'"
            yield problem("POS11", message, did_you_mean(assign.name, by_name), assign.span)
            continue
        if getattr(field, "theirs", False):
            message = f"only the target writes '{assign.name}'"
            yield problem("POS13", message, "Leave it out.", assign.span)
        if scope.record in scope.index.records:
            have = infer(assign.expr, scope, silent)
            if not _fits(have, field.type):
                message = f"'{assign.name}' wants {field.type}, not {have.kind}"
                yield problem("POS14", message, "Give a value of that type.", assign.span)
        yield from _too_long(assign, field)


def _fits(have: Type, want: str) -> bool:
    if have.kind == "any" or want in _TEXTS:
        return have.kind != "many"
    if want in NUMERIC:
        return have.kind in NUMERIC
    return have.kind == want


def _too_long(assign: n.Assign, field: FieldSchema) -> Iterator[Problem]:
    value = assign.expr.value if isinstance(assign.expr, n.Literal) else None
    if isinstance(value, str) and field.max_length is not None and len(value) > field.max_length:
        message = f"'{assign.name}' holds at most {field.max_length} letters"
        yield problem("POS15", message, "Write a shorter text.", assign.expr.span)


def _required(
    post: n.Post, header: Sequence[FieldSchema], lines: Sequence[FieldSchema]
) -> Iterator[Problem]:
    sides = ((post.fields, header, ""), (post.line_fields, lines, "each line: "))
    for assigns, fields, where in sides:
        given = {a.name for a in assigns}
        missing = [f.name for f in fields if f.required and f.name not in given]
        if missing:
            message = f"{where}{post.route} needs {', '.join(missing)}"
            hint = f"Add: {missing[0]} = …"
            yield problem("POS12", message, hint, post.span)


def _record(record: n.Record, index: Index, schemas: Schemas) -> Iterator[Problem]:
    owner = index.records.get(record.parent or "") or record
    known = schemas.kind(owner.source or "", owner.name)
    if known is None:
        kinds = [k for k in schemas.kinds if k.source == owner.source]
        if kinds and record is owner:
            message = f"{record.source} sends no '{record.name}'"
            hint = did_you_mean(record.name, [k.kind for k in kinds])
            yield problem("NAM24", message, hint, record.span)
        return
    fields = {f.name: f for f in (known.fields if record is owner else known.lines)}
    many = {"lines"} if record is owner else set()
    for field in record.fields:
        if isinstance(field, n.Field) and field.name not in fields.keys() | many:
            message = f"{owner.source} sends no field '{field.name}' with {record.name}"
            hint = did_you_mean(field.name, fields)
            yield problem("NAM25", message, hint, field.span)
