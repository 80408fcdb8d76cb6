"""Vendored files are what they say; our own script stays small."""

import gzip
import hashlib
import re
from pathlib import Path

from portal.app import COMPONENTS
from portal.web.filters import ITEMS, SHOWN_TONES, STEP_SIGNS
from portal.web.store import PUSH_TONES, STATES

STATIC = Path(__file__).parents[3] / "static"


def test_vendored_files_have_their_checksums():
    listed = dict(
        reversed(line.split()) for line in (STATIC / "vendor/SHA256SUMS").read_text().splitlines()
    )
    there = {path.name for path in (STATIC / "vendor").iterdir()} - {"SHA256SUMS"}
    assert set(listed) == there
    for name, digest in listed.items():
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest


def test_the_script_is_small_and_evaluates_nothing():
    text = (STATIC / "app.js").read_text()
    assert len(without_layout(text).encode()) <= 6 * 1024
    assert not any(
        word in text for word in ("eval(", "new Function", "innerHTML", "sessionStorage")
    )


def without_layout(text: str) -> str:
    """A script without comments, indentation, and spaces around its signs: what it weighs."""
    bare = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    lines = "\n".join(line.strip() for line in bare.splitlines() if line.strip())
    return re.sub(r"\s*([{}();,=<>?:&|+!])\s*", r"\1", lines)


def test_what_a_page_loads_is_light_once_compressed(visit):
    """All scripts and styles of the pages, the editor's own script apart; as they are linked."""
    farah, scripts, styles = visit("farah"), set(), set()
    for url in ("/c/kedai/", "/c/kedai/holding", "/c/kedai/runs", "/c/kedai/mappings/missing"):
        page = farah.text(url)
        scripts |= set(re.findall(r'<script src="([^"]+)"', page))
        styles |= set(re.findall(r'<link rel="stylesheet" href="([^"]+)"', page))
    assert len(scripts) == 4
    assert not any("editor" in one for one in scripts)
    weights = {url: len(gzip.compress(farah.get(url).data, 6)) for url in scripts | styles}
    assert sum(weights[url] for url in scripts) <= 70 * 1024
    assert sum(weights[url] for url in styles) <= 15 * 1024


def test_the_stylesheets_are_served_as_one_in_their_order_with_the_mark_of_their_content(visit):
    assert sorted(COMPONENTS) == sorted(path.stem for path in (STATIC / "css").iterdir())
    parts = [(STATIC / "css" / f"{name}.css").read_text() for name in COMPONENTS]
    for page in (visit().get("/signin"), visit("farah").get("/c/kedai/")):
        (link,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page.text)
        served = visit().get(link)
        assert served.text == "\n".join(parts)
        assert served.headers["Content-Type"] == "text/css; charset=utf-8"
        assert "immutable" in served.headers["Cache-Control"]
        assert link.endswith("?v=" + hashlib.sha256(served.data).hexdigest()[:10])


def test_every_stylesheet_can_be_read_alone():
    for path in (STATIC / "css").iterdir():
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        assert text.count("{") == text.count("}") > 0, path.name
        assert not any(word in text for word in ("@import", "url("))


def test_every_icon_that_a_template_names_is_in_the_sprite():

    sprite = set(re.findall(r'id="([a-z]+)"', (STATIC / "icons.svg").read_text()))
    root = STATIC.parent / "portal" / "templates"
    named = {
        word
        for path in root.rglob("*.html")
        for word in re.findall(r"ui\.icon\('([a-z]+)'", path.read_text())
    }
    named |= set(STATES) | {icon for _, icon in PUSH_TONES.values()}
    named |= {icon for _, icon in STEP_SIGNS.values()} | {icon for _, icon in SHOWN_TONES.values()}
    named |= {item[2] for item in ITEMS}
    assert named - sprite == set()


def test_a_file_of_ours_is_found_under_whatever_path_the_portal_is_reached(app):
    client = app.test_client()
    pages = [client.get("/signin", base_url=f"http://localhost{root}") for root in ("", "/books")]
    found = [set(re.findall(r'"([^"]*/static/[^"?]*)\?v=', page.text)) for page in pages]
    assert found[0]
    assert all(one.startswith("/static/") for one in found[0])
    assert found[1] == {f"/books{one}" for one in found[0]}
