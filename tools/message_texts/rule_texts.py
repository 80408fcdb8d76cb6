"""The texts of rules: what rules in words are composed of, what is said of rule files, and names.

Here: the messages of both contexts that are no page's. Not here: texts of pages (page_texts.py).
"""

import ast
import re

from grammar.parsing.parser import parse
from message_texts.code_texts import AboutRules
from message_texts.page_texts import Found
from message_texts.value_names import called
from message_texts.variants import tables
from message_texts.which_modules import COMPOSING, OF_RULE_FILES, ROOT, source_of
from portal.languages.wording import escape_percent, split_placeholders
from rules.values.wording import readable_name

KINDS_OF_NAMES = (
    *("check", "const", "document field", "fact", "field", "finding", "function", "group", "link"),
    *("map", "record", "role", "route", "sample", "source", "state", "target", "word"),
)
"""What a name of the rules is, beside what it means."""
TYPES = (
    *("money", "text", "a list", "a word", "a yes or no", "a whole number", "a date", "a decimal"),
    *("a duration", "a moment", "a number", "a percent", "a quantity", "a user"),
)
"""How types are said (rules/values/kinds.py)."""
RULE_WORDS = {
    *("credit note", "credit note and new", "new document", "look up first", "review by ROLE"),
    *("hold for ROLE", "hold for %(role)s", "review by %(role)s", "amount not compared"),
    *("try 5 times from 30s then hold for ROLE", "%(a)s by …", "%(a)s for …", "each line"),
    *("at most", "e_invoice_age = 5h", "look up", "they own", "tries = 2", "try again", "we own"),
    *("is known", "is missing"),
    *("language 1", "a table"),
}
"""What is written so in rule files, whoever reads them."""
PIECES = re.compile(
    r"%\(name\)s %\(startswith\)s|%\(cells\)s conditions?$|, (?:at most|required|but|by way|or\b)"
    r"|(?:field is|fields are|has no|status has|statuses have|works out|waits for|tuple\[.*"
    r"|no field|(?:added|divided|multiplied|taken together) (?:to|by|with)|map or const|can be"
    r"|may be|see docs.*)$"
)
"""What stands in no sentence of its own: the wholes are messages."""
GIVES = ("as x", "as amount", "as the field", "yes or no", "a text")
"""What functions give, beside types."""


def parts(known: Found) -> Found:
    """What rules in words are composed of: messages, and the names in our templates of rules that
    are not `known`.
    """
    found: Found = {}
    for name in sorted(COMPOSING):
        for message in of_composing((ROOT / name).read_text("utf-8")):
            found.setdefault(message, set()).add(name)
    for name in names_of_rules() - known.keys():
        found.setdefault(name, set()).add("portal/starters/catalogue.py")
    return found


def of_rule_files() -> Found:
    """What is said of rule files: findings with their hints, failed tests, meanings of names."""
    found: Found = {
        one: {"rules/rulebook/suggested_names.py"} for one in (*KINDS_OF_NAMES, *TYPES, *GIVES)
    }
    shapes: dict[str, str] = {}
    for name in sorted(OF_RULE_FILES):
        tree = ast.parse(source_of(ROOT / name))
        reader = AboutRules(tables(tree))
        reader.visit(tree)
        for message in reader.found:
            if message not in RULE_WORDS and not PIECES.match(str(message)):
                shape = re.sub(r"%\(\w+\)s", "%s", str(message))  # however its values are called
                found.setdefault(shapes.setdefault(shape, str(message)), set()).add(name)
    return found


def of_composing(source: str) -> list[str]:
    """The messages of a module that composes texts."""
    found = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or called(call) not in {"composed", "message"}:
            continue
        given = call.args[:1]
        if given and isinstance(given[0], ast.IfExp):
            given = [given[0].body, given[0].orelse]
        found += [
            one.value for one in given if isinstance(one, ast.Constant) and has_words(one.value)
        ]
    return found


def has_words(message: str) -> bool:
    """Whether there is anything to translate, if only what stands between two values."""
    return any(piece for piece, is_value in split_placeholders(message) if not is_value)


def names_of_rules() -> set[str]:
    """What our templates of rules call fields, records, lists, consts and groups of fields."""
    found: set[str] = set()
    folders = {path.parent for path in (ROOT / "portal" / "starters").rglob("*.rules")}
    for folder in sorted({*folders, ROOT / "sandbox" / "demo" / "targets"}):
        ruleset, _ = parse({one.name: one.read_text("utf-8") for one in folder.glob("*.rules")})
        for declared in (*ruleset.links, *ruleset.consts):
            found.add(readable_name(declared.name))
        for record in ruleset.records:
            found |= {readable_name(one.name) for one in (record, *record.fields)}
        for edit in ruleset.edits:
            found |= {readable_name(group.name) for group in edit.groups}
        for post in (*ruleset.posts, *ruleset.reversals):
            found.add(readable_name(post.route.document))
    return {escape_percent(one) for one in found}
