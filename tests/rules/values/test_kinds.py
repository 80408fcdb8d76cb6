"""Texts of sources that no database can hold."""

import pytest

from rules.values.kinds import BadValueError, as_text, clean_text


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_what_no_database_holds_is_no_text_and_is_shown_by_a_sign(text: str) -> None:
    assert clean_text(text) == "a\ufffdb"
    with pytest.raises(BadValueError):
        as_text(text)


@pytest.mark.parametrize("text", ["", "paid", "a\tb", "Tan’s 茶", "😀"])
def test_any_other_text_is_kept(text: str) -> None:
    assert clean_text(text) == text
    assert as_text(text) == text
