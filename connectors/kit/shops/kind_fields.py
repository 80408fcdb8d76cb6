"""How a shop declares the fields of its kinds, and what shops call alike.

Here: one field in one line. Not here: which fields a shop has (each kinds.py).
"""

from connectors.contract.schema import FieldSchema, FieldType


def field(
    name: str,
    meaning: str,
    type: FieldType = "text",  # noqa: A002
    *,
    required: bool = False,
    longest: int | None = None,
) -> FieldSchema:
    """A field with what it means; `longest` counts characters."""
    return FieldSchema(name=name, type=type, required=required, max_length=longest, meaning=meaning)


POS = field("pos", "Number of the line in the record.", "whole", required=True)
UPDATED = field("updated_at", "Moment of this state. The later one counts.", "moment")
