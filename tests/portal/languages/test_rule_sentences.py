"""The rule book in the language of its reader: no sentence of ours is left in English."""

import re
from functools import cache

import pytest
from message_texts.rule_texts import has_words, names_of_rules, of_composing

from grammar import nodes
from grammar.parsing.parser import parse
from portal.languages import choice
from portal.languages.catalogues import Catalogue
from portal.languages.choice import RULES_CONTEXT, translate_value
from portal.languages.wording import translate_composed
from rules.phrases import capitalize, composed, instead, named
from rules.values.wording import readable_name
from tests.portal.languages.test_languages import pseudo
from tests.portal.languages.test_messages import MADE
from tests.portal.languages.test_walk import ENGLISH, unquoted
from tests.rules.phrases.test_composed import FOLDERS, inside, written
from tests.support.templates import files_in

OURS = [one for one in FOLDERS if not {"tests", "bench"} & {*one.parts}]
LATIN = re.compile("[A-Za-z][A-Za-z]+")


@cache
def sentences(folder):
    return [entry.text for section in written(folder).sections for entry in section.entries]


@cache
def collected():
    """The messages of the template, those of rules apart."""
    found = MADE["template"]()
    return {context: {str(one.id) for one in found if one.id and one.context == context}
            for context in (RULES_CONTEXT, None)}  # fmt: skip


@pytest.mark.parametrize("folder", OURS, ids=lambda one: one.name)
def test_each_message_of_a_rule_book_is_collected(folder):
    there = collected()[RULES_CONTEXT] | collected()[None]
    made_of = {one.message for text in sentences(folder) for one in inside(text)}
    assert {one for one in made_of if has_words(one)} - there == set()


def authored(folder):
    """The words that the rules of a folder bring along: names of teams, systems, target fields,
    units, files and values.
    """
    rules, _ = parse(files_in(folder))
    said = [role.title for role in rules.roles]
    said += [one.name for one in (*rules.sources, *rules.targets)]
    said += [part for one in rules.sources for part in (one.currency, one.zone)]
    for post in (*rules.posts, *rules.reversals):
        said += [one.name for one in (*post.fields, *post.line_fields)]
        said += [*post.they_own, post.number]
    for units in rules.units:
        said += [one.unit for one in units.bases] + ([str(units.csv)] if units.csv else [])
        said += [part for one in units.rows for part in (one.unit, one.base_unit)]
    for table in rules.maps:
        said += [str(row.value.value) for row in table.rows if isinstance(row.value, nodes.Literal)]
        said += [table.csv.path] if table.csv else []
    for one in rules.duplicates:
        said += [name for unique in one.uniques for name in unique.fields if name[:1].isupper()]
    return {word for text in said for word in LATIN.findall(str(text).replace("_", " "))}


KEPT = {"Clearpost", "TIN", "SKU", "UOM", "ID", "API", "AR", "AP", "COD", "AiAccount", "void"}
"""Words that are the same in each language."""


@pytest.mark.parametrize("code", ["ms", "zh"])
@pytest.mark.parametrize("folder", OURS, ids=lambda one: one.name)
def test_no_sentence_of_a_rule_book_is_english(folder, code):
    """What is left is quoted, or a word of the rules themselves."""
    told = [unquoted(choice.translate_to(code, text)) for text in sentences(folder)]
    assert [one for one in told if ENGLISH.search(one)] == []
    assert len(told) == len(sentences(folder)) > 20
    if code == "zh":
        words = {word for one in told for word in LATIN.findall(one)}
        assert words - authored(folder) - KEPT == set()


@pytest.mark.parametrize("folder", OURS, ids=lambda one: one.name)
def test_each_word_of_a_rule_book_is_part_of_a_message(folder):
    """With marks around each message, nothing but the rules' own words stands outside of them."""
    found = pseudo()
    for text in sentences(folder):
        left = found.translate(text)
        while left != (left := re.sub("⟦[^⟦⟧]*⟧", "", left)):
            pass
        assert LATIN.findall(left) == [], text


