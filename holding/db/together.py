"""Answer the independent queries of one page with one statement."""

from collections import Counter, OrderedDict
from collections.abc import Collection, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from threading import Lock
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast
from weakref import WeakSet

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Cast,
    Column,
    ColumnElement,
    Engine,
    Executable,
    Integer,
    Label,
    Result,
    Select,
    SelectBase,
    SmallInteger,
    String,
    Subquery,
    Text,
    event,
    false,
    func,
    inspect,
    literal,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.cache_key import NO_CACHE, HasCacheKey
from sqlalchemy.sql.visitors import cloned_traverse
from sqlalchemy.types import TypeEngine

OWN_VALUES = 2
"""Of a union itself, beside one for each select: the part and the number of its first row."""

MOST_KEPT = 500
"""Unions of so many different selects are kept, those that were asked last."""

T = TypeVar("T")

Found = TypeVar("Found", covariant=True)


class Given(NamedTuple):
    """A prepared select and the values of its parameters.

    Copying the select with `params` would take as long as the rest of the query.
    """

    select: SelectBase
    values: Mapping[str, Any]


Question = Generator[SelectBase | Given, Any, T]
"""What yields selects, gets the result of each, and returns its answer."""


@dataclass(frozen=True, slots=True)
class _Union:
    """The statement that combines several selects.

    `names` are the columns of each select, `places` their positions in a row. `binds` are the
    parameter names in the order of the selects. They are unique, so the compiled text can be cached
    with the union.
    """

    statement: Select[Any]
    names: Sequence[Sequence[str]]
    places: Sequence[Sequence[int]]
    binds: Sequence[str] = ()
    compiled: dict[Any, Any] = field(default_factory=dict)


_made: OrderedDict[tuple[Any, ...], _Union] = OrderedDict()

_making = Lock()

_WHOLE_NUMBERS: Final = (Integer, BigInteger, SmallInteger)

_TEXTS: Final = (String, Text)

PLAN: Final = "clearpost_plan"

KEPT: Final = {PLAN: "kept"}
"""The execution option of a statement whose plan is kept: one that asks by keys and dates, not one
that is quick for some values and slow for others, as a search for letters is.
"""

NO_OPTIONS: Final[Mapping[str, Any]] = {}
"""Those of a statement that is planned for its values, as one is that looks for a text."""

LIVES_SECONDS: Final = 300
"""A plan that was made for a small table is used no longer than that, whatever is counted."""

MOST: Final = 60
"""So many statements a connection are kept, those that were asked last."""

_NEVER_UNASKED: Final = 2**31 - 1

_IN_ERROR: Final = 3
"""How libpq numbers a transaction in which a statement failed; who uses SQLite loads no driver."""

_ANY_VALUES = "SET LOCAL plan_cache_mode = force_generic_plan"

_THESE_VALUES = "SET LOCAL plan_cache_mode = auto"

POOL: Final[dict[str, Any]] = {
    "pool_recycle": LIVES_SECONDS,
    "connect_args": {"prepare_threshold": _NEVER_UNASKED},
}
"""What an engine that keeps plans is made with: its own connections, replaced after that time."""


class Answer(Generic[Found]):
    """The pending answer to one query.

    Reading `value` runs all waiting queries, but no further steps than needed.
    """

    def __init__(self, all_of_them: "Together", question: Question[Found]) -> None:
        self._together, self._question = all_of_them, question
        self._found: Found | None = None
        self.asks: SelectBase | Given | None = self._next(None)

    @property
    def value(self) -> Found:
        """Return the answer."""
        while self.asks is not None:
            self._together.step()
        return cast(Found, self._found)

    def hear(self, result: Result[Any]) -> None:
        """Continue with a result, to the next select or to the answer."""
        self.asks = self._next(result)

    def _next(self, result: Result[Any] | None) -> SelectBase | Given | None:
        try:
            return self._question.send(cast(Any, result))
        except StopIteration as ended:
            self._found = ended.value
            return None


