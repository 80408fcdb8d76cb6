"""Two texts made of a third, as one: nothing that either side wrote is lost unseen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.editing.daily_hours import merge_texts

BEFORE = "one\ntwo\nthree\nfour\nfive\n"


@pytest.mark.parametrize(
    ("mine", "theirs", "text", "clashes"),
    [
        ("ONE\ntwo\nthree\nfour\nfive\n", BEFORE, "ONE\ntwo\nthree\nfour\nfive\n", ()),
        (BEFORE, "one\ntwo\nthree\nfour\nFIVE\n", "one\ntwo\nthree\nfour\nFIVE\n", ()),
        (
            "ONE\ntwo\nthree\nfour\nfive\n",
            "one\ntwo\nthree\nfive\nsix\n",
            "ONE\ntwo\nthree\nfive\nsix\n",
            (),
        ),
        (
            "one\ntwo\nmine\nfour\nfive\n",
            "one\ntwo\ntheirs\nfour\nfive\n",
            "one\ntwo\nmine\nfour\nfive\n",
            (3,),
        ),
        (
            "zero\none\nTWO\nthree\nfour\nfive\n",
            "one\n2\nthree\nfour\n5\n",
            "zero\none\nTWO\nthree\nfour\n5\n",
            (3,),
        ),
        (
            "one\nTWO\nthree\nfour\nfive\n",
            "one\nTWO\nthree\nfour\nfive\n",
            "one\nTWO\nthree\nfour\nfive\n",
            (),
        ),
        (BEFORE + "mine\n", BEFORE + "theirs\n", BEFORE + "mine\n", (6,)),
        ("", "one\ntwo\nthree\nfour\nfive\nsix\n", "", (1,)),
        ("", BEFORE, "", ()),
        ("mine\n", "", "mine\n", (1,)),
    ],
)
def test_what_each_changed_stands_and_where_both_did_it_is_mine(
    mine: str, theirs: str, text: str, clashes: tuple[int, ...]
) -> None:
    found = merge_texts(BEFORE, mine, theirs)
    assert (found.text, found.clashes) == (text, clashes)


TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d\n"]), max_size=12).map("".join)


@given(TEXTS, TEXTS, TEXTS)
def test_who_changed_nothing_gets_what_the_other_says(before: str, mine: str, theirs: str) -> None:
    assert merge_texts(before, mine, before).text == mine
    assert merge_texts(before, before, theirs).text == theirs
    assert merge_texts(before, mine, mine) == merge_texts(mine, mine, mine)
    turned = merge_texts(before, theirs, mine)
    found = merge_texts(before, mine, theirs)
    assert len(turned.clashes) == len(found.clashes)
    if not found.clashes:
        assert turned.text == found.text, "whose text is mine matters only where both changed one"
