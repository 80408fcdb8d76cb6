"""AutoCount's documents as the checker uses them: mistakes planted in a distributor's rules."""

from pathlib import Path

from connectors.registry import schemas
from grammar.parsing.parser import parse
from holding.rulesets.admission import RulesRefusal, examine
from rules.checker.all_checks import check
from rules.types.symbol_table import Schemas
from rules.values.wording import with_article

FOLDER = Path(__file__).parents[3] / "portal" / "starters" / "orders-autocount"
MONEY = """on cancel of refund, receipt, settlement, settlement_payment
    | period | do                 |
    | open   | """
PLANTED = (
    ("POS11", "SupplierInvoiceNo  = number", "SupplierInvoice    = number"),
    ("POS12", "    AccNo              = channel_fees\n", ""),
    ("POS14", "Amount             = abs(fees)", "Amount             = supplier"),
    ("POS15", '"Fees of the channel"', f'"{"Fees " * 25}"'),
    ("POS10", '"GR-{number}"', '"GOODS-RECEIVED-NOTE-OF-THE-WAREHOUSE-IN-JOHOR-BAHRU-{number}"'),
    ("POS19", f"{MONEY}review by accounts", f"{MONEY}void"),
)


def test_what_autocount_does_not_take_is_told_by_code() -> None:
    files = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.rules")}
    text = "\n".join(text for name, text in files.items() if not name.endswith("_test.rules"))
    for code, old, new in PLANTED:
        assert text.count(old) == 1, code
        text = text.replace(old, new)
    ruleset, broken = parse({"all.rules": text})
    assert broken == ()
    found = check(ruleset, Schemas(*schemas()), in_force=False)
    assert {p.code for p in found} >= {code for code, _, _ in PLANTED}
    told = " ".join(f"{p.message} {p.hint}" for p in found)
    assert "autocount.ap_invoice needs AccNo" in told
    assert "Did you mean 'SupplierInvoiceNo'?" in told
    for document in ("credit_note", "ar_payment", "ap_invoice", "ap_payment"):
        assert f"autocount cannot void {with_article(document)}" in told
    assert "autocount cannot void an invoice" not in told


def test_rules_for_documents_that_it_does_not_take_come_not_into_force() -> None:
    files = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*.*")}
    refused = examine({name: path.read_text("utf-8") for name, path in files.items()})
    assert isinstance(refused, RulesRefusal)
    assert {problem.code for problem in refused.problems} == {"SYN40"}
    told = [problem.message for problem in refused.problems]
    for document in ("sales_order", "delivery_order", "goods_received_note"):
        assert f"not carried out by this version: posting to 'autocount.{document}'" in told
    assert len(told) == 3
    only = {name: text for name, text in _taken(files).items() if not name.endswith("_test.rules")}
    assert not isinstance(examine(only), RulesRefusal)


def _taken(files: dict[str, Path]) -> dict[str, str]:
    """The template as goods.rules says: without that file, and an invoice goes after nothing."""
    told = {name: path.read_text("utf-8") for name, path in files.items() if name != "goods.rules"}
    told["posting.rules"] = told["posting.rules"].replace(
        "    after    autocount.delivery_order\n", ""
    )
    return told