class Together:
    """The queries of one page, run together.

    `plan` are the execution options of the statements. Those with `KEPT` must select few rows by
    keys, because the server reuses their plan.
    """

    def __init__(self, session: Session, plan: Mapping[str, Any] = NO_OPTIONS) -> None:
        self._session, self.plan = session, plan
        self._waiting: list[Answer[Any]] = []

    def ask(self, question: Question[T]) -> Answer[T]:
        """Add a query to the others."""
        answer = Answer(self, question)
        self._waiting.append(answer)
        return answer

    def step(self) -> None:
        """Run one round: the next select of each waiting query."""
        asking = [one for one in self._waiting if one.asks is not None]
        selects = [
            one.asks if isinstance(one.asks, Given) else Given(cast(SelectBase, one.asks), {})
            for one in asking
        ]
        results = _results(self._session, selects, self.plan)
        for one, result in zip(asking, results, strict=True):
            one.hear(result)
        self._waiting = [one for one in asking if one.asks is not None]


def _results(
    session: Session, asked: Sequence[Given], plan: Mapping[str, Any]
) -> list[Result[Any]]:
    if len(asked) == 1:
        one, own = asked[0]
        return [session.execute(cast(Executable, one), own, execution_options=plan)]
    union, values = _union_of(asked)
    rows_by_select: list[list[tuple[Any, ...]]] = [[] for _ in asked]
    kept = {"compiled_cache": union.compiled, **plan} if values else {}
    rows = session.execute(union.statement, values, execution_options=kept).all()
    for row in map(tuple, rows):  # at once: one by one takes twice as long
        rows_by_select[row[0]].append(tuple([row[place] for place in union.places[row[0]]]))
    return [
        IteratorResult(SimpleResultMetaData(names), iter(rows))
        for names, rows in zip(union.names, rows_by_select, strict=True)
    ]


def _union_of(asked: Sequence[Given]) -> tuple[_Union, Mapping[str, Any]]:
    """Return the union of these selects and its values.

    A union of the same selects is reused with other values, because building it costs much more
    than running it.
    """
    keys = [cast(HasCacheKey, one.select)._generate_cache_key() for one in asked]
    cacheable = [(key, one.values) for key, one in zip(keys, asked, strict=True) if key is not None]
    if len(cacheable) < len(keys):
        return _union_of_copies(asked), {}
    shape = tuple([key.key for key, _ in cacheable])
    bound_values = [
        (bind, {**key.params, **values} if key.params else values)
        for key, values in cacheable
        for bind in key.bindparams
    ]
    with _making:
        union = _made.get(shape)
        if union is not None:
            _made.move_to_end(shape)
    if union is None:
        new_union = _union_anew([one.select for one in asked])
        union = replace(new_union, binds=tuple([bind.key for bind, _ in bound_values]))
        if not _takes_every_value(union):
            return _union_of_copies(asked), {}
        with _making:
            _made[shape] = union
            while len(_made) > MOST_KEPT:
                _made.popitem(last=False)
    values: dict[str, Any] = {}
    for name, (bind, bind_values) in zip(union.binds, bound_values, strict=True):
        value = bind_values.get(bind.key, bind.effective_value)
        if bind.required and bind.key not in bind_values:
            return _union_of_copies(asked), {}  # which says so
        if name in values and values[name] is not value and values[name] != value:
            return _union_of_copies(
                asked
            ), {}  # two values where those before had one in two places
        values[name] = value
    return union, values


def _union_of_copies(asked: Sequence[Given]) -> _Union:
    """Return a union of selects that contain their values."""
    return _union_anew([_filled(*one) if one.values else one.select for one in asked])


def _union_anew(asked: Sequence[SelectBase]) -> _Union:
    parts = [_Part(one) for one in asked]
    columns = shared([(part.columns, part.classes) for part in parts])
    names = [part.names for part in parts]
    return _Union(_union(parts, columns), names, _placed(parts, columns))


class _Part:
    """One select of a union. A selected row is replaced by its id."""

    def __init__(self, asked: SelectBase) -> None:
        described = asked.column_descriptions if isinstance(asked, Select) else ()
        entities = [one for one in described if one["expr"] is one["entity"] and one["entity"]]
        self.classes: Mapping[int, Any] = {}
        if entities:
            asked, self.classes = _by_ids(cast("Select[Any]", asked), described)
        rows = asked.subquery()
        self.columns = tuple(rows.c)
        column_keys = [one.key for one in self.columns]
        self.names = [str(one["name"]) for one in described] if entities else column_keys
        self.select = select(func.row_number().over().label("nth"), *self.columns)


