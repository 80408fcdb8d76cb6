"""Chinese has its own stops: no narrow one stands beside a character, and no blank."""

import re
from collections.abc import Iterator

import pytest
from babel.messages.pofile import read_po
from flask import Flask

from portal.languages import choice
from portal.languages.catalogues import Catalogue
from portal.languages.choice import mark_stops, settle_stops
from portal.languages.environment import LanguageEnvironment

CHARACTER = r"[\u3400-\u9fff]"
WRONG = re.compile(
    rf"{CHARACTER}[.,:;?!]|[,:;!] ?{CHARACTER}|[，。；：？！、] (?=\S)|\S (?=[，。；：？！、])"
    rf"|{CHARACTER} {CHARACTER}"
)
"""A narrow stop beside a character, a blank beside a wide stop, a blank between characters."""


@pytest.fixture(scope="module")
def chinese() -> Catalogue:
    return choice.catalogue("zh")


def texts() -> Iterator[str]:
    with (choice.HERE / "zh_Hans" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        for one in read_po(file):
            if one.id:
                yield from [one.string] if isinstance(one.string, str) else one.string


def test_no_text_of_the_catalogue_has_a_narrow_stop_or_a_stray_blank() -> None:
    told = [*texts()]
    assert len(told) > 5000
    assert [text for text in told if WRONG.search(text)] == []


def test_what_is_wrong_is_seen() -> None:
    for text in (
        "已过账.",
        "已过账, 待批准",
        "名称: 客户",
        "请稍候。 然后重试",
        "过账 成功",
        "何时?",
    ):
        assert WRONG.search(text), text
    for text in (
        "1. 下载",
        "已过账。NS-1",
        "每 5 分钟",
        "%(name)s：客户",
        "到 2026-11-20 02:00 为止",
    ):
        assert not WRONG.search(text), text


def test_texts_in_a_row_are_joined_without_narrow_commas(chinese: Catalogue) -> None:
    row = chinese.translate_row(["Approver", "Administrator"])
    assert row == f"{chinese.translate('Approver')}、{chinese.translate('Administrator')}"
    assert chinese.translate("Approver, Administrator") == row
    either = chinese.translate("Approver or Administrator")
    assert not WRONG.search(either)
    assert chinese.translate_row(["NS-1", "NS-2"]) == "NS-1, NS-2"


def test_a_refusal_and_what_to_do_are_told_without_a_blank(chinese: Catalogue) -> None:
    told = chinese.translate("You cannot remove yourself. Ask another administrator.")
    assert not WRONG.search(told), told


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("{{ a }}, {{ zh }}", "AiAccount，发票"),
        ("{{ zh }}: <b>{{ a }}</b>.", "发票：<b>AiAccount</b>。"),
        ("{{ zh }}: {{ a }}, {{ a }}.", "发票：AiAccount, AiAccount。"),
        ("{{ a }}, {{ a }}.", "AiAccount, AiAccount."),
        ("{{ zh }} ({{ zh }})", "发票（发票）"),
        ("{{ zh }} ({{ a }})", "发票 (AiAccount)"),
        ("{{ n }}. {{ zh }}", "1. 发票"),
        ("{{ zh }} {{ n }}. {{ zh }}", "发票 1。发票"),
        ("{{ stop }} {{ zh }}", "已过账。发票"),
        ("{{ stop }}. {{ zh }}", "已过账。发票"),
        ("<i>{{ a }}</i> {{ zh }}", "<i>AiAccount</i> 发票"),
        ("<p>{{ zh }}</p><p>{{ a }}, {{ a }}</p>", "<p>发票</p><p>AiAccount, AiAccount</p>"),
        ('<b title="{{ zh }}: {{ a }}, {{ zh }}">{{ n }}:{{ n }}</b>',
         '<b title="发票：AiAccount，发票">1:1</b>'),
        ("<code>{{ zh }}, {{ zh }}</code><pre>{{ zh }}: {{ a }}</pre>",
         "<code>发票, 发票</code><pre>发票: AiAccount</pre>"),
        ("Owner: {{ a }}", "负责人：AiAccount"),
        ("{{ zh ~ ': ' ~ zh }}{{ ', ' ~ a if n else '' }}", "发票：发票，AiAccount"),
        ("{{ a ~ ':' ~ n }}", "AiAccount:1"),
        ("{{ zh ~ ' (' ~ zh ~ ')' }}", "发票（发票）"),
    ],
)  # fmt: skip
def test_stops_of_a_template_are_as_wide_as_what_stands_beside(
    app: Flask, source: str, wanted: str
) -> None:
    env = LanguageEnvironment(app, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    env.filters["told"] = str
    env.say = lambda message: {"Owner: %(a)s": "负责人：%(a)s"}.get(message, message)
    env.between = mark_stops
    page = env.from_string(source).render(a="AiAccount", zh="发票", n=1, stop="已过账。")
    assert settle_stops(page) == wanted
