"""What becomes a message of a template, and what a translation becomes of it."""

import pytest
from jinja2 import Environment

from portal.languages.environment import LanguageEnvironment, Sentences
from portal.languages.markup import OddMarkupError


def messages(source: str) -> list[str]:
    """The messages of a template, in their order."""
    found: list[str] = []
    env = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=True)
    Sentences(lambda one: found.append(one) or one).template(env.parse(source))
    return list(dict.fromkeys(found))


def shown(app, source: str, catalogue: dict[str, str], **known: object) -> str:
    """What a template writes in a language with this catalogue."""
    env = LanguageEnvironment(app, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    env.filters["told"] = str
    env.say = lambda message: catalogue.get(message, message)
    return env.from_string(source).render(**known)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("<p>Nothing waits.</p>", ["Nothing waits."]),
        ("<h1>Runs</h1><p>None  yet\n  today</p>", ["Runs", "None yet today"]),
        ("<p><b>{{ row.name }} waits.</b> See <a href='/x'>why</a>.</p>",
         ["<b>%(name)s waits.</b> See <a>why</a>."]),
        ("<p><a href='/a'>Runs</a> <a href='/b'>People</a></p>", ["Runs", "People"]),
        ("<p>Held · {{ n }} more</p>", ["Held", "%(n)s more"]),
        ("<p>{{ a.at }} to {{ b.at }}, {{ a.at }}</p>", ["%(at)s to %(at2)s, %(at)s"]),
        ("<p>Run <code>up {{ x }}</code> now</p>", ["Run %(code)s now"]),
        ("<pre>Not read</pre><script>var x = 'No'</script><code>No</code>", []),
        ("<p>{{ one }}</p><p>{{ a }} · {{ b }}</p><p>12</p>", []),
        ("<a title=\"Open {{ x }}\" class='Big one' href='Not this'>Go</a>",
         ["Open %(x)s", "Go"]),
        ('<b data-none="None selected" data-go="Not this"></b>', ["None selected"]),
        ("<p>100% of {{ n }}</p>", ["100%% of %(n)s"]),
        ("<p>{{ n }} {{ 'has' if n == 1 else 'have' }} two</p>",
         ["%(n)s has two", "%(n)s have two"]),
        ("<p>{{ n }} record{% if n != 1 %}s{% endif %} here</p>",
         ["%(n)s records here", "%(n)s record here"]),
        ("<p>Held.{% if x %} It waits.{% endif %} Open it.</p>",
         ["It waits.", "Held.", "Open it."]),
        ("{{ ui.btn('Retry ' ~ row.no, 'main-act', 'Retry') }}", ["Retry %(no)s"]),
        ("{{ ui.btn('Go ' ~ ('on' if x else 'back'), '', 'go') }}", ["Go on", "Go back"]),
        ("{{ 'Remove %s of %s'|format(a, b) }}", ["Remove %(a)s of %(b)s"]),
        ("{% for id, word in [('todo', 'To do')] %}<b>{{ word }}</b>{% endfor %}", ["To do"]),
        ("{% macro x(hint='Stays here.') %}<p>{{ hint }}</p>{% endmacro %}", ["Stays here."]),
        ("<li{% if x %} class='wide'{% endif %}>In</li>", ["In"]),
        ("<p>{{ x.name or 'nobody' }}</p>", ["nobody"]),
    ],
)  # fmt: skip
def test_messages_of_a_template(source, wanted):
    assert sorted(messages(source)) == sorted(wanted)


def test_a_value_moves_and_is_escaped_as_before(app):
    source = '<p title="Of {{ who }}">Held for <b>{{ who }}</b> since {{ at }}</p>'
    told = {
        "Held for <b>%(who)s</b> since %(at)s": "%(at)s: <b>%(who)s</b> menunggu",
        "Of %(who)s": 'Bagi "%(who)s"',
    }
    page = shown(app, source, told, who="<i>'A&B'</i>", at=7)
    name = "&lt;i&gt;&#39;A&amp;B&#39;&lt;/i&gt;"
    assert page == f'<p title="Bagi &quot;{name}&quot;">7: <b>{name}</b> menunggu</p>'


def test_a_translation_brings_no_markup_of_its_own(app):
    told = {"Held": "<script>x</script><b>Ditahan</b><img src=x>", "Now": "5 < 6"}
    page = shown(app, "<p>Held</p><p>Now</p>", told)
    assert page == "<p>xDitahan&lt;img src=x&gt;</p><p>5 &lt; 6</p>"


def test_links_keep_their_addresses(app):
    source = "<p>See <a href='{{ one }}'>this</a> or <a class='b' href='{{ two }}'>that</a>.</p>"
    told = {"See <a>this</a> or <a2>that</a2>.": "<a2>itu</a2> atau <a>ini</a>."}
    assert shown(app, source, told, one="/1", two="/2") == (
        "<p><a class='b' href='/2'>itu</a> atau <a href='/1'>ini</a>.</p>"
    )


@pytest.mark.parametrize(("count", "wanted"), [(1, "1 rekod lagi"), (2, "2 rekod lagi")])
def test_each_way_of_a_sentence_has_its_translation(app, count, wanted):
    source = "<p>{{ n }} more record{{ 's' if n != 1 }}</p>"
    told = {"%(n)s more record": "%(n)s rekod lagi", "%(n)s more records": "%(n)s rekod lagi"}
    assert shown(app, source, told, n=count) == f"<p>{wanted}</p>"


def test_what_has_no_translation_stays_as_it_was(app):
    source = "<p class='a'>Held\n  for <b>{{ x }}</b>,{% if y %} now{% endif %} here</p>"
    for y in (True, False):
        english = Environment(autoescape=True).from_string(source).render(x="<", y=y)
        assert shown(app, source, {}, x="<", y=y).split() == english.split()


def test_a_text_of_the_product_is_told_where_it_is_shown(app):
    env = LanguageEnvironment(app, autoescape=True)
    env.filters["told"] = lambda text: f"[{text}]"
    env.say = str
    page = env.from_string("<p>{{ r.message }} {{ r.name }}</p>{{ r.hint }}").render(
        r={"message": "No", "name": "No", "hint": "Ask"}
    )
    assert page == "<p>[No] No</p>[Ask]"


def test_a_condition_that_ends_inside_a_tag_is_refused():
    with pytest.raises(OddMarkupError):
        messages("<p {% if x %}class='a'>One{% else %}>Two{% endif %}</p>")


def test_english_templates_are_compiled_as_they_stand(app):
    source = "<p>Held   for {{ x }}</p>"
    env = app.jinja_env
    assert env.say is None
    assert env.parse(source).body == Environment().parse(source).body
