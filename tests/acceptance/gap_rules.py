"""The rules, records and tests of a shop that clears for three targets, as text.

Here: what tests/acceptance/test_rule_gaps.py writes into files. Nothing of the product is imported.
"""

import random
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

PER_LINE, AT_THE_END = "per line then sum", "sum then round"

RULES = Path(__file__).with_name("gap.rules").read_text("utf-8")

INVOICE, AUTOCOUNT, QUICKBOOKS = (
    "aiaccount.sales_invoice",
    "autocount.invoice",
    "quickbooks.invoice",
)

TINS = (
    "IG1", "IG115002000", "IG24680135790", "IG123456789012", "C25845632020", "C10", "CS123450",
    "D4800990020", "F10234567090", "FA1234560", "PT10234567090", "TA1234567890", "TC98760", "TN10",
    "TR1234567890", "TP1230", "J1234567890", "LE1234567890", "C123456789010", "EI00000000010",
)  # fmt: skip
NO_TINS = (
    "C25845632021", "CS0123450", "OG123456789", "SG123456789", "IG1234567890123", "X1234567890",
    "EI00000000050", "EI0000000001", "c25845632020", "C 25845632020", "C2584-5632020", "IG", "C0",
    "25845632020", "CSX1230", "C12345678901230", "IG12A4", "LE-10", "EI000000000100",
    "770625015324",
)  # fmt: skip


def case(title: str, given: str, *expects: str) -> str:
    """A test of the rules; an expectation may go on with indented rows."""
    told = "\n".join(f"    expect   {expect}" for expect in expects)
    return f'\ntest "{title}"\n    given    {given}\n{told}\n'


def factors(seed: int = 20261120) -> list[tuple[str, int, int, str, Fraction]]:
    """Twenty made-up units: name, how many are how many pieces, a quantity, what that is."""
    dice = random.Random(seed)
    found = []
    for number in range(1, 21):
        pieces, quantity = dice.randint(1, 500), dice.choice(("0.5", "1", "2.25", "7", "12", "333"))
        of = dice.choice((1, 1, 2, 4, 5))
        found.append((f"U{number}", of, pieces, quantity, Fraction(quantity) * pieces / of))
    return found


def rules(*, way: str = PER_LINE, tolerance: str = "0.00") -> str:
    """The rules with one way of rounding."""
    units = "".join(f"    {of} {unit} = {pieces} PCS\n" for unit, of, pieces, _, _ in factors())
    return RULES.format(way=way, tolerance=tolerance, units=units)


def decimal(value: Fraction) -> str:
    """A fraction that ends, as a decimal."""
    return format((Decimal(value.numerator) / value.denominator).normalize(), "f")


