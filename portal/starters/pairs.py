"""Read the files of a template.

Some templates are another one with a few files or rules changed. Each gets the checks that every
template must have.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from grammar import nodes
from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from portal.starters.declarations import leave_out, list_names, merge_declarations
from rules.types.symbol_table import Index, looked_up_in
from rules.values.wording import format_expression

FOLDER: Final = Path(__file__).parent

PAIR: Final = "pair.toml"

FILE: Final = "required.rules"

_HEAD: Final = """\
# What every template checks: future dates, tax numbers, empty payments, and who gets a failed call.
language 1
"""

_FUTURE: Final = """\
check {name} on {kind}
{when}    require  {field} <= {now}
    else     hold for {role}
    say      "{words} {{{field}}}."
    clears   when it passes
"""

_DATED: Final = "Future date: {{{number}}} is dated"
_PAYMENT: Final = "Payment date in the future: {{{number}}} was paid on"

_TIN: Final = """\
# At any amount: the tax office refuses a tax number of another form, and so a word such as N/A.
check {kind}_tin_form on {kind}
    when     {known}{unmapped}
    require  is_tin(tin)
    else     hold for {role}
    say      "TIN not valid: {{tin}} of {{{number}}}, {{tin_fault(tin)}}."
    clears   when it passes
"""

_MAPPED_TIN: Final = """\
check {kind}_tin_of_another on {kind}
    when     {known} and {table}(near_tin(tin)) is known
    require  is_tin(tin)
    else     hold for {role}
    say      "TIN not valid: {{tin}} of {{{number}}}, {{tin_fault(tin)}}, {mapped}."
    clears   when it passes
"""

_MAPPED: Final = "which is mapped to {{{table}(near_tin(tin))}}"

_LIMIT: Final = """\
# Sources disagree whether the limit itself needs a buyer: a person decides, as for a general TIN.
check {kind}_at_the_limit on {kind}
    when     {home}total = e_invoice_limit and e_invoice_issuer = us
    require  {known}
    else     hold for {role}
    say      "Buyer details to be confirmed: {{{number}}} of RM {{e_invoice_limit}} names no TIN."
    clears   by {role}
"""

_PAID: Final = """\
check something_paid on {kinds}
    require  amount <> 0.00
    else     hold for {role}
    say      "Nothing was paid: the amount of {{number}} is 0.00."
    clears   when it passes
"""

_RETRY: Final = """\
# What becomes of a call that fails, and who looks after it.
retry {target}
    | error                                     | do                                            |
    | temporary                                 | try 5 times from 30s then hold for it_support |
    | uncertain                                 | look up first                                 |
    | authorization_failed                      | hold for it_support                           |
    | duplicate, stale_version, period_locked   | hold for accounts                             |
    | missing_field, bad_value, mapping_missing | hold for {role}                            |
    | business_rule                             | hold for accounts                             |
"""

PAYMENT_DAYS: Final = ("paid_at", "deposited_on")
"""Fields with the day of a payment, where that is not the day of the document."""

PAYMENTS: Final = ("receipt", "settlement_payment")
"""Kinds of records that are money alone: a payment of 0.00 is a mistake of the source."""


@dataclass(frozen=True, slots=True)
class Source:
    """The parts of a template's rules that depend on the source: its name and title, and how its
    orders differ.

    `optional` lists order fields that it may lack. `left_out` lists conditions on such fields, and
    `tests_left_out` the titles of their tests. `words` maps an order status to further words that
    the source uses for it.
    """

    name: str
    title: str
    optional: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    tests_left_out: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


EXPORTED_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("pending", "unpaid"), ("on-hold", "on hold", "pending payment", "unpaid")),
    "paid": ("processing", "to ship", "ready_to_ship", "shipping", "shipped", "to receive"),
    "delivered": ("confirmed",),
    "cancelled": ("canceled", "failed"),
}
"""Status of an order -> the words that the order exports of WooCommerce, Shopee and Lazada have."""

_STATUSES: Final = re.compile(
    r"(?<=^    status )(?P<blanks> +)one of (?P<words>(?:.*,\n)*.*)$", re.MULTILINE
)

SOURCES: Final[Mapping[str, Source]] = {
    "netshop": Source("netshop", "NetShop"),
    "intake": Source("intake", ""),
    "workbook": Source(
        name="workbook",
        title="the file",
        optional=("version", "customer_name"),  # a sale at the counter names nobody
        left_out=("    when     paid_at is known\n",),  # people write a status, seldom a moment
        tests_left_out=("a status of payment without a time of payment waits",),
        words=EXPORTED_WORDS,
    ),
}
"""The sources whose part of a template can be exchanged."""


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a template's rules that depend on the target: its name and title, and its
    document types for sales and refunds.
    """

    name: str
    title: str
    sold: str
    given_back: str = ""


