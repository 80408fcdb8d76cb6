"""Coverage by breaking: a part is covered exactly where a test turns red when its line is broken.

The lines are broken here as text, with no help from the code that breaks the tree. A seeded sample
each time; CLEARPOST_FUZZ_LINES=all breaks every part of every template, one by one.
"""

import os
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from grammar import nodes
from grammar.parsing.parser import parse
from holding.programs.known_schemas import schemas
from rules.checker.all_checks import check
from rules.program import compile_ruleset
from rules.testing.runner import Part, all_parts, coverage, run_tests
from rules.types.symbol_table import Schemas
from tests.rules.kedai import TEXT as KEDAI
from tests.rules.roaster import TEXT as ROASTER
from tests.support.templates import WITH_OWN_RULES, rules_of

ROOT = Path(__file__).parents[3]
LINES = os.environ.get("CLEARPOST_FUZZ_LINES", "2")
SEED = int(os.environ.get("CLEARPOST_FUZZ_SEED", "16"))
Sources = Mapping[str, str]


def ruleset_of(sources: Sources) -> nodes.Ruleset:
    ruleset, problems = parse(sources)
    assert problems == (), problems
    return ruleset


def turns_red(ruleset: nodes.Ruleset, title: str, known: Schemas | None = None) -> bool:
    """Whether the test of this title fails; without a title: whether any does."""
    chosen = tuple(test for test in ruleset.tests if title in {"", test.title})
    program = compile_ruleset(ruleset, hash="", schemas=known)
    report = run_tests(replace(ruleset, tests=chosen), program)
    return bool(report.failed)


def sources_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.rules"))}


# ---- breaking lines as text ----------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """The line of a part, and the declaration around it."""

    part: Part
    lines: tuple[str, ...]
    role: str

    @property
    def at(self) -> int:
        return self.part.span.line - 1

    @property
    def text(self) -> str:
        return self.lines[self.at]

    def put(self, *instead: str, at: int | None = None) -> str:
        """The file with other lines in the place of this one."""
        where = self.at if at is None else at
        return "\n".join([*self.lines[:where], *instead, *self.lines[where + 1 :]])

    @property
    def block(self) -> range:
        """The lines of the declaration."""
        first = next(i for i in range(self.at, -1, -1) if self.lines[i][:1].strip("# "))
        end = next((i for i in range(first + 1, len(self.lines)) if not self.lines[i]), None)
        return range(first, len(self.lines) if end is None else end)

    def cut(self) -> str:
        """The file without the declaration."""
        return "\n".join([*self.lines[: self.block[0]], *self.lines[self.block[-1] + 1 :]])


def _leave_out(line: Line) -> Iterator[str]:
    yield line.put()


def _cut(line: Line) -> Iterator[str]:
    yield line.cut()


def _status(line: Line) -> Iterator[str]:
    """The status in a row of its own, with another word."""
    state = line.part.name.split()[-1]
    word = "wait" if line.part.name.split(": ")[1].startswith("ready") else "ready"
    left = re.sub(rf"(?<=[ ]){state}\b(, *|(?= )|$)", "", line.text).rstrip()
    left = left.removesuffix(",")
    kept = [left] if len(left.split()) > 1 and left.split()[1] not in {"for", "say"} else []
    yield line.put(*kept, f"    {word}  {state}")


def _never(line: Line) -> Iterator[str]:
    """A check that fails on every record."""
    facts = [i for i in line.block if line.lines[i].split()[0] in {"require", "and"}]
    lines = list(line.lines)
    lines[facts[0]] = "    require  1 = 2"
    yield "\n".join(text for i, text in enumerate(lines) if i not in facts[1:])


def _always(line: Line) -> Iterator[str]:
    yield line.put(f"    {line.text.split()[0]}  1 = 1")