def sen(value: Fraction) -> str:
    """An amount to the sen; half a sen goes up."""
    exact = Decimal(value.numerator) / value.denominator
    return str(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def first_run() -> str:
    """The tests of all rows, for the rules that round per line and tolerate nothing."""
    ready = f"{INVOICE} ready"
    factor_cases = "".join(
        case(
            f"F03 {quantity} {unit}",
            f'tea with line 1.uom = "{unit}", line 1.qty = {quantity}, '
            f"line 1.price = {decimal(Fraction(of_unit, 4 * of))}, "
            f'line 1.tax = "NONE", total = {sen(pieces / 4)}',
            f"{ready}\n        line 1  Quantity = {decimal(pieces)}, UnitPrice = 0.25, "
            f"LineTotal = {sen(pieces / 4)}",
        )
        for unit, of, of_unit, quantity, pieces in factors()
    )
    tins = "".join(case(f"F06 valid {t}", f'tea with tin = "{t}"', ready) for t in TINS)
    no_tin = f"{INVOICE} hold for tax_desk because tin_form"
    tins += "".join(case(f"F06 invalid {t}", f'tea with tin = "{t}"', no_tin) for t in NO_TINS)
    dear = 'tea with line 1.uom = "PCS", line 1.qty = 1, line 1.tax = "NONE", '
    ten = 'tea with line 1.uom = "PCS", line 1.qty = 10, line 1.tax = "NONE", '
    other = '1 CTN of "TEA-01" = 24 PCS in aiaccount'
    return "".join(
        [
            case(
                "F02 agree",
                'tea with 1 CTN of "TEA-01" = 12 PCS in aiaccount',
                f"{ready}\n        line 1  Quantity = 60, UnitPrice = 3.50, LineTotal = 231.00",
            ),
            case("F02 told wrongly", f"tea with {other}", ready),
            case("F02 rate", f"tea with {other}", f"{INVOICE} hold for sales because uom_mismatch"),
            case(
                "F02 base",
                'tea with 1 BAG of "TEA-01" = 5 KG in aiaccount',
                f"{INVOICE} hold for sales because uom_mismatch",
            ),
            case(
                "F02 mapping",
                'tea with item("TEA") = "SOAP-01", 1 CTN of "SOAP-01" = 6 PCS in aiaccount',
                f"{INVOICE} hold for sales because uom_mismatch",
            ),
            factor_cases,
            case(
                "F03 no factor",
                'tea with line 1.uom = "BOX"',
                f"{INVOICE} hold for sales because units",
            ),
            case("F04 own sum", "three", f"{ready}\n        Total = 33.12"),
            case("F04 told wrongly", "three with total = 33.13", ready),
            case(
                "F04 a sen",
                "three with total = 33.13",
                f"{INVOICE} hold for accounts because rounding",
            ),
            case("F04 five told wrongly", "three with total = 33.17", ready),
            case(
                "F04 five sen",
                "three with total = 33.17",
                f"{INVOICE} hold for accounts because tolerance",
            ),
            tins,
            case(
                "F07 known",
                "tea",
                f'{ready}\n        line 1  ClassificationCode = "008"',
                f"{AUTOCOUNT} ready",
            ),
            case(
                "F07 default or hold",
                'tea with line 1.sku = "SOAP"',
                f'{ready}\n        line 1  ClassificationCode = "022"',
                f"{AUTOCOUNT} hold for tax_desk because class_of",
            ),
            case("F08 at the limit", f"{dear}line 1.price = 10000.00, total = 10000.00", ready),
            case(
                "F08 above, complete",
                f'{dear}line 1.price = 10000.01, total = 10000.01, tin = "C25845632020", '
                'address = "1 Jalan Ipoh"',
                ready,
            ),
            case(
                "F08 above",
                f"{dear}line 1.price = 10000.01, total = 10000.01",
                f"{INVOICE} hold for tax_desk because buyer_complete",
            ),
            case("F20 agree", 'tea with line 1.tax = "SV8", total = 226.80', ready),
            case("F20 told wrongly", 'tea with tax_code("SST") = "MY-SERV8"', ready),
            case(
                "F20 differ",
                'tea with tax_code("SST") = "MY-SERV8"',
                f"{INVOICE} hold for tax_desk because tax_mismatch",
            ),
            case(
                "F21 level B",
                f'{ten}line 1.price = 9.00, total = 90.00, price_level = "B"',
                ready,
            ),
            case(
                "F21 other level",
                f'{ten}line 1.price = 10.00, total = 100.00, price_level = "A"',
                ready,
            ),
            case(
                "F21 told wrongly",
                f'{ten}line 1.price = 10.00, total = 100.00, price_level = "B"',
                ready,
            ),
            case(
                "F21 mismatch",
                f'{ten}line 1.price = 10.00, total = 100.00, price_level = "B"',
                f"{INVOICE} hold for sales because price_of_level",
            ),
            case(
                "F22 three dates",
                "tea",
                f"{ready}\n        InvoiceDate = 2026-11-16",
                f"{AUTOCOUNT} ready\n        DocDate = 2026-11-17",
                f"{QUICKBOOKS} ready\n        TxnDate = 2026-11-18",
            ),
            case("F22 told wrongly", "tea", f"{ready}\n        InvoiceDate = 2026-11-17"),
            case(
                "F23 known",
                "tea",
                f'{AUTOCOUNT} ready\n        SalesAgent = "ALI01"',
                f'{QUICKBOOKS} ready\n        SalesRep = "ALI01"',
            ),
            case(
                "F23 unknown",
                'tea with agent = "Zed"',
                f"{AUTOCOUNT} hold for sales because agent_code",
                f'{QUICKBOOKS} ready\n        SalesRep = ""',
                f"{QUICKBOOKS} warn because agent_left_out",
            ),
            case(
                "F23 blank",
                "tea with agent is missing",
                f"{AUTOCOUNT} hold for sales because agent",
                f'{QUICKBOOKS} ready\n        SalesRep = ""',
            ),
            case(
                "F23 project known",
                'tea with project = "EXPO-26"',
                f'{QUICKBOOKS} ready\n        line 1  ClassRef = "200000000002"',
            ),
            case(
                "F23 project unknown",
                'tea with project = "EXPO-27"',
                f'{QUICKBOOKS} ready\n        line 1  ClassRef = ""',
                f"{QUICKBOOKS} warn because project_left_out",
            ),
            case(
                "F23 told wrongly",
                'tea with agent = "Zed"',
                f"{QUICKBOOKS} ready",
            ),
        ]
    )


def second_run() -> str:
    """The tests of rounding once at the end, where a sen is tolerated."""
    return "".join(
        [
            case("F04 own sum", "three with total = 33.13", f"{INVOICE} ready"),
            case("F04 a sen", "three with total = 33.12", f"{INVOICE} ready"),
            case(
                "F04 five sen",
                "three with total = 33.18",
                f"{INVOICE} hold for accounts because tolerance",
            ),
            case("F04 five told wrongly", "three with total = 33.18", f"{INVOICE} ready"),
            case("F22 other samples too", "tea", f"{INVOICE} ready"),
        ]
    )
