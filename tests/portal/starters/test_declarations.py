"""A template that changes some declarations of another one has all others from there."""

from pathlib import Path

import pytest

from portal.starters.declarations import (
    leave_out,
    list_names,
    merge_declarations,
    split_declarations,
)
from portal.starters.pairs import FOLDER, names, pair_of, read_template

SHARED = """# The title.
language 1

role accounts  "Accounts team"
role sales     "Sales"

# What arrives.
record order from shop
    number  text  key
    status  one of paid,
            draft
    total   money
    due     = total

check paid on order
    require  total > 0.00
    else     warn

# Old ones are told.
check old on order, refund for books.invoice
    require  total > 1.00
    else     warn

test "a paid order # 1"
    given    tea
"""


def test_a_declaration_is_named_by_its_first_line_and_has_the_comments_above_it() -> None:
    assert [part.name for part in split_declarations(SHARED)] == [
        "language 1",
        "role accounts",
        "role sales",
        "record order",
        "check paid",
        "check old",
        'test "a paid order # 1"',
    ]
    assert merge_declarations(SHARED, SHARED) == SHARED
    assert merge_declarations(SHARED, "language 1\n") == SHARED


def test_a_change_replaces_what_has_its_name_and_new_rules_follow_it() -> None:
    change = """language 1

check paid on order
    require  total > 5.00
    else     warn

check new on order
    require  total > 6.00
    else     warn
"""
    text = merge_declarations(SHARED, change)
    assert [part.name for part in split_declarations(text)][4:7] == [
        "check paid",
        "check new",
        "check old",
    ]
    assert "total > 0.00" not in text
    assert text.startswith("# The title.")


def test_a_record_keeps_its_other_fields() -> None:
    change = """# Another title.
language 1

record order from shop
    status  one of paid
    tip     money
"""
    text = merge_declarations(SHARED, change)
    assert text.startswith("# Another title.\nlanguage 1\n\nrole accounts")
    record = """# What arrives.
record order from shop
    number  text  key
    status  one of paid
    tip     money
    total   money
    due     = total

check paid"""
    assert record in text


def test_declarations_and_fields_are_left_out_by_name() -> None:
    text = leave_out(SHARED, {"check old", "order.status", "role sales"})
    assert "Old ones" not in text
    assert "draft" not in text
    assert "    total   money\n" in text
    assert [part.name for part in split_declarations(text)][:3] == [
        "language 1",
        "role accounts",
        "record order",
    ]


@pytest.mark.parametrize("name", [name for name in names() if pair_of(name)])
def test_all_files_that_a_template_changes_are_in_the_other(name: str) -> None:
    pair = pair_of(name)
    assert pair is not None
    files = read_template(pair.like)
    assert {*pair.changed} <= {*files}
    own = {path.relative_to(FOLDER / name).as_posix() for path in (FOLDER / name).rglob("*")}
    assert {*pair.changed} <= own


@pytest.mark.parametrize("source", ["netshop", "woocommerce"])
def test_the_order_of_a_shop_is_written_in_one_template(source: str) -> None:
    """A copy of its status words would have to be changed in each."""
    places = [
        path.parent.name
        for path in FOLDER.rglob("*.rules")
        for part in split_declarations(path.read_text("utf-8"))
        if part.name == "record order"
        and f"order from {source}\n" in part.text
        and "order.status" in list_names(part.text)
    ]
    assert len(places) == 1


def test_a_name_to_leave_out_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was renamed in the other template, and would come back."""
    folder = tmp_path / "first"
    folder.mkdir()
    (folder / "a.rules").write_text(SHARED, "utf-8")
    (tmp_path / "second").mkdir()
    pair = 'like = "first"\nwithout = ["check paid", "check gone", "order.total"]\n'
    (tmp_path / "second" / "pair.toml").write_text(pair, "utf-8")
    monkeypatch.setattr("portal.starters.pairs.FOLDER", tmp_path)
    with pytest.raises(ValueError, match="check gone"):
        read_template("second")