def _unique(line: Line) -> Iterator[str]:
    rows = [i for i in line.block if line.lines[i].split()[0] == "unique"]
    yield line.put() if len(rows) > 1 else line.cut()


def _row(line: Line) -> Iterator[str]:
    """A row with another answer."""
    head, _, action = line.text.rstrip().rstrip("|").rpartition("|")
    retry = line.part.kind == "rows of retries"
    person, other = (
        (f"hold for {line.role}", "look up first") if retry else (f"review by {line.role}", "block")
    )
    yield line.put(f"{head}| {person if action.strip() == other else other} |")


def _value(line: Line) -> Iterator[str]:
    """A row of a const or map with values far off."""
    head, sign, value = re.split(r"(=(?= )|->)", line.text.split("  #")[0], maxsplit=1)
    value = value.strip()
    if value.startswith('"'):
        yield line.put(f'{head}{sign} "{value[1:-1]} (broken)"')
    elif value in {"yes", "no"}:
        yield line.put(f"{head}{sign} {'no' if value == 'yes' else 'yes'}")
    else:
        number, unit = re.fullmatch(r"([0-9.]+)(.*)", value).groups()  # type: ignore[union-attr]
        yield line.put(f"{head}{sign} {float(number) * 1000 + 1:.2f}".removesuffix(".00") + unit)
        yield line.put(f"{head}{sign} {'0' if float(number) else '1'}{unit}")


def _factor(line: Line) -> Iterator[str]:
    yield line.put(re.sub(r"= *([0-9]+)", lambda found: f"= {int(found[1]) * 7}", line.text))


def _formula(line: Line) -> Iterator[str]:
    """A formula with another value of its type: the first that the checker lets stand."""
    last = line.part.span.end_line - 1
    whole = " ".join(text.strip() for text in line.lines[line.at : last + 1])
    head, _, expr = whole.split("  #")[0].partition("=")
    for other in (f"({expr}) + 1", f"({expr}) + 1d", f"not ({expr})", '"(broken)"'):
        text = f"        {head.strip()} = {other}"
        yield "\n".join([*line.lines[: line.at], text, *line.lines[last + 1 :]])


def _number(line: Line) -> Iterator[str]:
    yield line.put(re.sub(r'(as ".*)"', r'\1-broken"', line.text))


def _timing(line: Line) -> Iterator[str]:
    hour = re.search(r"at (\d\d):", line.text)
    later = f"at {(int(hour[1]) + 1) % 24:02}:" if hour else ""
    yield line.put(re.sub(r"at \d\d:", later, line.text)) if hour else line.put()


def _we_own(line: Line) -> Iterator[str]:
    head, _, action = line.text.partition("else")
    yield line.put(f"{head}else {'block' if action.strip() == 'ignore' else 'ignore'}")


def _owner(line: Line) -> Iterator[str]:
    yield line.put(re.sub(r"hold for \w+|review by \w+", f"hold for {line.role}", line.text))


def _nobody(line: Line) -> Iterator[str]:
    """An approval that this person may give as well."""
    at = next(i for i in line.block if line.lines[i].split()[0] == "never")
    field = line.part.name.split()[-1]
    left = [word for word in re.findall(r"\w+", line.lines[at].split("#")[0])[1:] if word != field]
    yield line.put(*([f"    never    {', '.join(left)}"] if left else []), at=at)


def _match(line: Line) -> Iterator[str]:
    """A map that matches without this word: letter by letter where none is left; exact: lax."""
    at = next(i for i in line.block if line.lines[i].split()[0] == "match")
    word = line.part.name.split(": match ")[1]
    said = line.lines[at].split("#")[0].strip().removeprefix("match").strip().split(", ")
    left = ", ".join(other for other in said if other != word) or "exact"
    lax = "trimmed, any case, any punctuation"
    yield line.put(f"    match    {lax if word == 'exact' else left}", at=at)


