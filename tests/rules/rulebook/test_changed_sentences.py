"""What two rulesets say otherwise, in the sentences of the rule book."""

from grammar.parsing.parser import parse
from rules.rulebook.book import Meaning, describe_changes
from tests.rules.expressions.test_links import TEXT


def meanings(*replaced: tuple[str, str]) -> tuple[Meaning, ...]:
    text = TEXT
    for old, new in replaced:
        assert old in text, old
        text = text.replace(old, new, 1)
    new_rules, problems = parse({"new.rules": text})
    assert problems == ()
    return describe_changes(parse({"old.rules": TEXT})[0], new_rules)


def test_what_changed_is_said_before_and_after() -> None:
    (one,) = meanings(("else     warn", "else     hold for accounts"))
    assert one.change.name == "check few_trips"
    ((before,), (after,)) = one.before, one.after
    assert "Otherwise it is posted with this warning" in before
    assert "Otherwise it is put on hold for" in after


def test_a_sentence_that_both_say_is_not_told() -> None:
    """Of a decision table only the row that changed."""
    (one,) = meanings(("try 5 times from 30s", "try 3 times from 30s"))
    assert [text for text in one.before if "5 times" not in text] == []
    assert [text for text in one.after if "3 times" not in text] == []
    assert len(one.before) == len(one.after) == 1


def test_what_is_new_and_what_is_gone_has_one_side() -> None:
    const = TEXT[TEXT.index("const free_days") :].partition("\n\n")[0]
    gone, _ = parse({"a.rules": TEXT.replace(const, "")})
    whole, _ = parse({"a.rules": TEXT})
    (come,) = [one for one in describe_changes(gone, whole) if one.change.name == "const free_days"]
    (left,) = [one for one in describe_changes(whole, gone) if one.change.name == "const free_days"]
    assert come.before == left.after == ()
    assert come.after == left.before != ()
    assert (come.change.before, left.change.after) == (None, None)
    assert come.change.span.line == left.change.span.line


def test_equal_rules_say_the_same() -> None:
    rules, _ = parse({"a.rules": TEXT})
    assert describe_changes(rules, rules) == ()


def test_what_no_sentence_tells_is_told_by_its_parts() -> None:
    found = meanings(("\nrole ", '\nsilence STY01 of few_trips because "it is so"\n\nrole '))
    assert all(one.before == one.after == () for one in found if "silence" in one.change.name)
