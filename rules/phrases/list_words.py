"""What is said of a list of records or lines, of a value that is there or not, of a const.

Here: sums, counts and the like, `known` and `missing`, a const with its days. Not here: what stands
in them (expression_words.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from grammar import nodes as n
from rules.phrases.composed import composed, message, named, without_article
from rules.phrases.terms import listed
from rules.values.wording import bare

IS_SO = {
    "known": (message("%(what)s is known"), message("%(what)s are known")),
    "missing": (message("%(what)s is missing"), message("%(what)s are missing")),
    "not known": (message("%(what)s is not known"), message("%(what)s are not known")),
    "not missing": (message("%(what)s is not missing"), message("%(what)s are not missing")),
}
"""What is said of a value, of one and of many."""
MOVED = {"-": message("%(time)s before %(day)s"), "+": message("%(time)s after %(day)s")}


def of_list(name: str, path: Sequence[str], field: str, where: str) -> str:
    """What a function of lists gives: `the sum of the amount over all lines where …`."""
    if name == "all":
        so = where or composed("%(field)s is yes", field=field)
        return composed("in all %(list)s %(condition)s", list=_list(path), condition=so)
    over = _narrowed(_list(path), where)
    if name == "sum":
        return composed("the sum of %(field)s over all %(list)s", field=field, list=over)
    if name == "latest":
        latest = without_article(field)
        return composed("the latest %(field)s over all %(list)s", field=latest, list=over)
    return composed("the number of %(list)s", list=over)


def existing(path: Sequence[str], field: str, where: str, *, so: bool) -> str:
    """That there is any of a list, or none; `field` is the name of one that is yes."""
    over = _narrowed(_list(path), where)
    if field:
        over = composed("%(list)s whose %(field)s is yes", list=over, field=named(field))
    there = message("there are %(list)s") if so else message("there are no %(list)s")
    return composed(there, list=over)


def _narrowed(over: str, where: str) -> str:
    return composed("%(list)s where %(condition)s", list=over, condition=where) if where else over


def _list(path: Sequence[str]) -> str:
    """A list of the record, or one of its lines: `deliveries of the lines`."""
    *owners, last = path
    said: str = named(last)
    for owner in reversed(owners):
        said = composed("%(list)s of the %(owner)s", list=said, owner=named(owner))
    return said


def literal(value: n.Literal) -> str:
    """A value as it is written, a text without its quotes; yes and no are words of ours."""
    if value.kind == "yes_no":
        return composed("yes") if value.value else composed("no")
    return bare(value)


def const_in_words(const: n.Const) -> str:
    """The value of a const; one that changes: `8000.00 (before 2026-07-01: 5000.00)`."""
    rows = sorted(const.rows, key=lambda row: row.since, reverse=True)
    older = [
        composed("before %(day)s: %(value)s", day=str(later.since), value=literal(row.value))
        for later, row in pairwise(rows)
    ]
    value = literal(rows[0].value)
    if not older:
        return value
    return composed("%(value)s (%(older)s)", value=value, older=listed(older, ","))
