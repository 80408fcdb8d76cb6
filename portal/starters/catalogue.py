"""The rule templates for a new company, and the draft made from one with its answers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Final

from grammar import nodes
from grammar.parsing.parser import parse
from holding.programs.known_schemas import schemas
from holding.rulesets.admission import inspect, rule_sources
from portal.starters.pairs import read_template
from rules.comparison.preflight import references
from rules.editing.daily_hours import change_hours, daily_routes

TITLES: Final = {
    "netshop-aiaccount": "Orders to invoices, each as soon as it is paid",
    "netshop-aiaccount-refunds": "Orders to invoices and refunds, each as soon as it is paid",
    "netshop-aiaccount-daily": "Orders to invoices and receipts, and commissions, once a day",
    "woocommerce-aiaccount": "Orders of a WooCommerce shop to AiAccount",
    "woocommerce-quickbooks": "Orders of a WooCommerce shop to QuickBooks",
    "orders-quickbooks": "Orders, refunds and purchases to QuickBooks",
    "netshop-autocount": "Orders, refunds and payouts of NetShop to AutoCount",
    "netshop-autocount-aotg": "Orders of NetShop to AutoCount On The Go",
    "shopify-autocount": "Orders, refunds and payouts of a Shopify shop to AutoCount",
    "shopify-quickbooks": "Orders and refunds of a Shopify shop to QuickBooks",
    "shopify-aiaccount": "Orders and refunds of goods of a Shopify shop to AiAccount",
    "lazada-autocount": "Orders, returns and payouts of a Lazada seller to AutoCount",
    "shopee-autocount": "Orders, returns and payouts of a Shopee shop to AutoCount",
    "workbook-aiaccount": "Orders from spreadsheets to AiAccount",
    "workbook-autocount-aotg": "Orders from spreadsheets to AutoCount On The Go",
    "workbook-autocount": "Orders from spreadsheets to AutoCount",
    "workbook-autocount-excel": "Orders from spreadsheets to AutoCount by Excel import",
    "netshop-autocount-excel": "Orders of NetShop to AutoCount by Excel import",
    "workbook-quickbooks": "Orders, refunds and purchases from spreadsheets to QuickBooks",
    "settlements-aiaccount": "Statements of marketplaces to invoices and bills",
}
"""The templates by their folders, with what each is for. `orders-autocount` is not among them: it
also posts sales orders and deliveries, which this version does not carry out.
"""

_RATE_ROW: Final = re.compile(r'(?P<before> +)"(?P<code>[^"]+)"(?P<after> +-> [0-9.]+%.*)')
"""A row of a map from a tax code to its rate."""

_LIMIT: Final = re.compile(
    r"(?P<before>^const approval_limit\b[^\n]*\n(?:[ \t]+from [^\n]*\n)*?[ \t]+from \S+ = )"
    r"(?P<value>[0-9.]+)(?P<after>[^\n]*\n(?![ \t]+from ))",
    re.MULTILINE,
)

_HOME, _ZONE = "MYR", '"Asia/Kuala_Lumpur"'

_CURRENCY: Final = re.compile(
    r'^(?P<before>[ \t]+(?:currency[ \t]+|(?:require|and)[ \t]+currency = "|Currency[ \t]+= "))'
    rf'{_HOME}(?P<after>"?)$',
    re.MULTILINE,
)
"""What a source is in, what its documents say, and the check that nothing else comes; not where
ringgit is the law's.
"""

_CONST: Final = re.compile(
    r"^const e_invoice_limit\b(?P<note>[^\n]*)\n[ \t]+from (?P<since>\S+) = (?P<amount>[0-9.]+)\n",
    re.MULTILINE,
)

_NONE_BEFORE: Final = "999999999.99"  # more than any: before its first day a const is unknown

_FIRST: Final = date(2000, 1, 1)

_SAMPLE_UNIT: Final = re.compile(r'^ +(?:base|1) +[A-Z]+ +of "[^"]*".*\n', re.MULTILINE)
"""A unit rate or base unit of one item: a template names only items of the sample shop."""

_ITSELF: Final = (
    ("> e_invoice_limit", ">= e_invoice_limit"),
    ("<= e_invoice_limit", "< e_invoice_limit"),
    ("e-Invoice above RM {e_invoice_limit}", "e-Invoice of RM {e_invoice_limit} or more"),
    ("e-Invoice above {e_invoice_limit}", "e-Invoice of {e_invoice_limit} or more"),
    ("is above RM {e_invoice_limit}", "is RM {e_invoice_limit} or more"),
    ("is above {e_invoice_limit}", "is {e_invoice_limit} or more"),
    ("const e_invoice_limit  # above it ", "const e_invoice_limit  # from it on "),
    (
        "const e_invoice_limit  # a sale above it ",
        "const e_invoice_limit  # a sale from it on ",
    ),
)
"""How a template says that only more than the limit counts, and how it says that the limit does."""


@dataclass(frozen=True, slots=True)
class EInvoiceLimit:
    """The amount in ringgit, the document day from which it counts, and whether a document of
    exactly this amount counts, too.
    """

    amount: Decimal
    since: date
    itself: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A rule template: its systems, its teams as (name, title), and the current answers to its
    questions.

    The answers are the approval limit, the hour of the daily run, the tax codes and the e-Invoice
    limit. A question that the template does not have is None or empty.
    """

    word: str
    title: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    teams: tuple[tuple[str, str], ...]
    limit: Decimal | None
    hour: time | None
    files: Mapping[str, str]
    taxes: tuple["Tax", ...] = ()
    accounts: tuple["Account", ...] = ()
    einvoice: EInvoiceLimit | None = None


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax word of the shop with the target's tax code for it: a row of the map `table`."""

    table: str
    key: str
    code: str
    target: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Account:
    """An account code that a template writes itself to these fields: in the constant `name`, or in
    the rows of the map `name` with these keys, each at a file and line.
    """

    name: str
    code: str
    target: str
    fields: tuple[str, ...]
    keys: tuple[str, ...] = ()
    places: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """The files of a template with the answers filled in.

    `left_out` are titles of tests that contradicted the answers.
    """

    files: Mapping[str, str]
    left_out: tuple[str, ...]