TARGETS: Final[Mapping[str, Target]] = {
    target.name: target
    for target in (
        Target("autocount", "AutoCount", "invoice", "credit_note"),
        Target("autocount_aotg", "AutoCount On The Go", "ar_invoice"),
        Target("autocount_excel", "AutoCount", "invoice", "credit_note"),
        Target("quickbooks", "QuickBooks", "invoice", "credit_memo"),
        Target("aiaccount", "AiAccount", "sales_invoice", "sales_refund"),
    )
}
"""The targets whose part of a template can be exchanged."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The contents of `pair.toml`: the template it derives from, its own source or target, and all
    that it leaves out.

    Files in the folder replace files with an equal path. Files in `changed` contain only the
    declarations that differ.
    """

    like: str
    source: str = ""
    target: str = ""
    changed: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


def names() -> tuple[str, ...]:
    """Return the words of all templates."""
    found = (one.name for one in FOLDER.iterdir() if (one / "maps").is_dir() or pair_of(one.name))
    return tuple(sorted(found))


def pair_of(word: str) -> Pair | None:
    """Return what a template is made from; None where all of its files are its own."""
    path = FOLDER / word / PAIR
    if not path.is_file():
        return None
    told = tomllib.loads(path.read_text("utf-8"))
    lists = {name: tuple(told.get(name, ())) for name in ("changed", "without")}
    return Pair(**told | lists)


@cache
def read_template(word: str) -> Mapping[str, str]:
    """Return path -> text of the rules and mapping files of a template."""
    return dict(sorted(add_required(_read_own(word)).items()))


@cache
def _read_own(word: str) -> Mapping[str, str]:
    """Return the files of a template without the required checks."""
    folder, pair = FOLDER / word, pair_of(word)
    own = {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for ending in ("*.rules", "*.csv")
        for path in sorted(folder.rglob(ending))
    }
    if pair is None:
        return own
    like, replaced = _read_own(pair.like), {*own, *pair.without} - {*pair.changed}
    shared = {path: text for path, text in like.items() if path not in replaced}
    for side in ("source", "target"):
        if new := getattr(pair, side):
            old = _stated(side, pair.like)
            change = _with_source if side == "source" else _with_target
            shared = {path: change(path, text, old, new) for path, text in shared.items()}
    known = {*like}.union(*map(list_names, shared.values()))
    if unknown := {*pair.without} - known:
        raise ValueError(f"{word}: not in {pair.like}: {sorted(unknown)}")
    shared = {path: _change(path, text, own, pair) for path, text in shared.items()}
    return dict(sorted({**own, **shared}.items()))


def _change(path: str, text: str, own: Mapping[str, str], pair: Pair) -> str:
    """Return a shared file as a pair has it: without what it leaves out, and with its changes."""
    if not path.endswith(".rules"):
        return text
    text = leave_out(text, pair.without)
    return format_text(merge_declarations(text, own[path]) if path in own else text, path)


def _stated(side: str, word: str) -> str:
    """Return the name of a template's source or target."""
    text = "\n".join(_read_own(word).values())
    stated = re.search(rf"^{side} (\w+)$", text, re.MULTILINE)
    if stated is None:
        raise ValueError(word)
    return stated[1]


def _with_target(path: str, text: str, old_name: str, new_name: str) -> str:
    """Return a file of rules for another target."""
    if not path.endswith(".rules"):
        return text
    old, new = TARGETS[old_name], TARGETS[new_name]
    for document, other in ((old.sold, new.sold), (old.given_back, new.given_back)):
        if not document:
            continue
        text = re.sub(rf"\b{old.name}\.{document}\b", f"{new.name}.{other}", text)
    text = re.sub(rf"^(target|retry) {old.name}$", rf"\1 {new.name}", text, flags=re.MULTILINE)
    return format_text(re.sub(rf"\b{old.title}\b", new.title, text), path)


def _with_source(path: str, text: str, old_name: str, new_name: str) -> str:
    """Return a file of rules for another source."""
    if not path.endswith(".rules"):
        return text
    old, new = SOURCES[old_name], SOURCES[new_name]
    text = re.sub(rf"^source {old.name}$", f"source {new.name}", text, flags=re.MULTILINE)
    text = re.sub(
        rf"^(record \w+) from {old.name}$", rf"\1 from {new.name}", text, flags=re.MULTILINE
    )
    if old.title:
        text = re.sub(rf"\b{old.title}\b", new.title, text)
    for clause in new.left_out:
        text = text.replace(clause, "")
    for title in new.tests_left_out:
        text = re.sub(rf'^test "{title}"\n(?:[ \t].*\n|\n)*', "", text, flags=re.MULTILINE)
    for name in new.optional:
        blank = rf"^(    {name} +\w+)(?= +completed|$)"
        text = re.sub(blank, r"\1  optional", text, flags=re.MULTILINE)
    return format_text(_with_words(text, new), path)


def _with_words(text: str, source: Source) -> str:
    """Return the rules with the further words that the source writes for a status of an order."""
    _, start, after = text.partition(f"record order from {source.name}\n")
    if not start or not source.words:
        return text
    stated = _STATUSES.search(after)
    if stated is None:
        return text
    known = {word.casefold() for word in re.findall(r'"([^"]*)"', stated["words"])}
    entries = []
    for entry in stated["words"].replace("\n", " ").split(", "):
        name, _, words = entry.strip().partition(" as ")
        more = [f'"{one}"' for one in source.words.get(name, ()) if one not in {*known, name}]
        spelled = " or ".join(filter(None, (words, *more)))
        entries.append(" as ".join(filter(None, (name, spelled))))
    listed = ", ".join(entries)
    return text.replace(stated["words"], listed, 1)


