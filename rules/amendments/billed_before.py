"""What the standing documents of a bill in parts have billed of an amount of the header.

Here: BilledBefore of one route: the amount as it was for the last document that completed its
record as that was then. So all parts together give the whole also where a record grows after it was
billed in full. Not here: what falls on a document (expressions/billed_parts.py).
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from grammar.text.editions import Edition
from rules.expressions.billed_parts import BillProgram, Shares
from rules.expressions.calls import summed
from rules.expressions.lookups import Closure
from rules.expressions.record_reading import Reader
from rules.expressions.run import Run
from rules.facts.world import PostingFact
from rules.values.unknown import Unknown, join

Documents = tuple[PostingFact, ...]
_NOTHING = Decimal(0)


class BilledBefore:
    """What stays of earlier documents; rules of earlier editions do not ask."""

    def __init__(self, bill: BillProgram, reader: Reader) -> None:
        self.bill, self.reader = bill, reader
        self.asked = reader.edition >= Edition.SIXTH

    def remember(self, shares: Shares, standing: Documents) -> Shares:
        """The shares of a new document behind those that stand, oldest first."""
        if self.asked and standing:
            shares.had = partial(self._had, standing)
        return shares

    def _had(self, standing: Documents, run: Run, amount: Closure) -> Any:
        """How much of an amount they have, or why nobody can tell; None where it is not known what
        one of them was made of.
        """
        line = run.line
        try:
            for last in range(len(standing), 0, -1):
                then = self._as_posted(run, standing[last - 1])
                if then is None:
                    return None
                complete = self._completes(then, standing[:last])
                if type(complete) is Unknown:
                    return complete
                if complete:
                    return amount(then)
        finally:
            run.line = line
        return _NOTHING

    def never_completed(self, run: Run, standing: Documents) -> bool:
        """Whether none of the documents completed the record as it was then, so that no amount of
        the header is on any of them.
        """
        line = run.line
        try:
            for last in range(len(standing), 0, -1):
                then = self._as_posted(run, standing[last - 1])
                if then is None or self._completes(then, standing[:last]) is not False:
                    return False
        finally:
            run.line = line
        return True

    def _completes(self, then: Run, documents: Documents) -> bool | Unknown:
        """Whether documents bill all of the record as it was."""
        billed, gaps, left = summed(documents), [], False
        for key, row in self.bill.keyed(then):
            then.line = row
            whole = self.bill.whole(then)
            if type(whole) is Unknown:
                gaps.append(whole)
            elif billed.get(key, _NOTHING) < whole:
                left = True
        return False if left else join(*gaps) if gaps else any(n > 0 for n in billed.values())

    def _as_posted(self, run: Run, document: PostingFact) -> Run | None:
        """The record as a document says it; what is linked to it is as it is now."""
        if document.body is None:
            return run if document.version == run.version else None
        key = ("as posted", document.route, document.seq)
        if key not in run.memo:
            run.memo[key] = self._read(run, document)
        then: Run = run.memo[key]
        return then

    def _read(self, run: Run, document: PostingFact) -> Run:
        content = self.reader.read(document.body or {})
        run.spend(1 + len(content.lines))
        then = Run(content=content, facts=run.facts, world=run.world, now=run.now, today=run.today)
        then.version, then.route = document.version, run.route
        then.lookups, then.conversions = run.lookups, run.conversions
        then.uses, then.entries, then.clock = run.uses, run.entries, run.clock
        return then