@cache
def templates() -> tuple[Template, ...]:
    """Return all templates."""
    return tuple(_read(word) for word in TITLES)


def _read(word: str) -> Template:
    files = {path: _without_samples(path, text) for path, text in read_template(word).items()}
    ruleset, _ = parse(rule_sources(files))
    found = next(filter(None, map(_LIMIT.search, files.values())), None)
    return Template(
        word=word,
        title=TITLES[word],
        sources=tuple(source.name for source in ruleset.sources),
        targets=tuple(target.name for target in ruleset.targets),
        teams=tuple((role.name, role.title) for role in ruleset.roles),
        limit=Decimal(found["value"]) if found else None,
        hour=next(iter(daily_routes(ruleset).values()), None),
        files=files,
        taxes=tuple(_taxes(ruleset)),
        accounts=tuple(_accounts(ruleset, files)),
        einvoice=find_einvoice_limit(files),
    )


def _without_samples(path: str, text: str) -> str:
    """Return a file without the mapping rows and unit rates of the sample shop's own items."""
    if path.endswith(".csv"):
        return text.partition("\n")[0] + "\n"
    return text if path.endswith("_test.rules") else _SAMPLE_UNIT.sub("", text)


def _taxes(ruleset: nodes.Ruleset) -> Iterator[Tax]:
    """Yield the rows of maps that fill a document's tax code, each once."""
    uses = {
        (t, one.target)
        for one in references(ruleset, schemas())
        if one.kind == "tax"
        for t in one.results
    }
    for table in ruleset.maps:
        for target in sorted(target for name, target in uses if name == table.name)[:1]:
            for row in table.rows:
                if isinstance(row.value.value, str):
                    place = row.span
                    yield Tax(table.name, row.key, row.value.value, target, place.file, place.line)


def _accounts(ruleset: nodes.Ruleset, files: Mapping[str, str]) -> Iterator[Account]:
    """Return the accounts that fill a field of a document, of constants and then of maps."""
    constants: dict[tuple[str, str], dict[str, None]] = {}
    tables: dict[tuple[str, str], dict[str, None]] = {}
    for one in references(ruleset, schemas()):
        if one.kind == "account" and one.fixed and not one.tables:
            constants.setdefault((one.formula, one.target), {})[one.field] = None
        for table in one.results if one.kind == "account" else ():
            tables.setdefault((table, one.target), {})[one.field] = None
    for (name, target), named in constants.items():
        rows = (_const_of(name).search(text) for text in files.values())
        if row := next(filter(None, rows), None):
            yield Account(name, row["code"], target, tuple(named))
    for (name, target), named in tables.items():
        yield from _accounts_of_map(ruleset, name, target, tuple(named))


