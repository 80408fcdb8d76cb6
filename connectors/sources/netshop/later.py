"""What NetShop knows and this connector does not bring yet, as data.

Here: the settlement of a blogger's commission. Not here: orders, which arrive (connector.py).
"""

from connectors.kit.schema import FieldSchema, KindSchema

SETTLEMENT = KindSchema(
    source="netshop",
    kind="settlement",
    fields=(
        FieldSchema(name="number", required=True, max_length=50),
        FieldSchema(name="status", required=True, max_length=100),
        FieldSchema(name="blogger"),
        FieldSchema(name="period"),
        FieldSchema(name="settled_on", type="date"),
        FieldSchema(name="paid_at", type="moment"),
        FieldSchema(name="currency"),
        FieldSchema(name="commission", type="money"),
    ),
)
