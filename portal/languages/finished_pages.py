"""What is settled once a page is made: systems by their titles, and the stops of Chinese.

A page says AiAccount where a stored text says aiaccount, also where it was stored years ago. And a
template has `{{ name }}, {{ kind }}:` where no message is: what is filled in is known only now, so
its stops are marked when it is compiled, and written here, wide where a character stands beside.

Here: the visible words of a page, after it is made. Not here: which titles there are
(connectors/registry.py); what is quoted (code, files, values of a record), addresses and what
forms send; files and answers for programs, which keep the names; stops in messages, which are the
translator's (tests/portal/languages/test_punctuation.py).
"""

import re
from collections.abc import Iterator
from typing import Final

from flask import Flask, Response

from connectors.registry import named, retold
from portal.languages.markup import INLINE, SOLID

_QUOTED: Final = re.compile(
    r"<(code|pre|script|style|textarea|kbd|q)\b.*?</\1>", re.DOTALL
)  # as they are, with what stands in them
_VALUE: Final = re.compile(r"<(?!input\b)\w+ [^>]*\bclass=\"(?:[^\"]* )?mono\b")
_SENT: Final = re.compile(r"<option(?![^>]*\bvalue=)")  # its words are what the form sends
_READ: Final = re.compile(r"\s(?:title|aria-label|placeholder|data-label|alt)=\"[^\"]*$")
NARROW: Final = ",:.;() "
WIDE: Final = "，：。；（）"
FIRST: Final = 0xFDD0  # no text has these characters
MARKED: Final = {ord(sign): chr(FIRST + at) for at, sign in enumerate(NARROW)}
COMMA, COLON, STOP, SEMICOLON, OPENS, CLOSES, BLANK = MARKED.values()
SILENT: Final = re.compile(rf"[\s{re.escape(NARROW)}]+")
PLACE: Final = re.compile(rf"([\s{BLANK}]*)([{COMMA}-{CLOSES}])([\s{BLANK}]*)|{BLANK}")
CHARACTER: Final = re.compile(r"[\u3400-\u9fff]")
BEFORE: Final = re.compile(r"[\u3400-\u9fff）”」]")
BEHIND: Final = re.compile(r"[\u3400-\u9fff（“「]")
ENDS: Final = "，：。；（！？、"
"""Behind one of these stands no blank."""
TAG: Final = re.compile(r"<(/?)([A-Za-z][\w-]*)[^>]*>")
FAR: Final = 600  # a sentence is no longer


def titled_page(page: str) -> str:
    """A page, or a part of one, with every system by its title where it is read."""
    return retold(page, _places(page))


def init(app: Flask) -> None:
    """Have each page that is answered settled."""
    app.after_request(_answered)


def _answered(answer: Response) -> Response:
    if answer.mimetype not in ("text/html", "image/svg+xml"):
        return answer
    if answer.is_streamed or answer.direct_passthrough:  # a file, such as the icons
        return answer
    page = settled(answer.get_data(as_text=True))
    if answer.mimetype == "text/html" and "Content-Disposition" not in answer.headers:
        page = titled_page(page)
    answer.set_data(page)
    return answer


def _places(page: str) -> Iterator[tuple[int, int]]:
    """What is written otherwise: from where to where."""
    if not (names := named(page)):
        return
    quoted = [found.span() for found in _QUOTED.finditer(page)]
    for at, end in names:
        if any(start < at < end for start, end in quoted):
            continue
        tag, closed = page.rfind("<", 0, at), page.rfind(">", 0, at)
        if tag > closed:  # in a tag
            if _READ.search(page, tag, at):
                yield at, end
            continue
        if _VALUE.match(page, tag, closed) or _SENT.match(page, tag, closed + 1):
            continue
        yield at, end


def marked(text: str) -> str:
    """Text between messages with its stops and blanks marked; any other stays."""
    if not SILENT.fullmatch(text):
        return text
    return re.sub(r"\s+", " ", text).translate(MARKED)


def settled(page: str) -> str:
    """A page, or a part of one, with every stop that was marked as the texts beside it ask."""
    if not PLACE.search(page):
        return page
    return PLACE.sub(lambda found: _written(page, found), page)


def _written(page: str, found: re.Match[str]) -> str:
    if found[0] == BLANK:  # most are: of these the last sign is enough
        last = _last(page, found.start())
        return "" if last and last in ENDS else " "
    before = _before(page, found.start())
    behind = _behind(page, found.end())
    blank, mark, after = found.groups()
    sign = NARROW[ord(mark) - FIRST]
    if not _is_wide(page, found, before, behind):
        return f"{blank}{sign}{after}".replace(BLANK, " ")
    if mark == STOP and before.endswith(("。", "！", "？")):
        return ""
    return WIDE[ord(mark) - FIRST]


def _is_wide(page: str, found: re.Match[str], before: str, behind: str) -> bool:
    mark = found[2]
    if mark == OPENS:
        inside, closed, _ = page[found.end() : found.end() + FAR].partition(CLOSES)
        return bool(closed) and CHARACTER.search(TAG.sub("", inside)) is not None
    if mark == CLOSES:
        _, opened, inside = page[max(0, found.start() - FAR) : found.start()].rpartition(OPENS)
        return bool(opened) and CHARACTER.search(TAG.sub("", inside)) is not None
    if mark == STOP:
        if before.isdigit():  # `1. 订单`: a number in a row, no sentence
            return False
        return CHARACTER.search(before) is not None or BEHIND.match(behind) is not None
    return BEFORE.match(before[-1:]) is not None or BEHIND.match(behind) is not None


def _last(page: str, end: int) -> str:
    """The character before a place; none where its block begins there."""
    at = end - 1
    while at >= 0:
        if page[at] == ">":
            at = page.rfind("<", 0, at)
            tag = TAG.match(page, at) if at >= 0 else None
            if tag is None or tag[2].lower() not in INLINE | SOLID:
                return ""
        elif not (page[at].isspace() or page[at] == BLANK):
            return page[at]
        at -= 1
    return ""


def _before(page: str, end: int) -> str:
    """The words before a place, as far as its block, its attribute or FAR reaches."""
    start = max(0, end - FAR)
    words, at = page[start:end], 0
    for tag in TAG.finditer(words):
        if tag[2].lower() not in INLINE | SOLID:
            at = tag.end()
    told = TAG.sub("", words[at:])
    told = told.rpartition(">")[2].rpartition('="')[2]
    return told.translate({ord(BLANK): " ", ord(COMMA): ",", ord(COLON): ":"}).strip()


def _behind(page: str, start: int) -> str:
    """The character behind a place; none where its block ends there."""
    at = start
    while at < len(page):
        if page[at] == "<":
            tag = TAG.match(page, at)
            if tag is None or tag[2].lower() not in INLINE | SOLID:
                return ""
            at = tag.end()
        elif page[at].isspace() or page[at] == BLANK:
            at += 1
        else:
            return page[at]
    return ""
