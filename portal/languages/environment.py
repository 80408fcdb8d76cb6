"""Templates in the language of the request.

Here: one environment a language, whose templates have their texts put in when they are compiled,
so that a page costs the same in each. Not here: which texts (catalogues.py) and which language a
request has (choice.py).
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from flask.templating import Environment
from jinja2 import nodes

from portal.languages.sentences import Sentences

INDENTED: Final = re.compile(r"(?<![%#]})\n[ \t]+|(?<=[%#]}\n)[ \t]+")
"""The line break behind a tag of the template is no part of the page: there a blank stays."""


class LanguageEnvironment(Environment):
    """The environment of Flask; one made by `speaking` has the texts of another language."""

    say: Callable[[str], str] | None = None
    between: Callable[[str], str] = staticmethod(str)
    """What becomes of the stops and blanks between two messages."""

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Without the indentation of lines: a list of 50 rows would carry 7 KB of it."""
        whole = super().preprocess(source, name, filename)
        if not (name or "").endswith(".html"):
            return whole
        return INDENTED.sub(lambda found: "\n" if found[0][0] == "\n" else " ", whole)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        if self.say is None:
            return tree
        made = Sentences(self.say, self.between).template(tree)
        made.set_environment(self)
        return made

    def speaking(
        self,
        say: Callable[[str], str],
        *,
        filters: Mapping[str, Callable[..., object]],
        known: Mapping[str, object],
        between: Callable[[str], str] = str,
    ) -> "LanguageEnvironment":
        """This environment in another language, with its own filters and globals beside ours."""
        made: LanguageEnvironment = self.overlay()
        made.say = say
        made.between = between
        made.bytecode_cache = None  # it keeps one code for each template
        made.filters = {**self.filters, **filters}
        made.globals = {**self.globals, **known}
        made.globals["ui"] = made.get_template("_macros/ui.html").module
        return made
