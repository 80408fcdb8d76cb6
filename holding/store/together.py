"""Questions of one page that do not need each other's answers, asked by one statement.

Here: what a question is, asking one, and asking several in one go. Not here: any question.

A question is a function that yields a select and gets its result, as often as it has to, and
returns what it found. Those asked together go in rounds: what all of them yield next is one
statement, a union whose columns they share (union_columns.py). A row of the union is of one of
them; a mapped class is found by its id beside it.
"""

from collections import Counter, OrderedDict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Cast,
    Executable,
    Integer,
    Label,
    Result,
    Select,
    SelectBase,
    Subquery,
    false,
    func,
    inspect,
    literal,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.cache_key import HasCacheKey
from sqlalchemy.sql.visitors import cloned_traverse

from holding.store.kept_plans import NO_OPTIONS
from holding.store.union_columns import Shared, shared

OWN_VALUES = 2
"""Of a union itself, beside one for each select: the part and the number of its first row."""
MOST_KEPT = 500
"""Unions of so many different selects are kept, those that were asked last."""
T = TypeVar("T")
Found = TypeVar("Found", covariant=True)


class Given(NamedTuple):
    """A select that stands ready, and the values of those of its names that have none: to put them
    into a copy of it, as `params` does, takes as long as the rest of asking it.
    """

    select: SelectBase
    values: Mapping[str, Any]


Question = Generator[SelectBase | Given, Any, T]
"""What yields selects, gets the result of each, and returns its answer."""


class Answer(Generic[Found]):
    """What a question comes to; when it is wanted, all that wait are asked, and no further."""

    def __init__(self, all_of_them: "Together", question: Question[Found]) -> None:
        self._together, self._question = all_of_them, question
        self._found: Found | None = None
        self.asks: SelectBase | Given | None = self._next(None)

    @property
    def value(self) -> Found:
        """The answer."""
        while self.asks is not None:
            self._together.step()
        return cast(Found, self._found)

    def hear(self, result: Result[Any]) -> None:
        """Go on with what was asked for, to the next select or to the answer."""
        self.asks = self._next(result)

    def _next(self, result: Result[Any] | None) -> SelectBase | Given | None:
        try:
            return self._question.send(cast(Any, result))
        except StopIteration as ended:
            self._found = ended.value
            return None


class Together:
    """The questions of one page. `plan`: the execution options of its statements; those of which a
    server keeps the plan (kept_plans.KEPT) ask by keys, and for few rows.
    """

    def __init__(self, session: Session, plan: Mapping[str, Any] = NO_OPTIONS) -> None:
        self._session, self.plan = session, plan
        self._waiting: list[Answer[Any]] = []

    def ask(self, question: Question[T]) -> Answer[T]:
        """Ask it with the others."""
        answer = Answer(self, question)
        self._waiting.append(answer)
        return answer

    def step(self) -> None:
        """One round: what all of them ask for next."""
        asking = [one for one in self._waiting if one.asks is not None]
        selects = [
            one.asks if isinstance(one.asks, Given) else Given(cast(SelectBase, one.asks), {})
            for one in asking
        ]
        results = _results(self._session, selects, self.plan)
        for one, result in zip(asking, results, strict=True):
            one.hear(result)
        self._waiting = [one for one in asking if one.asks is not None]


def answer(session: Session, question: Question[T], plan: Mapping[str, Any] = NO_OPTIONS) -> T:
    """The answer to one question alone."""
    return Together(session, plan).ask(question).value


