"""What must not stand in a template, the one word of every fragment, what keeps them legible."""

import re
from collections import Counter
from pathlib import Path

import pytest
from jinja2 import nodes

from portal.records.records import TABS
from portal.web.store import WHOLE

ROOT = Path(__file__).parents[3] / "portal" / "templates"
TEMPLATES = sorted(ROOT.rglob("*.html"))
LONGEST_LINE = 160
SHELL = {"nav", "notice", "main", "netbar", "announce", "dialog", "undobar", "helpkeys"}
FORBIDDEN = {
    "inline style": r"\sstyle=",
    "style element": r"<style",
    "script in the page": r"<script(?![^>]*\ssrc=)",
    "an on… attribute": r"\son[a-z]+=",
    "hx-on": r"hx-on",
    "a filter in hx-trigger": r'hx-trigger="[^"]*\[',
    "js: in htmx": r'hx-(vals|headers)="?\'?js:',
    "a morph object": r'hx-swap="morph:',
    "a browser box": r"hx-(confirm|prompt)",
    "hx-delete": r"hx-(delete|put|patch)",
    "a button that puts a form into an address": r'formmethod="get"',
    "a form that does, with its token": r'<form method="get"((?!</form>)[\s\S])*csrf',
    "unescaped output": r"\|\s*safe|Markup|autoescape false",
    "an address of another host": r'(src|action)="https?:',
}


ONE_LINE = re.compile(r"#(holdstale|holdstands|inboxstale)")
"""Asked for are no more than words: whether what somebody looks at is still as it was."""
STATE_AS_TEXT = re.compile(
    r"\.(state|posting_state|record_state|breaker|e_invoice|standing|error_class|severity|retry)"
    r"\s*(==|!=|in\b|not in\b)\s*[\[(]?\s*['\"]"
)
"""A state is compared with a word of its enum, which the view hands over."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_T32d_what_asks_by_get_takes_no_form_along(path):
    """A form has its token among its fields; servers and browsers keep addresses."""
    tags = re.findall(r"<[^>]*hx-get[^>]*>", path.read_text())
    assert [tag for tag in tags if "hx-include" in tag] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_no_template_has_what_the_policy_forbids(path):
    text = path.read_text()
    assert [what for what, pattern in FORBIDDEN.items() if re.search(pattern, text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_whatever_renews_itself_is_merged(path):
    """What would be replaced closes what was opened in it, and loses a click on its button."""
    tags = re.findall(r"<[a-z]+[^>]*?tick from:body[^>]*>", path.read_text())
    replaced = [tag for tag in tags if 'hx-swap="morph"' not in tag]
    assert [tag for tag in replaced if not ONE_LINE.search(tag)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_no_template_compares_a_state_with_a_text(path):
    assert STATE_AS_TEXT.findall(path.read_text()) == []


@pytest.mark.parametrize(
    "planted", ["{% if row.state == 'open' %}", '{% if h.breaker in ("open",) %}', "a.retry!='no'"]
)
def test_a_state_beside_a_text_is_found(planted):
    assert STATE_AS_TEXT.search(planted)


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_every_target_is_a_block_with_its_id(path):
    everything = "".join(each.read_text() for each in TEMPLATES)
    for word in re.findall(r'hx-target="#([a-z]+)', path.read_text()):
        assert word == WHOLE or re.search(r"{%-? block " + word + r"\b", everything), word
        assert re.search(rf'id="{word}["_{{]', everything), word


@pytest.mark.slow
def test_blocks_are_one_word(app):
    for path in TEMPLATES:
        tree = app.jinja_env.parse(path.read_text())
        for block in tree.find_all(nodes.Block):
            assert re.fullmatch("[a-z]+", block.name), block.name


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_no_line_is_too_long_to_be_read(path):
    lines = enumerate(path.read_text().splitlines(), 1)
    assert [(number, len(line)) for number, line in lines if len(line) > LONGEST_LINE] == []


def test_every_template_is_used():
    told = [path.read_text() for path in (*TEMPLATES, *ROOT.parent.rglob("*.py"))]
    words = {word for text in told for word in re.findall(r"""['"]([\w/]+\.html)['"]""", text)}
    used = {word for word in words if "/" in word or (ROOT / word).exists()}  # others name a file
    used |= {f"records/_{tab}.html" for tab in TABS}  # the page of a record names them by its tab
    assert {name(path) for path in TEMPLATES} == used


@pytest.mark.slow
def test_every_shared_macro_is_used_at_least_twice(app):
    shared = app.jinja_env.parse((ROOT / "_macros" / "ui.html").read_text())
    uses = Counter(word for path in TEMPLATES for word in _called(app, path))
    made = [macro.name for macro in shared.find_all(nodes.Macro)]
    assert [word for word in made if uses[word] < 2] == []


def _called(app, path: Path) -> list[str]:
    """The macros that a template calls: `ui.money(…)`, or `money(…)` among the macros."""
    calls = app.jinja_env.parse(path.read_text()).find_all(nodes.Call)
    inside = path.parent.name == "_macros"
    return [
        call.node.name if isinstance(call.node, nodes.Name) else call.node.attr
        for call in calls
        if (isinstance(call.node, nodes.Name) and inside)
        or (
            isinstance(call.node, nodes.Getattr)
            and isinstance(call.node.node, nodes.Name)
            and call.node.node.name == "ui"
        )
    ]


def test_the_frame_has_its_places():
    text = (ROOT / "base.html").read_text()
    assert {word for word in SHELL if f'id="{word}"' in text} == SHELL


def test_python_code_of_the_portal_marks_nothing_as_safe():
    for path in (ROOT.parent).rglob("*.py"):
        assert "Markup(" not in path.read_text(), path


STATES = {"state", "side", "kind", "error_class", "severity", "result"}


def texts_beside_states(tree):
    """Where a template decides by the text of a state or class, which nothing would check."""
    return [
        each.lineno
        for each in tree.find_all(nodes.Compare)
        if any(isinstance(one, nodes.Getattr) and one.attr in STATES for one in sides(each))
        and any(isinstance(text.value, str) for one in sides(each) for text in consts(one))
    ]


def sides(compared):
    return [compared.expr, *(one.expr for one in compared.ops)]


def consts(node):
    return [node] if isinstance(node, nodes.Const) else node.find_all(nodes.Const)


@pytest.mark.slow
def test_a_template_compares_a_state_with_no_text(app):
    for planted in ("{% if row.state == 'open' %}{% endif %}", "{{ a if 'b' != x.kind }}"):
        assert len(texts_beside_states(app.jinja_env.parse(planted))) == 1, planted
    for good in ("{% if row.state == HoldState.OPEN %}{% endif %}", "{{ shown[row.kind == k] }}"):
        assert texts_beside_states(app.jinja_env.parse(good)) == [], good
    assert {
        name(path): found
        for path in TEMPLATES
        if (found := texts_beside_states(app.jinja_env.parse(path.read_text())))
    } == {}
