"""What people may fill in for a source, and what never.

Here: the law of one field. Not here: who may (`completed by` in the record), for which finding
(rules/amendments/corrections.py).
"""

from collections.abc import Collection, Iterator
from typing import Final

from grammar import nodes as n
from grammar.text.problem import Span

_MARKS: Final = {"key": "tells records apart", "family": "tells which records belong together"}
_TYPES: Final = {
    "one_of": "is what the source says of its state",
    "many": "is all lines at once",
    "user": "names a person of the source",
}


def never_completed(field: n.Field, excluded: Collection[str]) -> str:
    """Why people never set a field, or ""; `excluded` are those behind `never` of approvals."""
    why = _MARKS.get(field.mark or "") or _TYPES.get(field.type, "")
    return why or ("keeps its people from approving" if field.name in excluded else "")


def wrongly_completed(ruleset: n.Ruleset) -> Iterator[tuple[str, str, Span]]:
    """The fields that a team is to complete and that people never set: name, why, and where."""
    for record in ruleset.records:
        approvals = (one for one in ruleset.approvals if one.record == record.name)
        excluded = {name for one in approvals for name in one.never}
        for field in record.fields:
            clause = field.completed if isinstance(field, n.Field) else None
            if isinstance(field, n.Field) and clause is not None:
                why = never_completed(field, excluded)
                if why:
                    yield field.name, why, clause.span
