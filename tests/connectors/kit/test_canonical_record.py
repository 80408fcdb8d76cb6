"""What is said of a value that has no canonical form."""

import pytest

from connectors.contract import IncomingRecord, RowError
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.kit.canonical_record import Cell, RawRecord, canonical
from tests.support.zones import SHOP_ZONE

KIND = KindSchema(
    source="netshop",
    kind="order",
    fields=(
        FieldSchema(name="number", required=True),
        FieldSchema(name="customer_name"),
        FieldSchema(name="total", type="money"),
    ),
    lines=(),
)


def read(**values: object) -> IncomingRecord | tuple[RowError, ...]:
    cells = {name: Cell(f"row 2, {name}", value) for name, value in values.items()}
    return canonical(KIND, RawRecord(Cell("row 2", "7"), cells, ()), SHOP_ZONE)


def test_T16g_an_invisible_character_in_an_amount_is_named_and_shown() -> None:
    (error,) = read(number="NS-1", total="12\u200b.50")  # type: ignore[misc]
    assert error.value == "12[U+200B].50"
    assert error.message == "This holds an invisible character (U+200B)."
    assert error.hint == "Type it again: it came with a copied text."


@pytest.mark.parametrize("name", ["\u200fشاي", "\U0001f469\u200d\U0001f680"])
def test_T16h_a_name_is_taken_as_it_is(name: str) -> None:
    found = read(number="NS-1", customer_name=name, total="12.50")
    assert isinstance(found, IncomingRecord)
    assert found.body["customer_name"] == name


def test_a_plain_word_is_no_number() -> None:
    (error,) = read(number="NS-1", total="twelve")  # type: ignore[misc]
    assert (error.value, error.message) == ("twelve", "This is not a number.")
