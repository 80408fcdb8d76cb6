"""The committed catalogues are what the texts of pages are now."""

import re
import runpy
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from message_texts.code_texts import of_module

from holding.company import own_account
from portal.languages.choice import ENGLISH, LANGUAGES
from portal.languages.wording import find_misfit

ROOT = Path(__file__).resolve().parents[3]
MADE = runpy.run_path(str(ROOT / "tools" / "messages.py"))
FOLDERS = {code: one.folder for code, one in LANGUAGES.items() if code != ENGLISH}


def catalogue(code: str) -> Catalog:
    path = MADE["FOLDER"] / FOLDERS[code] / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=FOLDERS[code])


@pytest.fixture(scope="module")
def template() -> Catalog:
    return MADE["template"]()


def listed(found: Catalog) -> dict[object, list[str]]:
    return {one.id: [str(name) for name, _ in one.locations] for one in found if one.id}


def test_the_template_is_current(template):
    with MADE["POT"].open("rb") as file:
        there = read_po(file)
    assert listed(there) == listed(template), "run: python tools/messages.py"


@pytest.mark.parametrize("code", FOLDERS)
def test_a_catalogue_has_the_messages_of_the_template(template, code):
    assert set(listed(catalogue(code))) == set(listed(template)), "run: python tools/messages.py"


@pytest.mark.parametrize("code", FOLDERS)
def test_each_translation_keeps_values_and_markup(code):
    wrong = {}
    for one in catalogue(code):
        if not one.id or one.fuzzy:
            continue
        if isinstance(one.id, tuple):
            pairs = [(one.id[1], told) for told in one.string if told]
        else:
            pairs = [(one.id, one.string)] if one.string else []
        wrong |= {message: why for message, told in pairs if (why := find_misfit(message, told))}
    assert wrong == {}


@pytest.mark.parametrize("code", FOLDERS)
def test_each_message_is_translated(code):
    assert left(catalogue(code)) == []


def left(found: Catalog) -> list[object]:
    """The messages that are not translated."""
    return [one.id for one in found if one.id and (one.fuzzy or not any(one.string or ""))]


def test_what_is_left_is_told():
    made = Catalog()
    made.add("Held", "", locations=[("portal/templates/a.html", 0)])
    made.add("Ready", "Sedia", flags=["fuzzy"], locations=[("portal/templates/a.html", 0)])
    made.add("Posted", "Dipos", locations=[("portal/templates/a.html", 0)])
    made.add(("%(n)s day", "%(n)s days"), ("",), locations=[("portal/templates/a.html", 0)])
    assert left(made) == ["Held", "Ready", ("%(n)s day", "%(n)s days")]


def test_published_rules_are_a_rule_version(template):
    """One word on pages: never a ruleset, never a rules version."""
    odd = re.compile(r"\brulesets?\b|\brules versions?\b", re.IGNORECASE)
    assert [one.id for one in template if one.id and odd.search(str(one.id))] == []


def test_a_person_can_choose_each_language():
    assert tuple(LANGUAGES) == own_account.LANGUAGES


def test_the_texts_of_a_module_are_its_messages():
    source = '''
"""Not this."""
STATES = {"held": Shown("On hold", "warn", "needs attention")}
log.info("Not this one.")
def f(count, who, row):
    """Nor this."""
    why = "you entered it"
    if not row:
        raise ValueError("Not this either.")
    re.compile("Not this pattern")
    told = f"You cannot approve {row.number}, because {why}."
    return Refusal("a.code", told, plural(count, "row"))
'''
    assert of_module(source) == [
        "On hold",
        "needs attention",
        "you entered it",
        "You cannot approve %(number)s, because you entered it.",
        ("%(n)s row", "%(n)s rows"),
    ]


@pytest.mark.parametrize(
    ("lines", "made"),
    [
        ('return f"{one} {\'is\' if n == 1 else \'are\'} late."',
         ["%(one)s is late.", "%(one)s are late."]),
        ("rest = f', {n} more' if n else ''; return f'Line {one} is wrong{rest}.'",
         ["Line %(one)s is wrong, %(n)s more.", "Line %(one)s is wrong."]),
        ('return f"It was sent by {one or \'nobody\'}."',
         ["It was sent by %(one)s.", "It was sent by nobody."]),
        ("return f'{one} {SAID[n]} now.'", ["%(one)s is late now.", "%(one)s is here now."]),
        ("a, b = ('was', 'x') if n else ('is', 'y'); return f'{one} {a} sent here.'",
         ["%(one)s was sent here.", "%(one)s is sent here."]),
        ("text = f'The {one} is late.'; return f'{text} Nothing was sent.'",
         ["The %(one)s is late.", "%(t_text)s Nothing was sent."]),
        ("n += 'x'; return f'{one} has {n} here.'", ["%(one)s has %(n)s here."]),
        ("w = plural(n, 'row'); return f'{one} has {w} here.'",
         [("%(n)s row", "%(n)s rows"), "%(one)s has %(t_w)s here."]),
        ('return f"{one} knows {\', \'.join(n)} here."', ["%(one)s knows %(t_n)s here."]),
    ],
)  # fmt: skip
def test_pieces_of_a_sentence_make_wholes(lines, made):
    body = lines.replace("; ", "\n    ")
    source = f"SAID = {{1: 'is late', 2: 'is here'}}\ndef f(one, n):\n    {body}\n"
    assert [one for one in of_module(source) if one in made] == made
    assert not {"is", "are", "was"} & set(of_module(source))


OTHER_WORDS = {
    "ms": r"\bfi\b|\bpenyegerakan\b|\bsuntingan\b|\bpulangan\b|\brul\b",
    "zh": "映射|打款|审批|账簿|(?<!四舍五)舍入|投递|交货|同步运行|入账前|核准|挂账|所有人|每行一分",
}
"""Words that stood for a term which has another one (docs/glossary.md)."""


@pytest.mark.parametrize("code", FOLDERS)
def test_a_term_has_one_word_everywhere(code):
    told = {one.id: "".join(one.string) for one in catalogue(code) if one.id}
    odd = re.compile(OTHER_WORDS[code], re.IGNORECASE)
    assert {message: text for message, text in told.items() if odd.search(text)} == {}