def _given_back(line: Line) -> Iterator[str]:
    """A group without a field of the lines, which goes with the lines again."""
    field = re.escape(line.part.name.split(" with ")[1])
    yield line.put(re.sub(rf"{field}(, *|$)", "", line.text.split("  #")[0]).rstrip(", "))


def _clears(line: Line) -> Iterator[str]:
    """A hold that goes away in another way."""
    yield line.put(re.sub(r"clears .*", "clears never", line.text))
    yield line.put(re.sub(r"clears .*", f"clears by {line.role}", line.text))
    yield line.put(re.sub(r"clears .*", "clears when it passes", line.text))


BREAKS: dict[str, Callable[[Line], Iterator[str]]] = {
    "statuses of gates": _status,
    "checks that pass": _never,
    "checks that fail": _always,
    "checks that do not apply": _leave_out,
    "duplicates": _unique,
    "approvals that are asked for": _cut,
    "approvals that are not needed": _leave_out,
    "people who may not approve": _nobody,
    "match of maps": _match,
    "what clears a hold": _clears,
    "groups of edits": _leave_out,
    "fields of lines in groups": _given_back,
    "rows of edits": _row,
    "rows of cancels": _row,
    "rows of retries": _row,
    "consts": _value,
    "rows of maps": _value,
    "rows of units": _factor,
    "computed fields": _formula,
    "posted fields": _formula,
    "document numbers": _number,
    "timing of routes": _timing,
    "links": _leave_out,
    "owners of fields": _we_own,
    "owners of what is missing": _owner,
}


def broken_lines(part: Part, sources: Sources, ruleset: nodes.Ruleset) -> Iterator[nodes.Ruleset]:
    """The ruleset with the line of a part broken in each of its ways."""
    action = getattr(getattr(part.declared, "missing", None), "action", None)
    mine = action.role if action is not None else None
    role = next(role.name for role in ruleset.roles if role.name != mine)
    lines = tuple(sources[part.span.file].split("\n"))
    before = {p.code for p in check(ruleset, in_force=False)}
    for text in BREAKS[part.kind](Line(part, lines, role)):
        other, problems = parse({**sources, part.span.file: text})
        if problems:
            assert BREAKS[part.kind] is _formula, (part, problems, text)
            continue
        fits = {p.code for p in check(other, in_force=False)} - before
        if BREAKS[part.kind] is _formula and any(code[:3] == "TYP" for code in fits):
            continue
        yield other
        if BREAKS[part.kind] is _formula:
            return


def chosen(found: tuple[Part, ...], dice: random.Random) -> list[Part]:
    """All of them, or so many of as many kinds as there are."""
    if LINES == "all":
        return list(found)
    kinds = sorted({part.kind for part in found})
    picked = dice.sample(kinds, min(len(kinds), int(LINES)))
    return [dice.choice([part for part in found if part.kind == kind]) for kind in picked]


RULESETS = {name: rules_of(name) for name in WITH_OWN_RULES}
TEMPLATE_NAMES = frozenset(RULESETS)
RULESETS |= {"kedai": {"kedai.rules": KEDAI}, "roaster": {"roaster.rules": ROASTER}}


@pytest.mark.slow
@pytest.mark.parametrize("name", RULESETS)
def test_tests_turn_red_exactly_where_coverage_says(name: str) -> None:
    sources = RULESETS[name]
    ruleset = ruleset_of(sources)
    some = chosen(all_parts(ruleset), random.Random(f"{SEED}-{name}"))
    known = schemas() if name in TEMPLATE_NAMES else None
    for one in coverage(ruleset, some, known):
        broken = list(broken_lines(one.part, sources, ruleset))
        where = f"{one.part.span}: {one.part.name}"
        assert broken, where
        is_red = any(turns_red(each, one.by, known) for each in broken)
        assert is_red == bool(one.by), (where, one.by)


