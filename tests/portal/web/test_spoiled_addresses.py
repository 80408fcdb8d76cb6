"""An address that somebody typed wrong, cut off or made up is answered, and never by an error."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]
START = "/c/kedai/"
MOST = 250
JUNK = ("zz", "-1", "9" * 20, "2026-13-45", "\x00", "")
LINK = re.compile(r'(?:href|hx-get)="([^"#]+)')
ASKS = re.compile(r'<form(?![^>]*method="post")[^>]*?action="([^"?]*)[^"]*".*?</form>', re.DOTALL)
NAME = re.compile(r'name="([^"]+)"')


def shape(path: str) -> str:
    """Addresses that differ by a number or a record alone are one."""
    return re.sub(r"\d+", "0", re.sub(r"(/records)/[^?]+?/[^/?]+/[^/?]+", r"\1/x", path))


def asked(page: str) -> Iterator[tuple[str, set[str]]]:
    """The addresses of a page, each with the names of what it asks for."""
    for link in LINK.findall(page):
        parts = urlsplit(unescape(link))
        yield link, {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    for form in ASKS.finditer(page):
        yield form[1], set(NAME.findall(form[0]))


def walked(reader: Any) -> dict[str, tuple[str, set[str]]]:
    """Each shape of an address that links lead to, with one of them and all it was asked for."""
    found: dict[str, tuple[str, set[str]]] = {}
    seen, to_see = set(), [START]
    while to_see and len(seen) < MOST:
        link = unescape(to_see.pop(0))
        path, query = urlsplit(link)[2:4]
        one = (shape(path), tuple(sorted(dict(parse_qsl(query)))))
        if one in seen or not path.startswith(START):
            continue
        seen.add(one)
        answer = reader.client.get(link)
        assert answer.status_code < 500, link
        page = answer.get_data(as_text=True) if answer.mimetype == "text/html" else ""
        for other, names in asked(page):
            to_see.append(other)
            path = urlsplit(unescape(other)).path
            if path.startswith(START):
                found.setdefault(shape(path), (path, set()))[1].update(names)
    return found


@pytest.mark.parametrize("who", ["farah", "adam", "chan"])
def test_no_spoiled_address_is_an_error(visit, who):
    reader = visit(who)
    found = walked(reader)
    spoiled = [
        f"{path}?{urlencode(given)}"
        for path, names in found.values()
        for given in (
            *({name: junk} for name in sorted(names) for junk in JUNK[:2]),
            *(dict.fromkeys(names, junk) for junk in JUNK if names),
        )
    ]
    assert len(spoiled) > 200, len(spoiled)
    assert f"{START}holding?class=zz" in spoiled
    assert [url for url in spoiled if reader.client.get(url).status_code >= 500] == []
