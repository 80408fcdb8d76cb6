"""A document in sentences: when it goes, what of the record is on it, its fields, and whose they
are.

Here: timing, bill, fields_of and the other clauses of a route, and a reversal. Not here: whether it
may go (route_sentences.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grammar import nodes as n
from rules.documents.unusual import NO_LINES, QUANTITIES, TOTALS
from rules.phrases.composed import capital, composed, joined, message, named
from rules.phrases.expression_words import Phrases
from rules.phrases.terms import a, listed
from rules.rulebook.actions import action, becoming

_HOLE = re.compile(r"\{([^{}]*)\}")
_COUNTED = {
    "posting": "1, 2, 3 …",
    "reversed": composed("the number of the document that it reverses"),
}
_ALLOWED = {
    NO_LINES: message("no lines"),
    QUANTITIES: message("negative quantities"),
    TOTALS: message("negative totals"),
}


def timing(one: n.Post, words: Phrases) -> str:
    """When a document goes."""
    here = words.of(one.record)
    if isinstance(one.timing, n.Daily):
        day = here.expr(n.Name((one.timing.by,), one.timing.span))
        time = f"{one.timing.at:%H:%M}"
        moment = composed("in the run of %(time)s in the night after %(day)s", time=time, day=day)
    else:
        moment = composed("as soon as it is ready")
    if one.after:
        before = named(one.after.document)
        moment = composed(
            "%(moment)s, once its %(document)s is posted", moment=moment, document=before
        )
    if one.when is not None:
        when = here.expr(one.when)
        moment = composed("%(moment)s, if %(condition)s", moment=moment, condition=when)
    goes = composed(
        "%(record)s becomes %(document)s %(moment)s.",
        record=capital(a(one.record)),
        document=becoming(one.route),
        moment=moment,
    )
    return listed([goes, composed("Its number is %(number)s.", number=_number(one.number))], ".")


def bill(one: n.Post, billed: n.Bill, words: Phrases) -> str:
    """What of it stands on the document."""
    here = words.of(one.record, line=True)
    only = composed(
        "%(document)s bills only what is not billed yet: %(quantity)s, less what was billed before,"
        " out of %(whole)s.",
        document=capital(becoming(one.route)),
        quantity=here.expr(billed.expr),
        whole=here.expr(billed.of),
    )
    if billed.action.kind == "wait":
        document = named(one.route.document)
        rest = composed("The rest waits for a later %(document)s.", document=document)
    elif billed.action.kind == "drop":
        rest = composed("The rest is never billed.")
    else:
        done = action(billed.action, words)
        rest = composed("While a rest remains, %(action)s.", action=done)
    return listed([only, rest], ".")


def uncompared(one: n.Post, said: n.Uncompared) -> str:
    """That its amount is not compared with the record's own total, and why."""
    apart = composed(
        "The amount of %(document)s is not compared with the total of the %(record)s.",
        document=becoming(one.route),
        record=named(one.record),
    )
    reason = said.reason.rstrip(".")
    return listed([apart, composed("The reason: “%(reason)s”.", reason=reason)], ".")


def allows(one: n.Post, said: n.Allows) -> str:
    """What goes there without anybody being asked, though it is unusual."""
    what = [composed(_ALLOWED[w]) if w in _ALLOWED else named(w) for w in said.what]
    return composed(
        "%(document)s may have %(what)s: no one is asked about them.",
        document=capital(becoming(one.route)),
        what=listed(what),
    )


def fields_of(one: n.Post | n.Reversal, assigns: Sequence[n.Assign], words: Phrases) -> str:
    """The fields of a document, or those of its lines, in one sentence."""
    line = bool(assigns) and assigns is one.line_fields
    here = words.of(one.record, line=line)
    said = [
        composed("%(field)s is %(value)s", field=assign.name, value=here.gets(assign.expr))
        for assign in assigns
    ]
    fields, document = listed(said, ";"), becoming(one.route)
    if isinstance(one, n.Reversal):
        fields = composed("%(fields)s; everything else is as it was posted", fields=fields)
        other = a(one.reversing.document)
        document = composed("%(document)s that reverses %(other)s", document=document, other=other)
    return composed(
        message("In %(document)s, on each line: %(fields)s.")
        if line
        else message("In %(document)s: %(fields)s."),
        document=document,
        fields=fields,
    )


def owned(one: n.Post | n.Reversal, words: Phrases) -> str:
    """Who may change what after posting."""
    theirs = listed(list(one.they_own))
    place = becoming(one.route)
    answer = action(one.we_own, words, one.route.target) if one.we_own else ""
    if not theirs:
        return composed(
            "If any field of %(document)s is edited there manually, %(action)s.",
            document=place,
            action=answer,
        )
    left = composed(
        "%(fields)s of %(document)s may be edited there manually.", fields=theirs, document=place
    )
    other = composed("If any other field is edited there manually, %(action)s.", action=answer)
    return listed([left, other], ".")


def reversal(one: n.Reversal) -> str:
    """How a posting is taken back."""
    mirror = composed(
        "%(document)s is reversed by %(reversal)s, the mirror of what was posted, with the number"
        " %(number)s.",
        document=capital(becoming(one.reversing)),
        reversal=a(one.route.document),
        number=_number(one.number),
    )
    return listed([mirror, composed("The tables of changes and cancellations start it.")], ".")


def _number(template: str) -> str:
    parts: list[str] = []
    for at, piece in enumerate(_HOLE.split(template)):  # each second one is a name
        parts += ["‹", _COUNTED.get(piece) or named(piece), "›"] if at % 2 else [piece]
    return joined(["“", *parts, "”"])