def test_every_part_has_a_place_and_breaks_what_it_names() -> None:
    found = all_parts(ruleset_of(RULESETS["roaster"]))
    assert len({(part.kind, part.name, part.span) for part in found}) == len(found) > 90
    for part in found:
        assert bool(part.mutants) == (part.kind != "what clears a hold"), part
        assert all(way != part.declared for way in part.mutants), part
        first = part.declared.span
        assert (first.line, first.end_line) <= (part.span.line, part.span.end_line)
    elsewhere = {"rows of maps", "fields of lines in groups"}  # of other rules
    assert {part.kind for part in found} | elsewhere == set(BREAKS)


def covered(text: str, name: str) -> str:
    """The title of the test that covers a part."""
    ruleset = ruleset_of({"a": text})
    (part,) = [part for part in all_parts(ruleset) if part.name == name]
    return next(iter(coverage(ruleset, [part]))).by


def test_a_part_is_covered_as_long_as_a_test_looks_at_it() -> None:
    name, title = (
        "check one_debtor: debtor_of_tin(tin) = debtor(customer)",
        "two debtors for one TIN",
    )
    assert covered(KEDAI, name) == title
    block = KEDAI[KEDAI.index(f'test "{title}"') :].split("\n\n")[0]
    assert covered(KEDAI.replace(block, ""), name) == ""
    comes_by = block.replace("300-D001", "300-C077").split("expect")[0]
    assert "C-77" in KEDAI
    assert (
        covered(KEDAI.replace(block, f"{comes_by}expect   aiaccount.sales_invoice ready"), name)
        == ""
    )


def test_a_test_that_fails_anyway_covers_nothing() -> None:
    name = "check open_period: period = open"
    title = covered(KEDAI, name)
    assert title
    begin = KEDAI.index(f'test "{title}"')
    block = KEDAI[begin:].split("\n\n")[0]
    wrong = re.sub(r"hold for \w+", "hold for tax_desk", block)
    assert covered(KEDAI.replace(block, wrong), name) != title


# ---- T17: who may not approve, what clears, how a map matches ------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", RULESETS)
def test_T17b_breaking_never_clears_and_match_turns_a_test_red_or_is_named(name: str) -> None:
    sources = RULESETS[name]
    ruleset = ruleset_of(sources)
    kinds = ("people who may not approve", "match of maps", "what clears a hold")
    found = [part for part in all_parts(ruleset) if part.kind in kinds]
    wanted = sum(len(approve.never) for approve in ruleset.approvals)
    wanted += sum(len(table.match) for table in ruleset.maps) + len(ruleset.checks)
    assert len(found) == wanted > 0
    dice = random.Random(f"{SEED}-{name}-T17")
    some = [dice.choice(of) for kind in kinds if (of := [p for p in found if p.kind == kind])]
    known = schemas() if name in TEMPLATE_NAMES else None
    for one in coverage(ruleset, some, known):
        broken = list(broken_lines(one.part, sources, ruleset))
        where = f"{one.part.span}: {one.part.name}"
        assert any(each != ruleset for each in broken), where
        is_red = any(turns_red(each, one.by, known) for each in broken)
        assert is_red == bool(one.by), (where, one.by)


@pytest.mark.slow
def test_T17c_a_test_that_looks_at_never_and_match_covers_them() -> None:
    source = Path(ROOT / "portal/starters/orders-autocount")
    sources = sources_of(source)
    ruleset = ruleset_of(sources)
    by = {one.part.name: one.by for one in coverage(ruleset, [
        part for part in all_parts(ruleset) if part.kind == "people who may not approve"
    ])}  # fmt: skip
    assert any(by.values()), by
    assert covered(KEDAI, "map debtor: match any case") == ""
    spelled = KEDAI.replace('debtor("C-77")', 'debtor("c-77")')
    assert spelled != KEDAI
    assert covered(spelled, "map debtor: match any case") != ""
    assert covered(KEDAI, "check one_debtor: clears when it passes") == ""
