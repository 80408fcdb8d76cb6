"""A change of three files that others overtake while it is written, by forms alone.

Here: from new files to the rules in force. Not here: the editor by itself (test_rule_changes.py).
"""

import re
from html import unescape

from tests.acceptance.parts import read
from tests.acceptance.product import House, Visitor
from tests.acceptance.quiet import BASE, rows

TABLE = "maps/regions.csv"
REGIONS = "code,region\nKL,Central\n"
MAP = f"""map region
    match    exact
    csv      "{TABLE}" from "code" to "region"
    missing  hold for accounts  say "Nobody knows region {{key}}."
"""
MINE = "# what the writer adds\n"
THEIRS = "# what somebody else puts at its head\n"


def one_change_of_several_files(
    house: House, writer: Visitor, other: Visitor, publisher: Visitor, file: str
) -> None:
    """Checked and submitted together; begun again with what others published meanwhile."""
    before = in_force(house)[file]
    begun(writer, "regions", MAP)
    assert "MAP10" in checked(writer, "regions.rules", MAP), "its table is not there"
    begun(writer, TABLE, REGIONS)
    assert "MAP10" not in checked(writer, "regions.rules", MAP)
    checked(writer, file, before + MINE)
    page = read(writer.get(draft(file)))
    assert "Your change: 3 files" in page.text
    lines = [part for part in page.all("div", cls="ln") if "add" in part.attributes["class"]]
    told = " ".join(part.text for part in lines)
    assert MINE.strip() in told
    assert "map region" in told
    assert "KL,Central" in told
    assert set(in_force(house)) & {TABLE, "regions.rules"} == set()

    published(publisher, submitted(other, file, THEIRS + before))
    late = writer.get(draft(file))
    assert "Other rules were published since this draft was begun." in late
    base = read(late).one("input", name="base").attributes["value"]
    again = writer.post(f"{BASE}/rules/again/{file}", late, text=before + MINE, base=base)
    assert "Your change goes on from rule version" in read(again.text).text
    both = THEIRS + before + MINE
    (text,) = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", again.text, re.S)
    assert unescape(text) == both

    published(publisher, submitted(writer, file, both))
    kept = in_force(house)
    assert (kept[file], kept["regions.rules"], kept[TABLE]) == (both, MAP, REGIONS)
    assert "Your change:" not in writer.get(draft(file)), "no draft is left"


def draft(path: str) -> str:
    """Where a file is edited."""
    return f"{BASE}/rules/draft/{path}"


def begun(visitor: Visitor, name: str, text: str) -> None:
    """A new file of the change, with its first text."""
    answer = visitor.post(f"{BASE}/rules/new", visitor.get(f"{BASE}/rules/book"), name=name)
    assert "/rules/draft/" in answer.url, answer.text[:500]
    checked(visitor, answer.url.partition("/rules/draft/")[2], text)


def checked(visitor: Visitor, path: str, text: str) -> str:
    """What the page says of a draft that is kept with this text."""
    page = visitor.get(draft(path))
    base = read(page).one("input", name="base").attributes["value"]
    return read(visitor.post(draft(path), page, text=text, base=base).text).text


def submitted(visitor: Visitor, path: str, text: str) -> str:
    """The address of the change that the drafts become."""
    page = visitor.get(draft(path))
    base = read(page).one("input", name="base").attributes["value"]
    answer = visitor.post(f"{BASE}/rules/submit/{path}", page, text=text, base=base)
    assert re.search(r"/rules/changes/\d+$", answer.url), read(answer.text).text[:1500]
    return BASE + answer.url.partition(BASE)[2]


def published(visitor: Visitor, change: str) -> None:
    """By a second person, at once."""
    answer = visitor.post(change, visitor.get(change))
    assert "published." in read(answer.text).text, read(answer.text).text[:1500]


def in_force(house: House) -> dict[str, str]:
    """Path -> text of the rules in force."""
    newest = "SELECT max(ruleset_version_id) FROM rule_file"
    query = f"SELECT path, body FROM rule_file WHERE ruleset_version_id = ({newest})"
    return {str(path): str(body) for path, body in rows(house, query)}