def _accounts_of_map(
    ruleset: nodes.Ruleset, name: str, target: str, fields: tuple[str, ...]
) -> Iterator[Account]:
    """Return the codes in the rows of a map, each once with all its keys."""
    rows = [row for table in ruleset.maps if table.name == name for row in table.rows]
    for code in dict.fromkeys(row.value.value for row in rows):
        mine = [row for row in rows if row.value.value == code]
        if isinstance(code, str):
            keys = tuple(row.key for row in mine)
            places = tuple((row.span.file, row.span.line) for row in mine)
            yield Account(name, code, target, fields, keys, places)


def _const_of(name: str) -> re.Pattern[str]:
    """Return the pattern of a constant with one text."""
    return re.compile(
        rf'^(?P<before>const {re.escape(name)}\b[^\n]*\n +from \S+ = ")(?P<code>[^"\n]*)(?=")',
        re.MULTILINE,
    )


def set_accounts(files: Mapping[str, str], codes: Mapping[Account, str]) -> dict[str, str]:
    """Return the files with these account codes, in their tests as well; no line is added."""
    changed = {one: code for one, code in codes.items() if code not in ("", one.code)}
    lines = {path: text.split("\n") for path, text in files.items()}
    for account, code in changed.items():
        for path, line in account.places:
            before, arrow, _ = lines[path][line - 1].rpartition("-> ")
            lines[path][line - 1] = f'{before}{arrow}"{code}"'
    found = {path: "\n".join(text) for path, text in lines.items()}
    for account, code in changed.items():
        if not account.places:
            pattern = _const_of(account.name)
            found = {path: pattern.sub(rf"\g<before>{code}", text) for path, text in found.items()}
    return {
        path: _with_tested(text, changed) if path.endswith("_test.rules") else text
        for path, text in found.items()
    }


def _with_tested(text: str, codes: Mapping[Account, str]) -> str:
    """Return the tests with the codes that the rules have now, all replaced at once."""
    new = {(field, one.code): code for one, code in codes.items() for field in one.fields}

    def written(found: re.Match[str]) -> str:
        code = new.get((found["field"], found["code"]), found["code"])
        return f"{found['before']}{code}"

    fields = "|".join(map(re.escape, sorted({field for field, _ in new}))) or "(?!)"
    pattern = rf'(?P<before>\b(?P<field>{fields}) += ")(?P<code>[^"\n]*)(?=")'
    return re.sub(pattern, written, text)


def fill_template(
    template: Template,
    limit: Decimal | None,
    hour: time | None,
    *,
    currency: str,
    zone: str,
    codes: Mapping[Tax | Account, str] = MappingProxyType({}),
    einvoice: EInvoiceLimit | None = None,
) -> Draft:
    """Return the draft for a company with this currency, time zone, and codes of taxes and
    accounts.

    An answer to a question that the template does not have is ignored.
    """
    taxes = {one: code for one, code in codes.items() if isinstance(one, Tax)}
    accounts = {one: code for one, code in codes.items() if isinstance(one, Account)}
    files = set_tax_codes(set_accounts(template.files, accounts), taxes)
    files = {path: _at_home(path, text, currency, zone) for path, text in files.items()}
    if hour is not None and template.hour is not None:
        ruleset, _ = parse(rule_sources(files))
        files = dict(change_hours(ruleset, files, dict.fromkeys(daily_routes(ruleset), hour)))
    asked = limit is not None and limit != template.limit
    if asked:
        files = {
            path: _LIMIT.sub(rf"\g<before>{limit:.2f}\g<after>", files[path]) for path in files
        }
    if einvoice and template.einvoice and einvoice != template.einvoice:
        files, asked = set_einvoice_limit(files, template.einvoice, einvoice), True
    asked |= any(code != one.code for one, code in codes.items())
    same = not asked and currency == _HOME and f'"{zone}"' == _ZONE
    return Draft(files, ()) if same else _without_failed(files)