def test_a_value_is_translated_where_it_is_ours_and_stays_where_it_is_not():
    found = Catalogue({"total": "jumlah"}, {}, parts={"%(a)s of %(b)s": "%(b)s punya %(a)s"})
    text = composed("%(a)s of %(b)s", a=named("total"), b="total")
    assert found.translate(text) == "total punya jumlah"
    assert found.translate(str(text)) == "total of total"
    assert (
        found.translate(text) == "total punya jumlah"
    )  # what a like text was told changes nothing


def test_no_other_text_is_looked_for_among_the_messages_of_rules():
    """Their messages, such as `%(what)s of %(whose)s`, would fit nearly everything."""
    catalogue = pseudo()
    for text in ("Kedai of Kopi", "Kedai may release it.", "Tea becomes Kopi soon.", "sold"):
        assert catalogue.translate(text) == text


def test_a_message_of_rules_comes_before_one_of_pages():
    """A period is open in another way than a hold is."""
    found = Catalogue({"open": "未处理"}, {}, parts={"open": "开放"})
    assert found.translate(composed("open")) == "开放"
    assert found.translate("open") == "未处理"


def test_an_english_way_of_saying_is_said_otherwise():
    found = Catalogue({"paid on": "tarikh bayaran"}, {})
    text = capitalize(instead("the day it was paid", named("paid_on")))
    assert (str(text), found.translate(text)) == ("The day it was paid", "Tarikh bayaran")
    assert Catalogue({}, {}).translate(text) == "The day it was paid"


def test_chinese_and_latin_words_stand_apart():
    parts = {"%(a)s in %(b)s": "%(b)s%(a)s", "bill": "账单", "%(a)s%(b)s": "%(a)s%(b)s"}

    def say(message):
        return parts.get(message, message)

    assert translate_composed(composed("%(a)s in %(b)s", a=named("bill"), b="QuickBooks"), say) == (
        "QuickBooks 账单"
    )
    assert (
        translate_composed(composed("%(a)s in %(b)s", a=named("bill"), b="“10%”"), say)
        == "“10%”账单"
    )
    assert translate_composed(composed("%(a)s in %(b)s", a="10", b=named("bill")), say) == "账单 10"
    assert translate_composed(composed("%(a)s%(b)s", a="a", b="b"), say) == "ab"


def test_messages_are_read_from_the_calls_that_compose():
    source = '''
"""Not this."""
TABLE = {"hold": message("it is held"), "wait": "nor this"}
def f(one, name):
    text = composed(message("%(a)s has") if one else message("%(a)s have"), a=name)
    other = composed("one of %(a)s" if one else "two of %(a)s", a=composed("nothing"))
    return composed(TABLE[one], a=f"nor {name}"), composed("%(a)s%(b)s", a=1, b=2)
'''
    assert of_composing(source) == [
        "it is held",
        "one of %(a)s",
        "two of %(a)s",
        "%(a)s has",
        "%(a)s have",
        "nothing",
    ]


SAME = {"TIN", "SKU", "UOM", "blogger", "item", "status", "unit", "email", "cod", "deposit"}


@pytest.mark.parametrize("code", ["ms", "zh"])
def test_each_name_in_our_templates_has_a_word(code):
    """Fields, records, lists and consts of a template are read in the language of the reader."""
    catalogue = choice.catalogue(code)
    names = {readable_name(name) for name in names_of_rules()}
    same = {one for one in names if catalogue.translate(named(one)) == one}
    assert same <= SAME


def test_a_filter_says_a_composed_text():
    found = Catalogue({"total": "jumlah"}, {}, parts={"the %(name)s": "%(name)s itu"})
    assert translate_value(composed("the %(name)s", name=named("total")), found) == "jumlah itu"


@pytest.mark.parametrize("folder", OURS, ids=lambda one: one.name)
def test_a_sentence_begins_as_one(folder):
    """A Malay sentence with a capital letter, where no name of a target field comes first."""
    fields = authored(folder)
    begun = [choice.translate_to("ms", text) for text in sentences(folder)]
    assert [one for one in begun if one[0].islower() and one.split()[0] not in fields] == []