def _by_ids(asked: Select[Any], described: Any) -> tuple[Select[Any], Mapping[int, Any]]:
    """Return the select with ids instead of whole rows, and the row classes by position."""
    columns, classes = [], {}
    for place, one in enumerate(described):
        is_entity = one["expr"] is one["entity"] and one["entity"]
        columns.append(getattr(one["expr"], _key(one["entity"])) if is_entity else one["expr"])
        if is_entity:
            classes[place] = inspect(one["entity"]).mapper.class_
    return asked.with_only_columns(*columns, maintain_column_froms=True), classes


def _key(model: Any) -> str:
    """Return the name of a mapped class's single primary key column."""
    mapper = inspect(model).mapper
    (column,) = mapper.primary_key
    return str(mapper.get_property_by_column(column).key)


@dataclass(frozen=True, slots=True)
class Shared:
    """The columns of a union: their types, and for each select the position of its columns."""

    types: Sequence[TypeEngine[Any]]
    places: Sequence[Sequence[int]]

    def filled(self, select: int, columns: Sequence[Any]) -> list[Any]:
        """Return a row of the union with the columns of one select, NULL elsewhere."""
        row: list[Any] = [null()] * len(self.types)
        for place, column in zip(self.places[select], columns, strict=True):
            row[place] = column if _is_exact(column) else sql_cast(column, self.types[place])
        return row


def _union(parts: Sequence[_Part], columns: Shared) -> Select[Any]:
    heads: list[Label[Any]] = [
        Cast(null(), one).label(f"c{place}") for place, one in enumerate(columns.types)
    ]
    first = (literal(0).label("part"), literal(0, BigInteger()).label("nth"))
    branches: list[Select[Any]] = [select(*first, *heads).where(false())]
    for place, part in enumerate(parts):
        nth, *own = part.select.selected_columns
        branches.append(select(literal(place), nth, *columns.filled(place, own)))
    return _whole(union_all(*branches).subquery("together"), columns, parts)


def _whole(rows: Subquery, columns: Shared, parts: Sequence[_Part]) -> Select[Any]:
    """Return the union joined with the rows of its ids.

    Its columns are named as text, because deriving them from the parts costs more than the
    statement.
    """
    own = [literal_column(f"together.c{place}", one) for place, one in enumerate(columns.types)]
    part, nth = (
        literal_column("together.part", Integer()),
        literal_column("together.nth", BigInteger()),
    )
    asked, taken = select(part, *own).select_from(rows), Counter[Any]()
    for each, places in zip(parts, columns.places, strict=True):
        for place, model in each.classes.items():
            one, key = _row(model, taken[model]), own[places[place]]
            taken[model] += 1
            asked = asked.add_columns(one).outerjoin(one, getattr(one, _key(model)) == key)
    return asked.order_by(part, nth)


@cache
def _row(model: Any, nth: int) -> Any:
    """Return a cached alias of a mapped class, because building an alias is slow."""
    return aliased(model, name=f"{model.__tablename__}_{nth + 1}")


def _placed(parts: Sequence[_Part], columns: Shared) -> list[list[int]]:
    """Return where in a row the values of each part are; whole rows follow all columns."""
    behind, positions = 1 + len(columns.types), []
    for part, places in zip(parts, columns.places, strict=True):
        own_positions = [1 + place for place in places]
        for place in part.classes:
            own_positions[place] = behind
            behind += 1
        positions.append(own_positions)
    return positions


def _filled(asked: SelectBase, values: Mapping[str, Any]) -> SelectBase:
    """Return a copy with these values under unique parameter names, so that copies do not share
    values.
    """

    def fill(bind: BindParameter[Any]) -> None:
        if bind.key in values:
            bind.value, bind.required = values[bind.key], False
            bind._convert_to_unique()  # type: ignore[no-untyped-call]

    return cloned_traverse(asked, {}, {"bindparam": fill})


