"""A source of one's own: the page is followed word by word."""

import re
from pathlib import Path

import pytest

from connectors.registry import sources
from sandbox.conformance.new_connector import new_source, open_places
from tests.support.followed import ROOT, Follower

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "connectors" / "new-source.md"
AT = "kit/sources/webshop"


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Follower:
    follower = Follower(PAGE, tmp_path_factory.mktemp("own"), AT)
    follower.follow()
    return follower


def said(follower: Follower, command: str, nth: int = 0) -> str:
    return [told for words, told in follower.said if words.startswith(command)][nth]


def test_the_page_ends_with_a_source_that_passes_the_suite(followed: Follower) -> None:
    told = said(followed, "clearpost connector test", 1)
    passed = re.search(r"(\d+) passed", told)
    assert passed
    assert int(passed[1]) >= 18
    assert "failed" not in told
    assert "skipped" not in told
    assert open_places(followed.folder / AT) == []


def test_at_first_exactly_the_places_to_fill_in_are_red(followed: Follower, tmp_path: Path) -> None:
    new_source("webshop", sources()["woocommerce"], tmp_path)
    places = open_places(tmp_path / "sources" / "webshop")
    assert len(places) == 3
    told = said(followed, "clearpost connector test", 0)
    assert re.findall(r"^FAILED \S+::(\w+)\[(.+?)\](?: - .*)?$", told, re.M) == [
        ("test_a_place_is_filled_in", place) for place in places
    ]


def test_the_product_knows_it(followed: Follower) -> None:
    listed = said(followed, "clearpost kinds")
    assert listed.startswith("webshop: order (order)\n")
    assert re.search(r"^    status .*required", listed, re.M)


@pytest.mark.parametrize("like", sorted(sources()))
def test_any_source_may_be_the_one_it_is_like(like: str, tmp_path: Path) -> None:
    for path in new_source("tiny", sources()[like], tmp_path):
        if path.suffix == ".py":
            compile(path.read_text("utf-8"), str(path), "exec")
    space: dict[str, object] = {}
    exec((tmp_path / "sources" / "tiny" / "kinds.py").read_text("utf-8"), space)
    first = sources()[like].kinds[0]
    (kind,) = space["KINDS"]  # type: ignore[misc,attr-defined]
    assert (kind.source, kind.kind) == ("tiny", first.kind)
    assert [one.name for one in kind.fields] == [one.name for one in first.fields]
    assert [one.name for one in kind.lines] == [one.name for one in first.lines]
    assert all(one.meaning for one in (*kind.fields, *kind.lines))
