"""Systems by their titles: a page says AiAccount where a stored text says aiaccount.

Here: the visible words of a page, after it is made, so that what was stored years ago is told so,
too. Not here: which titles there are (connectors/registry.py); what is quoted (code, files, values
of a record), addresses and what forms send; and files and answers for programs, which keep the
names.
"""

import re
from collections.abc import Iterator
from typing import Final

from flask import Flask, Response

from connectors.registry import named, retold

_QUOTED: Final = re.compile(
    r"<(code|pre|script|style|textarea|kbd|q)\b.*?</\1>", re.DOTALL
)  # as they are, with what stands in them
_VALUE: Final = re.compile(r"<(?!input\b)\w+ [^>]*\bclass=\"(?:[^\"]* )?mono\b")
_SENT: Final = re.compile(r"<option(?![^>]*\bvalue=)")  # its words are what the form sends
_READ: Final = re.compile(r"\s(?:title|aria-label|placeholder|data-label|alt)=\"[^\"]*$")


def titled_page(page: str) -> str:
    """A page, or a part of one, with every system by its title where it is read."""
    return retold(page, _places(page))


def init(app: Flask) -> None:
    """Have each page that is answered say the titles."""
    app.after_request(_answered)


def _answered(answer: Response) -> Response:
    is_page = answer.mimetype == "text/html" and not answer.is_streamed
    if is_page and "Content-Disposition" not in answer.headers:
        answer.set_data(titled_page(answer.get_data(as_text=True)))
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
