"""How many decimals an account book of AutoCount keeps: what has more is never sent.

Here: the settings that say it, and the first number of a document that has more. AutoCount rounds
such a number without a word, and its total moves with it. Not here: what no field takes at all
(preflight.py), comparing what was kept (each target's compare.py).
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from connectors.contract import OutgoingDocument, Setting, Settings
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.kit.preflight import Fault

QUANTITY: Final = "quantity_decimals"
PRICE: Final = "price_decimals"
CURRENCY: Final = 2
"""Decimals of an amount: those of the ringgit."""
_MOST: Final = 4  # more than these no document of ours has
_CHOICES: Final = {str(places): str(places) for places in range(_MOST + 1)}
_LABELS: Final = {QUANTITY: "Decimals of quantities", PRICE: "Decimals of unit prices"}
_PRICE, _PRICE_ON_THE_WIRE, _DISCOUNT = "UnitPrice", "unitPrice", "Discount"


def settings_of_book(usual: int) -> tuple[Setting, ...]:
    """What is asked of the person who connects the book; `usual` counts where nothing is chosen."""
    return tuple(
        Setting(
            name=name,
            label=label,
            hint="As in AutoCount. It rounds what has more without a word, so Clearpost holds it.",
            kind="choice",
            choices=_CHOICES,
            unset=f"Not set: {usual}",
        )
        for name, label in _LABELS.items()
    )


def decimals_fault(
    schema: DocumentSchema, document: OutgoingDocument, settings: Settings, *, usual: int
) -> Fault | None:
    """The first number with more decimals than the book keeps: field, value, and how many it keeps.

    A number that is none is no business of this check, and neither is a discount in per cent,
    which is text there.
    """
    for name, value, kept, setting in _numbers(schema, document, settings, usual):
        if _places(value) <= kept:
            continue
        words = (
            f"{name} is {value}, and the account book keeps {kept} decimals: AutoCount would"
            " round it without a word."
        )
        remedy = "Round it in the rules."
        if setting:
            remedy = f"Round it in the rules, or correct the setting {setting} of the connection."
        return "bad_value", f"{words} {remedy}"
    return None


_Number = tuple[str, str, int, str]


def _numbers(
    schema: DocumentSchema, document: OutgoingDocument, settings: Settings, usual: int
) -> Iterator[_Number]:
    """Name, value, decimals that are kept, and the label of the setting that says how many."""
    parts = [(schema.header, document.fields, "")]
    for at, line in enumerate(document.lines if schema.lines else (), start=1):
        parts.append((schema.lines, line, f" of line {at}"))
    for fields, given, where in parts:
        for field in fields:
            name, value = f"{field.title or field.name}{where}", given.get(field.name, "")
            if (kept := _kept(field, settings, usual)) is not None:
                yield name, value, *kept


def _kept(field: FieldSchema, settings: Settings, usual: int) -> tuple[int, str] | None:
    """How many decimals of a field are kept, and by which setting; None where it is no such number.

    A bill of one amount is a row with a price there. Amounts of money have theirs by their schema
    (preflight.py), but for a discount, which may be a text there.
    """
    if field.type == "quantity":
        return _chosen(settings, QUANTITY, usual), _LABELS[QUANTITY]
    if field.name == _PRICE or field.wire == _PRICE_ON_THE_WIRE:
        return _chosen(settings, PRICE, usual), _LABELS[PRICE]
    if field.name == _DISCOUNT:
        return CURRENCY, ""
    return None


def _chosen(settings: Settings, name: str, usual: int) -> int:
    chosen = str(settings.get(name) or "").strip()
    return int(chosen) if chosen in _CHOICES else usual


def _places(value: str) -> int:
    """How many decimals a number has, without the zeros at its end; of other text none.

    >>> _places("0.125"), _places("2.00"), _places("5.5%"), _places("1E+2")
    (3, 0, 0, 0)
    """
    try:
        exponent = Decimal(value).normalize().as_tuple().exponent
    except InvalidOperation:
        return 0
    return max(0, -exponent) if isinstance(exponent, int) else 0
