"""The tally of one company, kept as long as the same is read of it, with what follows from it.

Here: its rows apart, the same object while they stay the same, and answers that are worked out
once. Not here: reading it and figures (tally_figures.py), which questions pages ask.

Pages of a large company read thousands of rows of the tally, and few of them change between two
pages. What they say follows from the rows and the question alone, so where a database answers with
the very same rows, neither is worked out again. The rows themselves are read for every page.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, TypeVar, cast

from sqlalchemy.orm import Session

from holding.tallies import cause_figures, tally_figures
from holding.tallies.folding import WHOLE_RECORD
from holding.tallies.tally_figures import Stored, Tallied

MOST_TALLIES: Final = 16
"""So many are kept by a process, those that were read last."""
MOST_ANSWERS: Final = 200
T = TypeVar("T")
_NONE: Final = object()


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Whole records, and those of causes by shape."""

    rows: Sequence[Tallied]
    causes: Sequence[Sequence[Tallied]]
    _answers: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, question: Hashable, answer: Callable[[], T]) -> T:
        """The answer, worked out by whoever asks first. `question` names all that it depends on
        beside the rows; nobody changes what others are given, too.
        """
        found = self._answers.get(question, _NONE)
        if found is _NONE:
            found = answer()
            if len(self._answers) >= MOST_ANSWERS:
                self._answers.clear()
            self._answers[question] = found
        return cast(T, found)


_kept: Final[OrderedDict[tuple[int, bool], tuple[Stored, Tally]]] = OrderedDict()
_keeping: Final = Lock()


def tally_of(rows: Iterable[Tallied]) -> Tally:
    """These rows apart."""
    each = tuple(rows)
    return Tally(
        rows=tuple([one for one in each if one.cause_id == WHOLE_RECORD]),
        causes=cause_figures.by_shape(one for one in each if one.cause_id != WHOLE_RECORD),
    )


def read(session: Session, company_id: int, *, fine: bool = False) -> Tally:
    """What the records with open holds of a company look like at this moment, and once more for
    each cause; `fine`: by source, target, and bands of amount and age, too.
    """
    key, stored = (company_id, fine), tally_figures.stored(session, company_id, fine=fine)
    if stored.holds:  # of a person of some sources they may be a hundred thousand
        return tally_of(tally_figures.of_stored(stored, fine=fine))
    with _keeping:
        before = _kept.get(key)
    if before is None or before[0] != stored:
        before = stored, tally_of(tally_figures.of_stored(stored, fine=fine))
    with _keeping:
        _kept[key] = before
        _kept.move_to_end(key)
        while len(_kept) > MOST_TALLIES:
            _kept.popitem(last=False)
    return before[1]