def _results(
    session: Session, asked: Sequence[Given], plan: Mapping[str, Any]
) -> list[Result[Any]]:
    if len(asked) == 1:
        one, own = asked[0]
        return [session.execute(cast(Executable, one), own, execution_options=plan)]
    union, values = _union_of(asked)
    found: list[list[tuple[Any, ...]]] = [[] for _ in asked]
    kept = {"compiled_cache": union.compiled, **plan} if values else {}
    rows = session.execute(union.statement, values, execution_options=kept).all()
    for told in map(tuple, rows):  # at once: one by one takes twice as long
        found[told[0]].append(tuple([told[place] for place in union.places[told[0]]]))
    return [
        IteratorResult(SimpleResultMetaData(names), iter(rows))
        for names, rows in zip(union.names, found, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Union:
    """The statement that asks several selects; of each the names of its columns, and where in a row
    they stand. `binds` are the names of its values, in the order in which those selects have them;
    they are names in no other union, so that its text for a database is kept with it.
    """

    statement: Select[Any]
    names: Sequence[Sequence[str]]
    places: Sequence[Sequence[int]]
    binds: Sequence[str] = ()
    compiled: dict[Any, Any] = field(default_factory=dict)


_made: OrderedDict[tuple[Any, ...], _Union] = OrderedDict()
_making = Lock()


def _union_of(asked: Sequence[Given]) -> tuple[_Union, Mapping[str, Any]]:
    """The union of these selects, and the values in it. One of the same selects with other values
    is the one that was made before: to make it costs several times what running it does.
    """
    keys = [cast(HasCacheKey, one.select)._generate_cache_key() for one in asked]
    sure = [(key, one.values) for key, one in zip(keys, asked, strict=True) if key is not None]
    if len(sure) < len(keys):
        return _union_of_copies(asked), {}
    shape = tuple([key.key for key, _ in sure])
    given = [
        (bind, {**key.params, **values} if key.params else values)
        for key, values in sure
        for bind in key.bindparams
    ]
    with _making:
        union = _made.get(shape)
        if union is not None:
            _made.move_to_end(shape)
    if union is None:
        made = _union_anew([one.select for one in asked])
        union = replace(made, binds=tuple([bind.key for bind, _ in given]))
        if not _takes_every_value(union):
            return _union_of_copies(asked), {}
        with _making:
            _made[shape] = union
            while len(_made) > MOST_KEPT:
                _made.popitem(last=False)
    values: dict[str, Any] = {}
    for name, (bind, told) in zip(union.binds, given, strict=True):
        value = told.get(bind.key, bind.effective_value)
        if bind.required and bind.key not in told:
            return _union_of_copies(asked), {}  # which says so
        if name in values and values[name] is not value and values[name] != value:
            return _union_of_copies(
                asked
            ), {}  # two values where those before had one in two places
        values[name] = value
    return union, values


def _takes_every_value(union: _Union) -> bool:
    """Whether it has each value of its selects under the name by which it is given, and no value
    besides but its own: where SQLAlchemy gave a copy of one another name, the copy would keep the
    value of who asked first, who may be of another company.
    """
    key = cast(HasCacheKey, union.statement)._generate_cache_key()
    names = {bind.key for bind in key.bindparams} if key else set()
    own = names.difference(union.binds)
    return names.issuperset(union.binds) and len(own) == OWN_VALUES + len(union.names)


def _union_of_copies(asked: Sequence[Given]) -> _Union:
    """One of selects that have their values in them."""
    return _union_anew([_filled(*one) if one.values else one.select for one in asked])


def _filled(asked: SelectBase, values: Mapping[str, Any]) -> SelectBase:
    """A copy with these values, whose names are no other's: that of a copy beside it may have
    another value.
    """

    def fill(bind: BindParameter[Any]) -> None:
        if bind.key in values:
            bind.value, bind.required = values[bind.key], False
            bind._convert_to_unique()  # type: ignore[no-untyped-call]

    return cloned_traverse(asked, {}, {"bindparam": fill})


def _union_anew(asked: Sequence[SelectBase]) -> _Union:
    parts = [_Part(one) for one in asked]
    columns = shared([(part.columns, part.classes) for part in parts])
    names = [part.names for part in parts]
    return _Union(_union(parts, columns), names, _placed(parts, columns))


class _Part:
    """One select of a union: its columns, with the id of a row where it asks for a whole row."""

    def __init__(self, asked: SelectBase) -> None:
        described = asked.column_descriptions if isinstance(asked, Select) else ()
        whole = [one for one in described if one["expr"] is one["entity"] and one["entity"]]
        self.classes: Mapping[int, Any] = {}
        if whole:
            asked, self.classes = _by_ids(cast("Select[Any]", asked), described)
        rows = asked.subquery()
        self.columns = tuple(rows.c)
        own = [one.key for one in self.columns]
        self.names = [str(one["name"]) for one in described] if whole else own
        self.select = select(func.row_number().over().label("nth"), *self.columns)


def _by_ids(asked: Select[Any], described: Any) -> tuple[Select[Any], Mapping[int, Any]]:
    """The same select with ids instead of whole rows, and of what they are by place."""
    columns, classes = [], {}
    for place, one in enumerate(described):
        whole = one["expr"] is one["entity"] and one["entity"]
        columns.append(getattr(one["expr"], _key(one["entity"])) if whole else one["expr"])
        if whole:
            classes[place] = inspect(one["entity"]).mapper.class_
    return asked.with_only_columns(*columns, maintain_column_froms=True), classes


def _key(model: Any) -> str:
    """The name of the one column by which rows of a mapped class are known."""
    mapper = inspect(model).mapper
    (column,) = mapper.primary_key
    return str(mapper.get_property_by_column(column).key)


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
    """The union with the rows of the ids that stand in it. Its columns are said by their names:
    to derive them from those of the parts costs more than the statement takes.
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
    """A mapped class under a name of its own, made once: an alias has a column for each of it."""
    return aliased(model, name=f"{model.__tablename__}_{nth + 1}")


def _placed(parts: Sequence[_Part], columns: Shared) -> list[list[int]]:
    """Where in a row the values of each part stand; whole rows stand behind all columns."""
    behind, found = 1 + len(columns.types), []
    for part, places in zip(parts, columns.places, strict=True):
        mine = [1 + place for place in places]
        for place in part.classes:
            mine[place] = behind
            behind += 1
        found.append(mine)
    return found
