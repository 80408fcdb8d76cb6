"""Queries of a page as generators, and the PostgreSQL plans that are kept for pages."""

from collections.abc import Generator, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast
from weakref import WeakSet

from sqlalchemy import ColumnElement, Engine, Executable, Integer, SelectBase, event, literal_column
from sqlalchemy.orm import Session

T = TypeVar("T")

Found = TypeVar("Found", covariant=True)


class Given(NamedTuple):
    """A prepared select and the values of its parameters."""

    select: SelectBase
    values: Mapping[str, Any]


Question = Generator[SelectBase | Given, Any, T]
"""What yields selects, gets the result of each, and returns its answer."""

PLAN: Final = "clearpost_plan"

KEPT: Final = {PLAN: "kept"}
"""The execution option of a statement whose plan is kept.

Use it for statements that select by keys and dates, not for a search whose best plan depends on its
values.
"""

NO_OPTIONS: Final[Mapping[str, Any]] = {}
"""The options of a statement that is planned for its values."""

LIVES_SECONDS: Final = 300
"""A connection that keeps plans is replaced after this time, because its tables may have grown."""

MOST: Final = 60
"""Statements that a connection keeps, the last ones used."""

_NEVER_UNASKED: Final = 2**31 - 1

_ANY_VALUES = "SET LOCAL plan_cache_mode = force_generic_plan"

_THESE_VALUES = "SET LOCAL plan_cache_mode = auto"

POOL: Final[dict[str, Any]] = {
    "pool_recycle": LIVES_SECONDS,
    "connect_args": {"prepare_threshold": _NEVER_UNASKED},
}
"""Arguments of an engine that keeps plans: its own connections, replaced after that time."""


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


def at_most(count: int) -> ColumnElement[int]:
    """Return a literal limit for a statement.

    For a limit given as a parameter, PostgreSQL's generic plan assumes a tenth of the rows.
    """
    return literal_column(str(int(count)), Integer())


def keep(engine: Engine) -> Engine:
    """Make a read-only engine created with `POOL` keep the plans of statements with the `KEPT`
    option.
    """
    any_values: WeakSet[Any] = WeakSet()
    """Driver connections whose present transaction plans for any values."""

    @event.listens_for(engine, "connect")
    def limit_prepared(connection: Any, _record: Any) -> None:
        connection.prepared_max = MOST

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # SET LOCAL ended with the transaction before.
        any_values.discard(connection.connection.driver_connection)

    @event.listens_for(engine, "do_execute")
    def execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        connection, is_kept = cursor.connection, PLAN in context.execution_options
        if is_kept is not (connection in any_values):
            (any_values.add if is_kept else any_values.discard)(connection)
            connection.execute(_ANY_VALUES if is_kept else _THESE_VALUES)
        cursor.execute(statement, parameters, prepare=is_kept)
        return True

    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
