"""What would make something pass, as clauses that people read: the total is at most RM 100.00.

Here: the clauses, and those of older versions as they are shown. Not here: which change is the
smallest (rules/expressions/remedies.py).
"""

import re

from grammar.text.amounts import separated
from rules.values.names import term

_NAMED = re.compile(r"(?<![\w.“\"])(?:line\.[a-z]\w*|[a-z]+(?:_[a-z0-9]+)+)(?![\w.]*[(\w])")
_BETWEEN = re.compile(r"(^line [\d, ]+: |; (?:line [\d, ]+: )?| or (?=[a-z_.]+ [=<>]))")
_DAY = re.compile(r"\d{4}-\d\d-\d\d.*")
_COMPARED = re.compile(r"([a-z][a-z0-9_.]*(?:\([\w.]+\))?) (<=|>=|<>|<|>|=) (.+)")
_FILLED = re.compile(r"([a-z][a-z0-9_.]*) is (filled in|given|known|left blank)")
_AMONG = re.compile(r"(?!it )([a-z][a-z0-9_.]*) is one of ([\w, ]+)")
_UNIT = re.compile(r"(1 .+) = … (.+) is in the units table")
_SIGNS = {
    " <= ": " is at most ",
    " >= ": " is at least ",
    " <> ": " is not ",
    " < ": " is below ",
    " > ": " is above ",
    " = ": " is ",
}
"""What stood in clauses of older versions, and is stored with open holds."""


def is_so(name: str, op: str, bound: str, *, dated: bool = False) -> str:
    """How something compares.

    >>> is_so("total", "<=", "RM 1.00"), is_so("day it was paid", "<", "2026-11-23", dated=True)
    ('the total is at most RM 1.00', 'the day it was paid is before 2026-11-23')
    """
    if op == "=":
        return f"the {name} is {bound}"
    if op == "<>":
        return f"the {name} is not {bound}"
    if op == "<=":
        return f"the {name} is {bound} or earlier" if dated else f"the {name} is at most {bound}"
    if op == ">=":
        return f"the {name} is {bound} or later" if dated else f"the {name} is at least {bound}"
    if op == "<":
        return f"the {name} is before {bound}" if dated else f"the {name} is below {bound}"
    return f"the {name} is after {bound}" if dated else f"the {name} is above {bound}"


def beside(clause: str, bound: str, now: str) -> str:
    """A clause with what is so now, where that is known and another."""
    return f"{clause} (now {now})" if now and now != bound else clause


def is_filled(name: str, *, want: bool) -> str:
    """That something has a value, or has none."""
    return f"the {name} is filled in" if want else f"the {name} is left blank"


def is_formed(name: str, form: str, advice: str) -> str:
    """A test of a form, with what the value could be."""
    is_tin = form == "is_tin"
    so = f"the {name} has the form of a TIN" if is_tin else f"the {name} is a whole number"
    return f"{so} ({advice})" if advice else so


def is_locked(t_month: str, target: str) -> str:
    """That a period of a target is locked."""
    return f"Period {t_month} of {target} is locked"


def is_mapped(value: str, meant: str) -> str:
    """That a value has an entry; `meant` is what it nearly is, or blank.

    >>> is_mapped('"A 1"', '"A1"')
    '"A 1" is mapped, or the source writes "A1"'
    """
    if meant:
        return f"{value} is mapped, or the source writes {meant}"
    return f"{value} is mapped"


def period_opens(t_month: str, target: str, first_open: str) -> str:
    """What ends the wait for a locked period; `first_open` is blank where no day is open."""
    if first_open:
        return (
            f"it is dated in the next open period, from {first_open} on; or {t_month} is opened"
            f" again in {target}; or the rules send it elsewhere"
        )
    return f"{t_month} is opened again in {target}; or the rules send it elsewhere"


def clause(text: str) -> str:
    """What would make something pass, for people: names without underscores, signs as words.

    >>> clause("tax_total = 3.03; line.qty is filled in")
    'the tax total is 3.03; the quantity of the line is filled in'
    >>> clause("accounts approves, or total <= 3000.00")
    'accounts approves, or the total is at most 3,000.00'
    >>> clause("it is one of 001 to 045")
    'it is one of 001 to 045'
    >>> clause("1 TIN of TEA-1 = … PCS is in the units table")
    'the units table says how many PCS 1 TIN of TEA-1 is'
    """
    if asked := _UNIT.fullmatch(text):
        return f"the units table says how many {asked[2]} {asked[1]} is"
    parts = _BETWEEN.split(text)  # each part, and what stands before the next
    return separated("".join(part if at % 2 else _part(part) for at, part in enumerate(parts)))


def _part(text: str) -> str:
    if compared := _COMPARED.fullmatch(text):
        name, op, bound = compared.groups()
        return is_so(term(name), op, bound, dated=bool(_DAY.fullmatch(bound)))
    if filled := _FILLED.fullmatch(text):
        return is_filled(term(filled[1]), want=filled[2] != "left blank")
    if among := _AMONG.fullmatch(text):
        *others, last = [term(one) for one in among[2].split(", ")]
        return is_so(term(among[1]), "=", f"{', '.join(others)} or {last}" if others else last)
    for sign, words in _SIGNS.items():
        text = text.replace(sign, words)
    return _NAMED.sub(lambda found: term(found[0]), text)


def clears_when(text: str) -> str:
    """The same as a sentence; blank where nothing is known to clear it. What is a sentence of its
    own, such as an act, stays one.
    """
    if text.endswith("."):
        return text
    return f"Clears when {clause(text)}." if text else ""