def write_template(word: str, folder: Path) -> None:
    """Write the files of a template into a folder."""
    for path, text in read_template(word).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")


def add_required(files: Mapping[str, str]) -> dict[str, str]:
    """Return a template's files with the required checks that its own rules do not have."""
    rules = {path: text for path, text in files.items() if path.endswith(".rules")}
    ruleset, problems = parse(rules)
    if problems:
        raise ValueError(problems[0].message)
    blocks = [*_future(ruleset), *_tins(ruleset), *_payments(ruleset), *_retries(ruleset)]
    if not blocks:
        return dict(files)
    return {**files, FILE: format_text("\n".join([_HEAD, *blocks]), FILE)}


def _posted(ruleset: nodes.Ruleset) -> Iterator[tuple[nodes.Record, Mapping[str, nodes.Field]]]:
    """Return the kinds of records that are posted, each with its stored fields."""
    kinds = {post.record for post in ruleset.posts}
    for record in ruleset.records:
        if record.name in kinds:
            stored = [field for field in record.fields if isinstance(field, nodes.Field)]
            yield record, {field.name: field for field in stored}


def _role(ruleset: nodes.Ruleset, *wanted: str) -> str:
    """Return the first of these teams that the template has."""
    known = {role.name for role in ruleset.roles}
    return next(role for role in wanted if role in known)


def _requires(ruleset: nodes.Ruleset, kind: str, condition: str) -> bool:
    """Check whether a check of the template itself requires this of a kind of records."""
    return any(
        format_expression(required) == condition
        for check in ruleset.checks
        if any(record.name == kind for record in check.records)
        for required in check.requires
    )


def _future(ruleset: nodes.Ruleset) -> Iterator[str]:
    """Return a check for each day that must not lie ahead."""
    role = _role(ruleset, "sales_admin", "accounts")
    for record, fields in _posted(ruleset):
        for name, stored in fields.items():
            now = "now" if stored.type == "moment" else "today"
            if stored.mark != "dated" and name not in PAYMENT_DAYS:
                continue
            if _requires(ruleset, record.name, f"{name} <= {now}"):
                continue
            words = _DATED if stored.mark == "dated" else _PAYMENT
            yield _FUTURE.format(
                name=f"{record.name}_{name}_not_ahead",
                kind=record.name,
                field=name,
                now=now,
                role=role,
                when=f"    when     {name} is known\n" if stored.mark == "optional" else "",
                words=words.format(number=_number(fields)),
            )


def _tins(ruleset: nodes.Ruleset) -> Iterator[str]:
    """Return the checks of tax numbers; one names the party with the probable number."""
    index = Index(ruleset)
    role = _role(ruleset, "tax_desk", "accounts")
    limits = {const.name for const in ruleset.consts}
    for record, fields in _posted(ruleset):
        names = {field.name for field in record.fields}
        if "tin" not in names:
            continue
        known = f"{_stored(record, 'tin')} is known"
        values = {"kind": record.name, "role": role, "known": known, "number": _number(fields)}
        tables = [one.name for one in looked_up_in(index, record.name, "tin")]
        table = next((name for name in tables if name.endswith("_of_tin")), "")
        unmapped = f" and {table}(near_tin(tin)) is missing" if table else ""
        yield _TIN.format(**values, unmapped=unmapped)
        if table:
            yield _MAPPED_TIN.format(**values, table=table, mapped=_MAPPED.format(table=table))
        if "e_invoice_limit" in limits and record.name == "order":
            home = 'currency = "MYR" and ' if "currency" in fields else ""
            yield _LIMIT.format(**values, home=home)


def _stored(record: nodes.Record, name: str) -> str:
    """Return the expression that gives a field's value, without the default for a missing value."""
    field = next(one for one in record.fields if one.name == name)
    if isinstance(field, nodes.Computed) and isinstance(field.expr, nodes.Otherwise):
        return format_expression(field.expr.expr)
    return name


def _number(fields: Mapping[str, nodes.Field]) -> str:
    """Return the name of the key field, which identifies a record."""
    return next(name for name, field in fields.items() if field.mark == "key")


def _payments(ruleset: nodes.Ruleset) -> Iterator[str]:
    kinds = [record.name for record, _ in _posted(ruleset) if record.name in PAYMENTS]
    if kinds:
        yield _PAID.format(kinds=", ".join(kinds), role=_role(ruleset, "accounts"))


def _retries(ruleset: nodes.Ruleset) -> Iterable[str]:
    own = {retry.target for retry in ruleset.retries}
    role = _role(ruleset, "sales_admin", "accounts")
    for target in ruleset.targets:
        if target.name not in own:
            yield _RETRY.format(target=target.name, role=role)
