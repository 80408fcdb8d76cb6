"""Help pages are made from the product's own lists, and a list that grew stops them."""

import re
from pathlib import Path
from typing import Any

import pytest

from grammar.text.finding_codes import CODES
from holding.access.actors import ROLE_LABELS
from holding.runs.status import PILL_WORDS
from portal.help import topics
from portal.languages import choice
from portal.web.store import STATES
from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite
ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("name", "grown"),
    [
        ("ERROR_CLASSES", ("missing_field", "lost_in_post")),
        ("STATES", {**STATES, "vanished": STATES["held"]}),
        ("CHECK_NAMES", ("Status is ready", "Moon is full")),
        ("PILL_WORDS", (*PILL_WORDS, "Asleep")),
    ],
)
def test_what_has_no_help_stops_the_product(
    monkeypatch: pytest.MonkeyPatch, name: str, grown: Any
) -> None:
    monkeypatch.setattr(topics, name, grown)
    if name == "ERROR_CLASSES":
        monkeypatch.setattr(topics, "CLASS_LABELS", dict.fromkeys(grown, "Temporary problem"))
    with pytest.raises(RuntimeError, match="help pages and"):
        topics.topics.__wrapped__()


def test_every_topic_has_all_its_parts_in_plain_words() -> None:
    found = topics.topics()
    assert {topic.key for topic in found.values() if topic.group == "finding"} == set(CODES)
    assert {topic.key for topic in found.values() if topic.group == "role"} == set(ROLE_LABELS)
    for topic in found.values():
        parts = (topic.title, topic.means, *topic.example, *topic.todo)
        assert all(part.strip() for part in parts), topic.slug
        assert topic.todo, topic.slug
        assert topic.acts, topic.slug
        if topic.group != "finding":
            assert not re.search(r"\b[a-z]+_[a-z]+\b|`", " ".join(parts)), topic.slug


@pytest.mark.parametrize("code", ["ms", "zh"])
def test_the_title_of_every_finding_is_told_in_the_language(code: str) -> None:
    told = choice.catalogue(code).translate
    titles = [topic.title for topic in topics.topics().values() if topic.group == "finding"]
    assert len(titles) == len(CODES)
    assert [title for title in titles if told(title) == title] == []


def test_a_finding_is_headed_by_its_code_and_its_title_in_the_language(visit: Any) -> None:
    farah = visit("farah")
    assert "EVA04: Result not saved" in plain(farah.text("/help/EVA04"))
    assert "EVA04: Result not saved" in plain(farah.text("/help/"))
    form = {"name": "Farah", "theme": "auto", "keys": "1", "language": "ms"}
    farah.post("/me", form, status=303)
    for page in ("/help/EVA04", "/help/"):
        told = plain(farah.text(page))
        assert "EVA04: Keputusan tidak dapat disimpan" in told
        assert "Result not saved" not in told


def test_every_status_that_is_made_has_a_topic() -> None:
    source = (ROOT / "holding" / "runs" / "status.py").read_text("utf-8")
    made = re.findall(r'Pill\(f?"([^"]+)"', source)
    made += re.findall(r'(?:status = |words = |cause = |else )\(f?"([A-Z][^"]+)"', source)
    made += re.findall(r'summary = f"([A-Z][^"]+)"', source)
    made.remove("{text} {_when(since, zone)}")  # those of the lines before, with a moment
    made.remove("{summary}, {failed:,} on hold")  # and what a last sync is told by begins this
    made.remove("{stop.text} · {ran.text}")  # begins with the words of another line
    assert len(made) >= len(PILL_WORDS)
    assert [text for text in made if not topics.pill_slug(text)] == []


def test_a_page_says_more_inside_a_company(visit: Any) -> None:
    farah, stranger = visit("farah"), visit("stranger", "lain")
    own = plain(farah.text("/help/mapping-missing"))
    assert "Now in Kedai Contoh Sdn Bhd:" in own
    assert "Finance user, Administrator: Adam, Farah" in own
    for browser in (visit(), stranger):
        page = plain(browser.text("/help/mapping-missing?c=kedai"))
        assert "Kedai Contoh Sdn Bhd" not in page
        assert "Farah" not in page
        assert "Mapping missing" in page
    piece = farah.text("/help/APP01")
    assert '<span class="mono">when total &gt; approval_limit</span>' in piece
    assert '<pre class="code sample"' in farah.text("/help/CAN01")
