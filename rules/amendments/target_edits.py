"""Fields that somebody changed in the target after we posted them.

Here: TargetEditProgram: whose a field is, and the finding where it is ours. Not here: who noticed
the change (it comes with the facts).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from grammar import nodes as n
from grammar.text.amounts import separated
from grammar.text.finding_codes import ErrorClass
from rules.expressions.run import Run
from rules.facts.world import LINES, NOTHING, VOID, WHOLE, PostingFact, TargetEdit
from rules.outcomes.findings import Said
from rules.outcomes.outcome import HIT, PASS, Finding, Verdict
from rules.values.cause_keys import NEVER, CauseKey, CauseKind, Clearing

RULE = "target_edited"


@dataclass(frozen=True, slots=True)
class _Cause:
    """What a finding has in common with others."""

    error_class: ErrorClass
    kind: CauseKind
    label: str


_CHANGED = _Cause("stale_version", CauseKind.STALE, "Changed in the accounting system")
_AS_POSTED = "the accounting system shows again what was posted"
_GONE = _Cause("uncertain", CauseKind.GONE, "Not in the accounting system")


class TargetEditProgram:
    """`we own` and `they own` of one route."""

    def __init__(self, post: n.Post, owner: str) -> None:
        self.route = str(post.route)
        self.theirs = frozenset(post.they_own)
        self.action = post.we_own
        self.owner = post.we_own.role or owner

    def judge(self, run: Run, lives: tuple[PostingFact, ...]) -> Said:
        """A verdict for what differs now, and one finding for each posting with a field of ours."""
        said = Said()
        for posting in lives:
            edits = [e for e in _of(run, posting) if e.field not in self.theirs]
            if edits and edits[0].field == WHOLE:
                self._whole(run, posting, edits[0].shows, said)
                continue
            shown = [(_name(e), f"{ours} is {e.shows} there") for e in edits
                     if not same(ours := _ours(posting, e), e.shows)]  # fmt: skip
            if shown:
                self._say(run, posting, tuple(shown), said)
        return said

    def shows(self, run: Run, posting: PostingFact) -> dict[tuple[int | None, str], str]:
        """What stands in the target in the fields that are theirs."""
        found = {(e.line, e.field): e.shows for e in _of(run, posting)}
        return {place: text for place, text in found.items() if place[1] in self.theirs}

    def _say(
        self, run: Run, posting: PostingFact, shown: tuple[tuple[str, str], ...], said: Said
    ) -> None:
        words = [(name, text if run.bare else separated(text)) for name, text in shown[:8]]
        names = ", ".join(f"{name} {text}" for name, text in words)
        text = f"{posting.number} was changed in the accounting system: {names}."
        self._add(run, posting, said, text, shown, _CHANGED, self.action.kind)

    def _whole(self, run: Run, posting: PostingFact, shows: str, said: Said) -> None:
        """The document itself is gone or void: nobody owns that, so no answer for fields counts."""
        gone = shows == NOTHING
        words = {
            NOTHING: f"{posting.number} is not in the accounting system, though it took it.",
            VOID: f"{posting.number} was made void in the accounting system.",
        }
        kind = "review" if self.action.kind in ("ignore", "warn") else self.action.kind
        text, shown = words.get(shows, shows), ((WHOLE, shows),)
        self._add(run, posting, said, text, shown, _GONE if gone else _CHANGED, kind)

    def _add(
        self,
        run: Run,
        posting: PostingFact,
        said: Said,
        text: str,
        shown: tuple[tuple[str, str], ...],
        cause: _Cause,
        kind: str,
    ) -> None:
        released = kind != "block" and (self.route, RULE) in run.facts.releases
        result = PASS if kind == "ignore" else HIT
        operands = (("posted as", posting.number), *shown)
        said.verdicts.append(
            Verdict(
                RULE, "change", self.route, result, self.action.span, operands, None, text, released
            )
        )
        if kind == "ignore" or released:
            return
        said.findings.append(
            Finding(
                code="STL03",
                error_class=cause.error_class,
                rule=RULE,
                route=self.route,
                severity="warn" if kind == "warn" else "hold",
                owner=self.owner,
                message=text,
                clears=NEVER if kind == "block" else Clearing.by(self.owner),
                cause_key=CauseKey(cause.kind, self.route),
                cause_label=f"{cause.label}, {self.route}",
                would_pass=_AS_POSTED,
                span=self.action.span,
            )
        )


def _of(run: Run, posting: PostingFact) -> list[TargetEdit]:
    at = (posting.route, posting.seq)
    return [e for e in run.facts.target_edited if (e.route, e.seq) == at]


def _ours(posting: PostingFact, edit: TargetEdit) -> str:
    """What we posted in that field."""
    content = posting.content or {}
    row = content.get("fields")
    if edit.field == LINES and edit.line is None:
        lines = content.get("lines")
        return str(len(lines)) if isinstance(lines, list | tuple) else "(missing)"
    if edit.line is not None:
        lines = content.get("lines")
        inside = isinstance(lines, list | tuple) and 0 < edit.line <= len(lines)
        row = lines[edit.line - 1] if inside and isinstance(lines, list | tuple) else None
    return str(row.get(edit.field, "(missing)")) if isinstance(row, Mapping) else "(missing)"


def _name(edit: TargetEdit) -> str:
    return edit.field if edit.line is None else f"line {edit.line} {edit.field}"


def same(ours: str, theirs: str) -> bool:
    """Whether two texts say the same value: `96.00` and `96.0` do.

    >>> same("96.00", "96.0"), same("A", "a")
    (True, False)
    """
    if ours.strip() == theirs.strip():
        return True
    try:
        return Decimal(ours) == Decimal(theirs)
    except InvalidOperation:
        return False
