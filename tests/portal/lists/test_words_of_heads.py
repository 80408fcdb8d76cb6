"""Headings of downloads say the terms that pages say; the names in JSON stay what programs read."""

import importlib
import pkgutil
import re

import pytest

import portal.lists
from portal.web.list_file import Table
from tests.portal.web.test_page_words import program_words

ODD = re.compile(r"\b(targets?|pushe?s?|judged|judging|anew|finding|route|hit)\b", re.IGNORECASE)


def heads() -> list[tuple[str, str]]:
    """Each heading with the module and the table that it is of."""
    found = []
    for module in pkgutil.iter_modules(portal.lists.__path__, "portal.lists."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.isupper() and isinstance(value, tuple) and value:
                texts = [one for one in value if isinstance(one, str)]
                if len(texts) == len(value) and value[0][:1].isupper() and name not in NO_HEADS:
                    found += [(f"{module.name.rpartition('.')[2]}.{name}", one) for one in texts]
    return found


NO_HEADS = {"PARTS"}


def test_the_tables_are_found() -> None:
    tables = {place for place, _ in heads()}
    assert len(tables) >= 20
    assert {"downloads.DAYS", "hold_lists.HELD", "downloads.RUNS"} <= tables


@pytest.mark.parametrize(("place", "head"), heads())
def test_a_heading_says_a_term(place: str, head: str) -> None:
    assert head[:1].isupper() or head.startswith("e-Invoice"), place
    assert program_words(f"<p>{head}</p>") == []
    assert not ODD.search(head), place


def test_json_names_what_it_named() -> None:
    table = Table("Days", ("Accounting system", "Accounting documents", "Posted by"), ())
    assert table.keys == ["target", "target_documents", "posted_by"]
