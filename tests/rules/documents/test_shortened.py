"""Texts for readers are cut to the length that their field takes; the lineage has them whole."""

from connectors.contract.schema import DocumentSchema, FieldSchema
from grammar.parsing.parser import parse
from rules.facts import Facts, Subject, TargetState, load_seeds
from rules.program import compile_ruleset
from rules.types.symbol_table import Schemas
from tests.rules.one_meaning import in_every_way
from tests.rules.shop import NOW, TEXT, line, order

WHOLE = "Tea for the whole family, a hundred bags"
INVOICE = DocumentSchema(
    target="books",
    name="invoice",
    title="Invoice",
    header=(
        FieldSchema(name="DocNo", required=True, max_length=20),
        FieldSchema(name="DocDate", type="date", required=True),
        FieldSchema(name="Total", type="money", places=2),
        FieldSchema(name="Note", max_length=8, shortened=True),
    ),
    lines=(
        FieldSchema(name="ItemCode", required=True, max_length=20),
        FieldSchema(name="Quantity", type="quantity", places=4),
        FieldSchema(name="UOM", max_length=8),
        FieldSchema(name="TaxCode", max_length=14),
        FieldSchema(name="TaxAmount", type="money", places=2),
        FieldSchema(name="LineTotal", type="money", places=2),
        FieldSchema(name="Text", max_length=8, shortened=True),
        FieldSchema(name="Code", max_length=8),
    ),
    number_field="DocNo",
    number_max=20,
    date_field="DocDate",
    party_field="",
    total_field="Total",
)
CHANGES = {
    "    sku      text\n": "    sku      text\n    name     text\n",
    "    Total      = total\n": '    Total      = total\n    Note       = "Thank you for it"\n',
    "        LineTotal  = line.amount\n": (
        "        LineTotal  = line.amount\n        Text       = line.name\n"
        "        Code       = line.name\n"
    ),
}


def test_a_text_for_readers_is_cut_and_the_lineage_has_it_whole() -> None:
    text = TEXT
    for old, new in CHANGES.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    program = compile_ruleset(ruleset, hash="h", schemas=Schemas((INVOICE,), ()))
    world = load_seeds(ruleset, {}).world(1, {"books": TargetState(known=True)})
    subject = Subject("order", "shop", order(line(name=WHOLE), total="11.04"), 1)
    outcome = in_every_way(program, subject, Facts(NOW), world, NOW)
    (decision,) = outcome.decisions
    assert decision.document is not None
    (row,) = decision.document.lines
    assert (row["Text"], decision.document.fields["Note"]) == ("Tea for", "Thank")
    assert (
        row["Code"] == WHOLE
    )  # what something is found by is never cut: it is held before it goes
    (told,) = [one for one in outcome.lineage if one.field == "Text"]
    assert (told.value, told.line) == ("Tea for", 1)
    assert WHOLE in told.beside
    assert f"8 of {len(WHOLE)}" in told.beside