def _at_home(path: str, text: str, currency: str, zone: str) -> str:
    """Return a template's file with the company's currency and time zone."""
    if path.endswith("_test.rules"):
        return text.replace(f'"{_HOME}"', f'"{currency}"')
    text = _CURRENCY.sub(rf"\g<before>{currency}\g<after>", text)
    return text.replace(f"zone      {_ZONE}", f'zone      "{zone}"')


def _without_failed(files: dict[str, str]) -> Draft:
    """Return the files without the tests that fail."""
    found = inspect(files)
    failed = found.tests.failed if found.tests else ()
    titles = {one.title for one in failed}
    lines = {path: text.split("\n") for path, text in files.items()}
    tests = [test for test in found.ruleset.tests if test.title in titles]
    for test in sorted(tests, key=lambda one: -one.span.line):
        end = test.span.line
        text = lines[test.span.file]
        while end < len(text) and (not text[end].strip() or text[end][0] in " \t"):
            end += 1
        del text[test.span.line - 1 : end]
    kept = {path: "\n".join(text).rstrip("\n") + "\n" for path, text in lines.items()}
    return Draft(kept, tuple(test.title for test in tests))


def set_tax_codes(files: Mapping[str, str], codes: Mapping[Tax, str]) -> dict[str, str]:
    """Return the files with these tax codes.

    A row without a code is left out. A map without any row left reads its rows from a CSV file.
    """
    lines = {path: text.split("\n") for path, text in files.items()}
    empty = {tax.table for tax in codes} - {tax.table for tax, code in codes.items() if code}
    for tax, code in sorted(codes.items(), key=lambda one: (one[0].file, -one[0].line)):
        at, text = tax.line - 1, lines[tax.file]
        before, arrow, _ = text[at].rpartition("-> ")
        text[at : at + 1] = [f'{before}{arrow}"{code}"'] if code else []
        if tax.table in empty and not text[at - 1].lstrip().startswith('"'):
            path = f"maps/{tax.table}.csv"
            text.insert(at, f'    csv      "{path}" from "word" to "code"')
            lines[path] = ["word,code", ""]
    renamed = {tax.code: code for tax, code in codes.items() if code not in ("", tax.code)}
    return {path: "\n".join(_with_rates(text, renamed)) for path, text in lines.items()}


def _with_rates(lines: Iterable[str], renamed: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a file, with each tax rate under the code that the company uses.

    If two codes become one, the first keeps its rate. Lines taxed at the other rate are held.
    """
    seen: set[str] = set()
    for line in lines:
        row = _RATE_ROW.fullmatch(line)
        if row is None or row["code"] not in renamed:
            yield line
            continue
        code = renamed[row["code"]]
        if code not in seen:
            yield f'{row["before"]}"{code}"{row["after"]}'
        seen.add(code)


def find_einvoice_limit(files: Mapping[str, str]) -> EInvoiceLimit | None:
    """Return the e-Invoice limit in the files; None if they have none."""
    found = next(filter(None, map(_CONST.search, files.values())), None)
    if found is None:
        return None
    return EInvoiceLimit(Decimal(found["amount"]), date.fromisoformat(found["since"]))


def set_einvoice_limit(
    files: Mapping[str, str], stands: EInvoiceLimit, asked: EInvoiceLimit
) -> dict[str, str]:
    """Return the files with the new e-Invoice limit. Test files stay unchanged."""
    return {
        path: text if path.endswith("_test.rules") else _limited(text, stands, asked)
        for path, text in files.items()
    }


def _limited(text: str, stands: EInvoiceLimit, asked: EInvoiceLimit) -> str:
    for above, itself in _ITSELF if asked.itself else ():
        text = text.replace(above, itself)
    found = _CONST.search(text)
    if found is None:
        return text
    rows = [f"    from {asked.since} = {asked.amount:.2f}"]
    if asked.since > stands.since:
        rows.insert(0, f"    from {_FIRST} = {_NONE_BEFORE}  # none before {asked.since}")
    const = "\n".join((f"const e_invoice_limit{found['note']}", *rows, ""))
    return text[: found.start()] + const + text[found.end() :]
