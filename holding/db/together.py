"""Queries of a page as generators. New code executes its selects with the session instead.

It is a module of its own, because it goes once its last callers execute their selects.
"""

from collections.abc import Generator, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

from sqlalchemy import Executable, SelectBase
from sqlalchemy.orm import Session

from holding.db.kept_plans import KEPT as KEPT
from holding.db.kept_plans import at_most as at_most

T = TypeVar("T")

Found = TypeVar("Found", covariant=True)


class Given(NamedTuple):
    """A prepared select and the values of its parameters."""

    select: SelectBase
    values: Mapping[str, Any]


Question = Generator[SelectBase | Given, Any, T]
"""What yields selects, gets the result of each, and returns its answer."""

NO_OPTIONS: Final[Mapping[str, Any]] = {}
"""The options of a statement that is planned for its values."""


def answer(session: Session, question: Question[T], plan: Mapping[str, Any] = NO_OPTIONS) -> T:
    """Run the selects that a query yields, one after the other, and return its answer."""
    result: Any = None
    while True:
        try:
            wanted = question.send(result)
        except StopIteration as ended:
            return cast(T, ended.value)
        statement, values = wanted if isinstance(wanted, Given) else (wanted, {})
        result = session.execute(cast(Executable, statement), values, execution_options=plan)


class Answer(Generic[Found]):
    """The pending answer to one query. Reading `value` runs the query once."""

    def __init__(
        self, session: Session, question: Question[Found], plan: Mapping[str, Any]
    ) -> None:
        self._session, self._plan = session, plan
        self._question: Question[Found] | None = question
        self._value: Found | None = None

    @property
    def value(self) -> Found:
        """Return the answer."""
        if self._question is not None:
            self._value = answer(self._session, self._question, self._plan)
            self._question = None
        return cast(Found, self._value)


class Together:
    """The queries of one page.

    `plan` are the execution options of their statements. Those with `KEPT` must select few rows by
    keys, because the server reuses their plan.
    """

    def __init__(self, session: Session, plan: Mapping[str, Any] = NO_OPTIONS) -> None:
        self._session, self.plan = session, plan

    def ask(self, question: Question[T]) -> Answer[T]:
        """Return the pending answer to a query."""
        return Answer(self._session, question, self.plan)
