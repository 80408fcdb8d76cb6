"""What the page of a finding says: in the reader's language where a record can have it."""

import re
from typing import Any

import pytest

from portal.help.topics import OF_COMMANDS, Topic, topics
from portal.languages import choice
from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite
FINDINGS = [topic for topic in topics().values() if topic.group == "finding"]
OF_RECORDS = [topic for topic in FINDINGS if not topic.of_rules]
HOUSE_WORDS = re.compile(
    r"\b(targets?|nobody|somebody|judged?|judging|anew|afresh|by itself|set aside|put aside"
    r"|stands? there|lets? (?:it )?go|worked out|their id|looked at again)\b"
)


def test_both_kinds_of_findings_are_there() -> None:
    assert len(OF_RECORDS) > 50
    assert {topic.key for topic in OF_RECORDS} > {"APP01", "MAP01", "TGT09", "VAL03"}
    assert {topic.key for topic in FINDINGS if topic.of_rules} > OF_COMMANDS


@pytest.mark.parametrize("topic", OF_RECORDS, ids=lambda topic: topic.key)
def test_a_finding_of_records_says_the_terms(topic: Topic) -> None:
    assert [text for text in topic.texts if HOUSE_WORDS.search(text)] == []


@pytest.mark.parametrize("code", ["ms", "zh"])
@pytest.mark.parametrize("topic", OF_RECORDS, ids=lambda topic: topic.key)
def test_each_of_its_texts_is_told_in_the_language(topic: Topic, code: str) -> None:
    told = choice.catalogue(code).translate
    for text in topic.texts:
        if re.search(r"[A-Za-z]", re.sub(r"`[^`]*`", "", text)):
            assert told(text) != text, text
        assert sorted(told(text).split("`")[1::2]) == sorted(text.split("`")[1::2])


@pytest.mark.parametrize(
    ("language", "means", "english"),
    [
        ("ms", "Satu nilai sumber tiada catatan dalam jadual pemetaan.", "hanya dalam bahasa"),
        ("zh", "某个来源值在对照表中没有条目。", "只有英文"),
    ],
)
def test_a_page_is_in_the_language_or_says_that_it_is_not(
    visit: Any, language: str, means: str, english: str
) -> None:
    farah = visit("farah")
    assert "It is in English" not in plain(farah.text("/help/SYN01"))
    form = {"name": "Farah", "theme": "auto", "keys": "1", "language": language}
    farah.post("/me", form, status=303)
    page = plain(farah.text("/help/MAP01"))
    assert means in page
    assert "A source value has no entry" not in page
    assert english not in page
    for code in ("SYN01", "COV01"):
        assert english in plain(farah.text(f"/help/{code}"))
