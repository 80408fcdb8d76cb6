"""A target of one's own: the page is followed word by word, and the suite has teeth."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.registry import targets
from sandbox.conformance.new_connector import TakenError, new_target, open_places
from tests.support.followed import PROGRAM, ROOT, Follower, put

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "connectors" / "new-target.md"
AT = "kit/targets/ledgerly"
TRY = ("connector", "test", "ledgerly", "--in", "kit")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Follower:
    follower = Follower(PAGE, tmp_path_factory.mktemp("own"), AT)
    follower.follow()
    return follower


def said(follower: Follower, command: str, nth: int = 0) -> str:
    return [told for words, told in follower.said if words.startswith(command)][nth]


def test_the_page_ends_with_a_target_that_passes_the_suite(followed: Follower) -> None:
    told = said(followed, "clearpost connector test", 1)
    passed = re.search(r"(\d+) passed", told)
    assert passed
    assert int(passed[1]) > 50
    assert "failed" not in told
    assert "skipped" not in told
    assert open_places(followed.folder / AT) == []


def test_at_first_exactly_the_places_to_fill_in_are_red(followed: Follower, tmp_path: Path) -> None:
    new_target("ledgerly", targets()["aiaccount"], tmp_path)
    places = open_places(tmp_path / "targets" / "ledgerly")
    assert len(places) == 9
    told = said(followed, "clearpost connector test", 0)
    assert re.findall(r"^TO FILL IN  (.+)$", told, re.M) == places
    red = re.findall(r"^FAILED \S+::(\w+)\[(.+?)\](?: - .*)?$", told, re.M)
    assert red == [("test_a_place_is_filled_in", place) for place in places]
    filled = re.findall(r"^```python \S+\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    named = {name for block in filled for name in re.findall(r"^def (\w+)", block, re.M)}
    assert named == {place.partition(", ")[2].partition(":")[0] for place in places}


def test_the_product_knows_it(followed: Follower) -> None:
    page = said(followed, "clearpost explain")
    assert page.startswith("# Ledgerly: `ledgerly`\n")
    assert "| `Customer` | text, at most 100 characters | required | Name of the customer" in page


@pytest.mark.parametrize("like", sorted(targets()))
def test_any_target_may_be_the_one_it_is_like(like: str, tmp_path: Path) -> None:
    """Its documents stand in the new one as they were declared, and its code is Python."""
    made = new_target("tiny", targets()[like], tmp_path)
    for path in made:
        if path.suffix == ".py":
            compile(path.read_text("utf-8"), str(path), "exec")
        assert "@" not in re.sub(r"@(dataclass|property)", "", path.read_text("utf-8"))
    space: dict[str, object] = {}
    exec((tmp_path / "targets" / "tiny" / "documents.py").read_text("utf-8"), space)
    documents = space["DOCUMENTS"]
    assert isinstance(documents, tuple)
    theirs = targets()[like].documents
    assert [(d.target, d.name, d.header, d.lines) for d in documents] == [
        ("tiny", d.name, d.header, d.lines) for d in theirs
    ]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    new_target("tiny", targets()["quickbooks"], tmp_path)
    file = tmp_path / "targets" / "tiny" / "payload.py"
    file.write_text("mine", "utf-8")
    with pytest.raises(TakenError, match="is there already"):
        new_target("tiny", targets()["quickbooks"], tmp_path)
    assert file.read_text("utf-8") == "mine"


MUTANTS = """
def entries_of(content: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    found = content.get("documents")
    return found if isinstance(found, list) else []
"""


def test_a_look_up_that_believes_anything_turns_the_suite_red(followed: Follower) -> None:
    """The one mistake that posts twice: “not there” out of an answer without a list."""
    file = followed.folder / AT / "lookup.py"
    good = file.read_text("utf-8")
    put(file, MUTANTS)
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *TRY],
            cwd=followed.folder,
            env=followed.env,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        file.write_text(good, "utf-8")
    assert done.returncode == 1
    red = set(re.findall(r"^FAILED \S+::(\w+)\[", done.stdout, re.M))
    assert red == {"test_an_answer_that_says_nothing_is_never_a_yes_or_a_no"}


RETRIED = """
def class_of(code: str) -> ErrorClass:
    return CLASS_OF_CODE.get(code, "temporary")
"""


def tried(follower: Follower) -> tuple[int, set[str]]:
    """How the suite ends, and what is red."""
    command = [sys.executable, "-c", PROGRAM, *TRY]
    told = {"cwd": follower.folder, "env": follower.env, "capture_output": True, "text": True}
    done = subprocess.run(command, **told, check=False)  # type: ignore[call-overload]
    return done.returncode, set(re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.M))


def test_a_target_that_tries_unknown_refusals_again_turns_the_suite_red(followed: Follower) -> None:
    """A no that nobody knows goes to a person: else it is sent again and again for nothing."""
    file = followed.folder / AT / "answers.py"
    good = file.read_text("utf-8")
    put(file, RETRIED)
    try:
        code, red = tried(followed)
    finally:
        file.write_text(good, "utf-8")
    assert code == 1
    assert red == {
        "test_what_it_refuses_has_one_of_the_ten_classes",
        "test_a_refusal_has_its_class",
        "test_an_answer_of_the_sheet_has_its_class",
        "test_a_word_that_nobody_knows_is_for_a_person",
    }


def test_a_class_that_nobody_came_to_turns_the_suite_red(followed: Follower) -> None:
    """And so does a code of the table of which nobody ever saw an answer."""
    file = followed.folder / AT / "refusals.toml"
    good = file.read_text("utf-8")
    begin, end = good.index("[refusals.period_locked]"), good.index("[refusals.temporary]")
    file.write_text(good[:begin] + good[end:], "utf-8")
    try:
        code, red = tried(followed)
    finally:
        file.write_text(good, "utf-8")
    assert (code, red) == (
        1,
        {"test_each_class_is_met_or_never_told", "test_each_code_of_its_table_is_met"},
    )
