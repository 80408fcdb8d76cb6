"""The catalogues as files: .po, one for each language.

Here: reading one, and which of its messages are looked for where. Not here: looking a message up
(catalogues.py), writing the files (tools/messages.py).
"""

from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from portal.languages.catalogues import Catalogue

HERE: Final = Path(__file__).parent
OF_RULES: Final = "rules"
"""The context of messages that rules in words are composed of; no text is looked for among them."""
OF_FINDINGS: Final = "findings"
"""The context of what is said of rule files; only that is looked for among it."""
NOUNS: Final = "rules/values/wording.py"
"""Where the messages stand that are nouns of the domain."""


def read(folder: str) -> Catalogue:
    """The catalogue in this folder, such as `ms`; none is one without a message."""
    path = HERE / folder / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return Catalogue({}, {})
    with path.open("rb") as file:
        return made_of(read_po(file))


def made_of(found: Catalog) -> Catalogue:
    """The catalogue of what Babel read; fuzzy messages count as not translated."""
    singles: dict[str, str] = {}
    plurals: dict[tuple[str, str], str] = {}
    parts: dict[str, str] = {}
    findings: dict[str, str] = {}
    spoken, nouns = [], []
    for one in found:
        if not one.id or one.fuzzy:
            continue
        told = one.string
        if isinstance(one.id, tuple):
            first = told[-1] if isinstance(told, tuple | list) else told
            if first:
                plurals[str(one.id[0]), str(one.id[1])] = str(first)
        elif told and one.context == OF_RULES:
            parts[str(one.id)] = str(told)
        elif told and one.context == OF_FINDINGS:
            findings[str(one.id)] = str(told)
        elif told:
            singles[str(one.id)] = str(told)
            places = [str(where) for where, _ in one.locations]
            if any(where.endswith(".py") for where in places):
                spoken.append(str(one.id))
            if NOUNS in places:
                nouns.append(str(one.id))
    return Catalogue(singles, plurals, spoken, nouns, parts, findings)
