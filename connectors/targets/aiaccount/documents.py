"""The document types that AiAccount takes, as data.

Here: columns, limits and which field means what. Not here: how a document becomes bytes
(payload.py), nor the types that nothing posts yet (later.py).
"""

from connectors.kit.schema import Books, DocumentSchema, FieldSchema

SALES_INVOICE = DocumentSchema(
    target="aiaccount",
    name="sales_invoice",
    title="Sales invoice",
    header=(
        FieldSchema(
            name="InvoiceNumber",
            title="Invoice Number",
            wire="invoice_number",
            required=True,
            max_length=50,
        ),
        FieldSchema(
            name="InvoiceDate",
            title="Invoice Date",
            wire="invoice_date",
            type="date",
            required=True,
        ),
        FieldSchema(name="DueDate", title="Due Date", wire="due_date", type="date"),
        FieldSchema(
            name="Customer",
            title="Customer",
            wire="customer.name",
            required=True,
            max_length=100,
            refers="customer",
        ),
        FieldSchema(name="CustomerTIN", title="Customer TIN", wire="customer.tin", max_length=14),
        FieldSchema(
            name="CustomerIDType", title="Customer ID Type", wire="customer.id_type", max_length=8
        ),
        FieldSchema(
            name="CustomerIDNumber",
            title="Customer ID Number",
            wire="customer.id_number",
            max_length=20,
        ),
        FieldSchema(
            name="CustomerAddress",
            title="Customer Address",
            wire="customer.address",
            max_length=300,
        ),
        FieldSchema(
            name="CustomerEmail", title="Customer Email", wire="customer.email", max_length=255
        ),
        FieldSchema(
            name="CustomerPhone", title="Customer Phone", wire="customer.phone", max_length=20
        ),
        FieldSchema(
            name="Currency", title="Currency", wire="currency", required=True, max_length=3
        ),
        FieldSchema(
            name="ExchangeRate",
            title="Exchange Rate",
            wire="exchange_rate",
            type="decimal",
            places=6,
        ),
        FieldSchema(name="Reference", title="Reference", wire="reference", max_length=50),
        FieldSchema(name="Total", title="Total", type="money", places=2, sent=False),
        FieldSchema(name="Notes", title="Notes", sent=False, theirs=True),
    ),
    lines=(
        FieldSchema(name="LineNo", title="Line No", wire="line_no", type="whole", required=True),
        FieldSchema(name="SKU", title="SKU", wire="sku", max_length=50, refers="item"),
        FieldSchema(
            name="Description",
            title="Description",
            wire="description",
            required=True,
            max_length=200,
        ),
        FieldSchema(
            name="Quantity",
            title="Quantity",
            wire="quantity",
            type="quantity",
            required=True,
            places=4,
        ),
        FieldSchema(name="UOM", title="UOM", wire="uom", max_length=12),
        FieldSchema(
            name="UnitPrice",
            title="Unit Price",
            wire="unit_price",
            type="money",
            required=True,
            places=4,
        ),
        FieldSchema(
            name="DiscountAmount",
            title="Discount Amount",
            wire="discount_amount",
            type="money",
            places=2,
        ),
        FieldSchema(
            name="AccountCode",
            title="Account Code",
            wire="account_code",
            required=True,
            max_length=12,
            refers="account",
        ),
        FieldSchema(
            name="TaxCode",
            title="Tax Code",
            wire="tax_code",
            required=True,
            max_length=20,
            refers="tax",
        ),
        FieldSchema(
            name="TaxAmount", title="Tax Amount", wire="tax_amount", type="money", places=2
        ),
        FieldSchema(
            name="LineTotal",
            title="Line Total",
            wire="line_total",
            type="money",
            required=True,
            places=2,
        ),
        FieldSchema(
            name="ClassificationCode",
            title="Classification Code",
            wire="classification_code",
            max_length=3,
        ),
    ),
    number_field="InvoiceNumber",
    number_max=50,
    date_field="InvoiceDate",
    party_field="Customer",
    total_field="Total",
    reckons=True,
    books=Books("credit", "LineTotal", less=("TaxAmount",)),
)
