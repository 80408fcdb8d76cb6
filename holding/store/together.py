"""Questions of one page that do not need each other's answers, asked by one statement.

Here: what a question is, asking one, and asking several in one go. Not here: any question.

A question is a function that yields a select and gets its result, as often as it has to, and
returns what it found. Those asked together go in rounds: what all of them yield next is one
statement, a union in which each has columns of its own. A row of the union is of one of them; a
mapped class is found by its id beside it.
"""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import (
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

T = TypeVar("T")
Found = TypeVar("Found", covariant=True)
Question = Generator[SelectBase, Any, T]
"""What yields selects, gets the result of each, and returns its answer."""


class Answer(Generic[Found]):
    """What a question comes to; when it is wanted, all that wait are asked, and no further."""

    def __init__(self, all_of_them: "Together", question: Question[Found]) -> None:
        self._together, self._question = all_of_them, question
        self._found: Found | None = None
        self.asks: SelectBase | None = self._next(None)

    @property
    def value(self) -> Found:
        """The answer."""
        while self.asks is not None:
            self._together.step()
        return cast(Found, self._found)

    def hear(self, result: Result[Any]) -> None:
        """Go on with what was asked for, to the next select or to the answer."""
        self.asks = self._next(result)

    def _next(self, result: Result[Any] | None) -> SelectBase | None:
        try:
            return self._question.send(cast(Any, result))
        except StopIteration as ended:
            self._found = ended.value
            return None


class Together:
    """The questions of one page."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: list[Answer[Any]] = []

    def ask(self, question: Question[T]) -> Answer[T]:
        """Ask it with the others."""
        answer = Answer(self, question)
        self._waiting.append(answer)
        return answer

    def step(self) -> None:
        """One round: what all of them ask for next."""
        asking = [one for one in self._waiting if one.asks is not None]
        results = _results(self._session, [cast(SelectBase, one.asks) for one in asking])
        for one, result in zip(asking, results, strict=True):
            one.hear(result)
        self._waiting = [one for one in asking if one.asks is not None]


def answer(session: Session, question: Question[T]) -> T:
    """The answer to one question alone."""
    return Together(session).ask(question).value


def _results(session: Session, asked: Sequence[SelectBase]) -> list[Result[Any]]:
    if len(asked) == 1:
        return [session.execute(cast(Executable, asked[0]))]
    parts = [_Part(one) for one in asked]
    width = sum(len(part.columns) for part in parts)
    found: list[list[tuple[Any, ...]]] = [[] for _ in parts]
    places = _placed(parts)
    for row in session.execute(_union(parts, width)):
        values = tuple(row)
        found[values[0]].append(tuple(values[place] for place in places[values[0]]))
    return [
        IteratorResult(SimpleResultMetaData(part.names), iter(rows))
        for part, rows in zip(parts, found, strict=True)
    ]


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


def _union(parts: Sequence[_Part], width: int) -> Select[Any]:
    every = [column for part in parts for column in part.columns]
    heads: list[Label[Any]] = [
        Cast(null(), column.type).label(f"c{place}") for place, column in enumerate(every)
    ]
    head = select(literal(0).label("part"), literal(0).label("nth"), *heads)
    branches: list[Select[Any]] = [head.where(false())]
    before = 0
    for place, part in enumerate(parts):
        after = width - before - len(part.columns)
        nth, *own = part.select.selected_columns
        branches.append(select(literal(place), nth, *[null()] * before, *own, *[null()] * after))
        before += len(part.columns)
    return _whole(union_all(*branches).subquery("together"), every, parts)


def _whole(rows: Subquery, every: Sequence[Any], parts: Sequence[_Part]) -> Select[Any]:
    """The union with the rows of the ids that stand in it. Its columns are said by their names:
    to derive them from those of the parts costs more than the statement takes.
    """
    columns = [literal_column(f"together.c{place}", one.type) for place, one in enumerate(every)]
    part, nth = (
        literal_column("together.part", Integer()),
        literal_column("together.nth", Integer()),
    )
    asked, taken = select(part, *columns).select_from(rows), Counter[Any]()
    before = 0
    for each in parts:
        for place, model in each.classes.items():
            one, key = _row(model, taken[model]), columns[before + place]
            taken[model] += 1
            asked = asked.add_columns(one).outerjoin(one, getattr(one, _key(model)) == key)
        before += len(each.columns)
    return asked.order_by(part, nth)


@cache
def _row(model: Any, nth: int) -> Any:
    """A mapped class under a name of its own, made once: an alias has a column for each of it."""
    return aliased(model, name=f"{model.__tablename__}_{nth + 1}")


def _placed(parts: Sequence[_Part]) -> list[list[int]]:
    """Where in a row the values of each part stand; whole rows stand behind all columns."""
    behind, before = 1 + sum(len(part.columns) for part in parts), 1
    found = []
    for part in parts:
        mine = list(range(before, before + len(part.columns)))
        for place in part.classes:
            mine[place] = behind
            behind += 1
        found.append(mine)
        before += len(part.columns)
    return found
