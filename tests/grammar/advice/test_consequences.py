"""What follows from a finding stands below it: who may be a cause, and of what."""

import pytest

from grammar.advice.consequences import Declared, below_causes
from grammar.text.problem import Problem, Span

SOURCES = {"a.rules": "map debtor\n\nrole acounts\n\ncheck one on order\n"}


def at(line: int) -> Span:
    return Span("a.rules", line, 1, line, 5)


UNUSED = Problem("USE01", "the map 'debtor' is never used", "Take it out.", at(1), "style")
WRONG = Problem("NAM05", "'debtr' is not a function or a map", "Did you mean 'debtor'?", at(5))


def test_T23l_only_an_error_is_a_cause() -> None:
    (cause,) = below_causes([UNUSED, WRONG], SOURCES, Declared())
    assert (cause.code, [each.code for each in cause.follows]) == ("NAM05", ["USE01"])
    for severity in ("warning", "style", "info"):
        mild = Problem(WRONG.code, WRONG.message, WRONG.hint, WRONG.span, severity)
        other = Problem("TYP02", "this is neither yes nor no", "Compare it.", at(5))
        found = (UNUSED, mild, other)
        assert below_causes(found, SOURCES, Declared()) == found


def test_what_says_nothing_of_the_name_stands_for_itself() -> None:
    other = Problem("TYP02", "this is neither yes nor no", "Compare it.", at(5))
    found = below_causes([UNUSED, WRONG, other], SOURCES, Declared())
    assert [each.code for each in found] == ["NAM05", "TYP02"]


def test_what_follows_proposes_nothing() -> None:
    twice = [WRONG, Problem(WRONG.code, WRONG.message, WRONG.hint, at(3)), UNUSED]
    (head,) = below_causes(twice, SOURCES, Declared())
    assert (
        head.hint == "'debtor' is declared in a.rules:1:1, and nothing uses it: correct its name."
    )
    assert {each.hint for each in head.follows} == {
        "It goes away with what it stands below.",
        "Take it out.",
    }


@pytest.mark.parametrize("code", ["NAM01", "NAM05"])
def test_the_work_grows_with_the_findings_not_with_their_pairs(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two thousand equal parts of a condition, each wrong and each said before."""
    asked, plain = [0], Problem.__hash__

    def counted(problem: Problem) -> int:
        asked[0] += 1
        return plain(problem)

    def spent(many: int) -> int:
        found = []
        for at_column in range(1, 2 * many, 2):
            span = Span("a.rules", 5, at_column, 5, at_column + 1)
            hint = "Did you mean 'customer'?" if code == "NAM01" else "Call another."
            found.append(Problem(code, "order has no field 'customer.code'", hint, span))
            found.append(Problem("LOG04", "'x' says nothing new", "Take it out.", span, "warning"))
        asked[0] = 0
        below_causes(found, SOURCES, Declared())
        return asked[0]

    monkeypatch.setattr(Problem, "__hash__", counted)
    assert spent(400) < 3 * spent(200)


@pytest.mark.parametrize("name", ["item", "tax_code"])
def test_a_misspelt_map_is_reported_where_rules_use_it_and_not_in_a_test(name: str) -> None:
    sources = {
        "a_test.rules": f'test "x"\n    expect  hold for accounts because {name}\n',
        "posting.rules": f"post order to books.invoice\n    Code = {name}(sku)\n",
        "z.rules": f"map {name}x\n",
    }
    hint = f"Did you mean '{name}x'?" if name == "item" else "Call another."
    in_test = Problem(
        "TST04",
        f"'{name}' is no rule that could be the reason",
        hint,
        Span("a_test.rules", 2, 5, 2, 40 + len(name)),
    )
    in_rules = Problem(
        "NAM05",
        f"'{name}' is not a function or a map",
        hint,
        Span("posting.rules", 2, 12, 2, 12 + len(name)),
    )
    unused = Problem(
        "USE01", f"the map '{name}x' is never used", "Take it out.",
        Span("z.rules", 1, 1, 1, 10), "style",
    )  # fmt: skip
    (head,) = below_causes([in_test, in_rules, unused], sources, Declared())
    assert (head.code, head.span.file) == ("NAM05", "posting.rules")
    assert [each.code for each in head.follows] == ["TST04", "USE01"]
