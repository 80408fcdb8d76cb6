"""What follows from a finding stands below it: who may be a cause, and of what."""

from grammar.advice.consequences import Declared, below_causes
from grammar.text.problem import Problem, Span

SOURCES = {"a.rules": "map debtor\n\nrole acounts\n\ncheck one on order\n"}


def at(line: int) -> Span:
    return Span("a.rules", line, 1, line, 5)


UNUSED = Problem("USE01", "the map 'debtor' is never used", "Take it out.", at(1), "style")
WRONG = Problem("NAM05", "'debtr' is no function and no map", "Did you mean 'debtor'?", at(5))


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
