"""Reading again costs what has changed, and says the same as reading afresh."""

import random

from grammar.parsing.incremental import Reader
from grammar.parsing.parser import fitting_words, parse
from tests.grammar.kit import DECLARATIONS, SHOP, WAREHOUSE


def test_a_change_reads_the_declaration_that_changed_and_no_other() -> None:
    reader = Reader()
    files = {"shop.rules": SHOP, "warehouse.rules": WAREHOUSE}
    reader.parse(files)
    before = reader.read
    assert before == len(DECLARATIONS)
    reader.parse(files)
    assert reader.read == before
    reader.parse({**files, "shop.rules": SHOP.replace("say", "say ", 1)})
    assert reader.read == before + 1


def test_a_declaration_that_only_moved_is_not_read_again_and_knows_its_new_place() -> None:
    reader = Reader()
    reader.parse({"shop.rules": SHOP})
    before = reader.read
    moved = f"# one line\n\n# and another\n{SHOP}"
    again = reader.parse({"shop.rules": moved})
    assert reader.read == before
    assert repr(again) == repr(parse({"shop.rules": moved}))  # spans too, which == leaves out


def test_any_row_of_edits_reads_as_afresh() -> None:
    reader, rng = Reader(), random.Random(4)
    lines = WAREHOUSE.split("\n")
    for _ in range(25):
        at = rng.randrange(len(lines))
        act = rng.choice(["drop", "double", "word", "back"])
        if act == "drop":
            lines.pop(at)
        elif act == "double":
            lines.insert(at, lines[at])
        elif act == "word":
            lines[at] = lines[at].replace("a", "", 1)
        else:
            lines = WAREHOUSE.split("\n")
        files = {"w.rules": "\n".join(lines)}
        assert repr(reader.parse(files)) == repr(parse(files))


def test_what_may_stand_next_is_what_the_grammar_says() -> None:
    assert fitting_words("check c on order\n    ") == {"when", "require"}
    assert {"NAME", "not", "STRING"} <= fitting_words("check c on order\n    when ")
    assert fitting_words("chek c on order\n    ") == frozenset()
    assert "because" in fitting_words('test "t"\n    given a\n    expect hold for b ')
