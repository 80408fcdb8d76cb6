"""What a posted document would say if it were made of the record as it is now.

Here: Restated, one for each live posting of a route, lines of both sides with the keys of the
record's lines. Not here: what is done about a difference (amendments/posted_documents.py,
amendments/changes.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rules.expressions.billed_parts import line_key
from rules.expressions.calls import live
from rules.facts.world import PostingFact

if TYPE_CHECKING:
    from rules.decisions.routes import RouteProgram
    from rules.expressions.run import Run

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Restated:
    """One posted document as the record has it now.

    `goes`: whether the rules would post the record as it is; where not, `amount` is nothing. An
    `amount` of None cannot be worked out. `keys` and `posted_keys` name the lines now and the lines
    that are posted, in their order.
    """

    route: str
    seq: int
    goes: bool
    amount: Decimal | None
    fields: Mapping[str, str]
    lines: tuple[Mapping[str, str], ...]
    keys: tuple[str, ...]
    posted_keys: tuple[str, ...]


def restate(route: RouteProgram, run: Run) -> tuple[Restated, ...]:
    """The live postings of a route, each made again of the record."""
    lives = live(run.facts.postings, route.name)
    goes = bool(lives) and route.gate.word(run) == "ready"
    return tuple(_one(route, run, posting, lives, goes=goes) for posting in lives)


def _one(
    route: RouteProgram,
    run: Run,
    posting: PostingFact,
    lives: tuple[PostingFact, ...],
    *,
    goes: bool,
) -> Restated:
    draft = route.again(run, posting, lives)
    goes = goes and (route.when is None or route.when.run(run) is True)
    document = route.document.document(run, draft)
    amount = document.amount if document is not None else None
    bill, key = run.route.bill, route.posted.fields.key
    kept = [bill is None or not bill.leaves_out(row) for row in run.lines]
    keys = [k for k, made in zip(_keys(run.lines, key), kept, strict=True) if made]
    return Restated(
        route=route.name,
        seq=posting.seq,
        goes=goes,
        amount=amount if goes else _NOTHING,
        fields=draft.fields,
        lines=tuple(draft.lines),
        keys=_fitting(keys, draft.lines),
        posted_keys=_fitting(_posted_keys(route, run, posting, key), _lines(posting)),
    )


def _posted_keys(route: RouteProgram, run: Run, posting: PostingFact, key: str) -> list[str]:
    """The lines of the record as it was posted, of a bill in parts those that it bills."""
    body = posting.body
    rows = run.lines if body is None else route.posted.fields.reader.read(body).lines
    return [k for k in _keys(rows, key) if not posting.billed or k in posting.billed]


def _keys(rows: list[dict[str, Any]], key: str) -> list[str]:
    return [line_key(row.get(key), number) for number, row in enumerate(rows, start=1)]


def _fitting(keys: list[str], lines: object) -> tuple[str, ...]:
    """The keys, where there is one for each line; else their places."""
    count = len(lines) if isinstance(lines, list | tuple) else 0
    fits = len(keys) == count == len(set(keys))
    return tuple(keys) if fits else tuple(str(number) for number in range(1, count + 1))


def _lines(posting: PostingFact) -> object:
    return (posting.content or {}).get("lines")
