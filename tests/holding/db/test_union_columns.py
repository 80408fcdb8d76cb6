"""Which columns of a union the columns of two selects may share."""

from typing import Any

from sqlalchemy import BigInteger, Integer, String, Text, column
from sqlalchemy.types import TypeDecorator, TypeEngine

from holding.db.models import Posting, Record
from holding.db.together import shared


class Unknown(TypeDecorator[str]):
    """A type that SQLAlchemy cannot tell from others of its class."""

    impl = Text
    cache_ok = False


def _places(*types: TypeEngine[Any]) -> list[list[int]]:
    """Where the only column of each select stands."""
    return [list(one) for one in shared([([column("a", one)], ()) for one in types]).places]


def test_whole_numbers_share_and_so_do_texts() -> None:
    assert _places(BigInteger(), Text(), Integer(), String(20)) == [[0], [1], [0], [1]]
    number = BigInteger().with_variant(Integer(), "sqlite")
    assert _places(BigInteger(), number) == [[0], [0]]


def test_what_is_read_differently_shares_no_column() -> None:
    assert _places(Record.state.type, Posting.state.type, Record.state.type) == [[0], [1], [0]]
    assert _places(Unknown(), Unknown()) == [[0], [1]]
    either = Text().with_variant(BigInteger(), "postgresql")
    assert _places(Text(), either, either, BigInteger()) == [[0], [1], [2], [3]]


def test_a_select_has_a_column_for_each_of_its_own() -> None:
    both = [column("a", Text()), column("b", Text())]
    assert [list(one) for one in shared([(both, ()), (both[:1], ())]).places] == [[0, 1], [0]]


def test_what_rows_are_found_by_is_shared_with_nothing() -> None:
    number = [column("a", BigInteger())]
    found = shared([(number, ()), (number, [0]), (number, ()), (number, [0])])
    assert [list(one) for one in found.places] == [[0], [1], [0], [2]]