def _takes_every_value(union: _Union) -> bool:
    """Check whether every value reaches the union under its own parameter name.

    If SQLAlchemy renamed a parameter in a copy, the copy would keep the first caller's value, which
    may belong to another company.
    """
    key = cast(HasCacheKey, union.statement)._generate_cache_key()
    names = {bind.key for bind in key.bindparams} if key else set()
    own = names.difference(union.binds)
    return names.issuperset(union.binds) and len(own) == OWN_VALUES + len(union.names)


def answer(session: Session, question: Question[T], plan: Mapping[str, Any] = NO_OPTIONS) -> T:
    """Return the answer to one query alone."""
    return Together(session, plan).ask(question).value


def _is_exact(column: Any) -> bool:
    """Check whether a column already has the exact type of its union column."""
    if type(column.type) not in (*_WHOLE_NUMBERS, *_TEXTS):
        return True
    if type(column.type) not in (BigInteger, Text):
        return False
    return all(isinstance(one, Column) for one in column.base_columns)


def shared(selects: Sequence[tuple[Sequence[Any], Collection[int]]]) -> Shared:
    """Return the columns for a union of these selects.

    Each select is given by its columns and the positions that must not share a column, because rows
    are joined by them.
    """
    types: list[TypeEngine[Any]] = []
    known: dict[Hashable, list[int]] = {}
    places = []
    for columns, alone in selects:
        taken, own_places = Counter[Hashable](), list[int]()
        for nth, column in enumerate(columns):
            kind = None if nth in alone else _kind(column.type)
            positions = known.setdefault(kind, []) if kind is not None else []
            if taken[kind] == len(positions) or kind is None:
                positions.append(len(types))
                types.append(_type(column.type))
            own_places.append(positions[taken[kind]] if kind is not None else positions[-1])
            taken[kind] += 1
        places.append(own_places)
    return Shared(types, places)


def _kind(of: TypeEngine[Any]) -> Hashable:
    """Return a key that types sharing a column have in common, or None if the type shares with
    none.
    """
    either = {type(of), *map(type, of._variant_mapping.values())}
    if either.issubset(_WHOLE_NUMBERS):
        return BigInteger
    if either.issubset(_TEXTS):
        return Text
    cache_key = of._static_cache_key  # as SQLAlchemy itself tells types apart
    return None if cache_key is NO_CACHE or of._variant_mapping else cache_key


def _type(of: TypeEngine[Any]) -> TypeEngine[Any]:
    kind = _kind(of)
    if kind is BigInteger:
        return BigInteger()
    return Text() if kind is Text else of


def at_most(count: int) -> ColumnElement[int]:
    """Return a literal limit for a statement.

    For a limit given as a parameter, PostgreSQL's generic plan assumes a tenth of the rows.
    """
    return literal_column(str(int(count)), Integer())


def keep(engine: Engine) -> Engine:
    """Let a read-only engine made with `POOL` keep the plans of statements with the
    `KEPT` option.
    """

    @event.listens_for(engine, "connect")
    def bound(connection: Any, _record: Any) -> None:
        connection.prepared_max = MOST

    for_any_values: WeakSet[Any] = WeakSet()
    """The connections whose server was told so, in the transaction that they are in."""

    @event.listens_for(engine, "do_execute")
    def execute(cursor: Any, words: str, given: Any, context: Any) -> bool:
        connection, keeps = cursor.connection, PLAN in context.execution_options
        if keeps is not (connection in for_any_values):
            (for_any_values.add if keeps else for_any_values.discard)(connection)
            connection.execute(_ANY_VALUES if keeps else _THESE_VALUES)
        cursor.execute(words, given, prepare=keeps)
        return True

    def end(connection: Any) -> None:
        """Nothing was written. After an error all plans go: one may be of an earlier schema."""
        for_any_values.discard(connection.dbapi_connection)
        failed = connection.pgconn.transaction_status == _IN_ERROR
        (connection.rollback if failed else connection.commit)()

    engine.dialect.do_rollback = end  # type: ignore[assignment, method-assign]
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
