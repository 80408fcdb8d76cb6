"""The messages of pages: `python tools/messages.py` writes them into portal/languages.

Here: messages.pot from the templates, the texts of the code and the help pages, and each
catalogue brought in line with it: what is new is empty, what changed is fuzzy, what is gone leaves.
Not here: how templates become messages (portal/languages), any translation.
"""

# ruff: noqa: D102 - the visitors are named by ast
import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from variants import Piece, Scope, scope, spoken, tables, wholes  # noqa: E402

from connectors import registry  # noqa: E402
from grammar.parsing.parser import parse  # noqa: E402
from grammar.text.finding_codes import CODES  # noqa: E402
from holding.access.role_words import ROLE_LABELS, any_of  # noqa: E402
from portal.help.connection_causes import CAUSES  # noqa: E402
from portal.help.topics import title_of, topics  # noqa: E402
from portal.languages.choice import ENGLISH, LANGUAGES  # noqa: E402
from portal.languages.expressions import is_text  # noqa: E402
from portal.languages.po_files import OF_FINDINGS, OF_RULES  # noqa: E402
from portal.languages.sentences import Sentences  # noqa: E402
from portal.languages.wording import placeholder, written  # noqa: E402
from portal.web.filters import kind_of  # noqa: E402
from rules.comparison.preflight import LISTS  # noqa: E402
from rules.documents.listed_codes import NOUNS  # noqa: E402
from rules.documents.rounding import WAYS  # noqa: E402
from rules.values.names import plain, term  # noqa: E402

TEMPLATES = ROOT / "portal" / "templates"
FOLDER = ROOT / "portal" / "languages"
POT = FOLDER / "messages.pot"
HELP = ROOT / "portal" / "help" / "texts.toml"
ENGLISH_FILES = {"evidence/packet.html", "escalation/file.html"}
"""Handed out as files, in English."""
FLOORS = ("connectors", "holding", "portal", "rules")
NO_PAGES = {
    "portal": (
        "backtest",
        "bench",
        "cli",
        "demo",
        "languages",
        "rule_tools",
        "starters",
        "terminal",
        "api",
    ),
    "connectors": ("conformance", "simulators", "transport"),
    "holding": ("store", "tables", "runtime", "integrity", "programs", "evidence"),
    "rules": (
        "checker",
        "codegen",
        "programs",
        "testing",
        "editing",
        "overlaps",
    ),
}
"""Rooms that no page shows a text of: commands, files, checks of rule text."""
ON_PAGES = {
    "portal/starters/catalogue.py",
    "holding/evidence/audit_notes.py",
    "holding/integrity/pruning.py",
    "holding/runtime/clock.py",
    "holding/runtime/installed_version.py",
}
"""Modules of those rooms whose texts pages do show: titles of templates, sentences of events."""
NO_MODULES = {
    "rules/expressions/remedies.py",
    *(
        f"rules/expressions/{name}.py"
        for name in ("aggregates", "calls", "compiler", "interpreter")
    ),
    *(f"rules/rulebook/{name}.py" for name in ("name_help", "suggested_names")),
}
"""What files and editors say of rules, clauses that holding tells, and what only a program that did
not pass its checks says.
"""
COMPOSING = {
    *(
        f"rules/phrases/{name}.py"
        for name in ("composed", "expression_words", "list_words", "terms")
    ),
    *(
        f"rules/rulebook/{name}.py"
        for name in (
            *("actions", "book", "coverage", "document_sentences", "rendering"),
            *("route_sentences", "setup_sentences", "table_sentences"),
        )
    ),
}
"""What rules in words are composed of: each text in a call of `composed` or `message`."""
OF_RULE_FILES = {
    *(
        f"grammar/{name}.py"
        for name in (
            *("advice/consequences", "advice/foreign_syntax", "advice/hints"),
            *("advice/syntax_errors", "parsing/build_expressions", "parsing/build_routes"),
            "parsing/build_setup",
            *("parsing/parser", "parsing/table_checks", "text/invisible", "text/vocabulary"),
        )
    ),
    *(f"rules/checker/{path.name}" for path in (ROOT / "rules" / "checker").glob("*.py")),
    *(
        f"rules/types/{name}.py"
        for name in (
            "completion",
            "conversions",
            "functions",
            "inference",
            "left_words",
            "measures",
        )
    ),
    *("rules/facts/seeds.py", "rules/overlaps/cases.py", "rules/rulebook/name_help.py"),
    *("rules/testing/expectations.py", "rules/testing/runner.py", "rules/values/arithmetic.py"),
    "rules/values/kinds.py",
}
"""What is said of rule files to who writes them, in a context of its own."""
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
NOT_SHOWN = {"KEYWORDS", "LIBRARY", "_MARKS", "_FACTS"}
"""Tables of what only an editor that is no page tells of names."""
GIVES = ("as x", "as amount", "as the field", "yes or no", "a text")
"""What functions give, beside types."""
NO_WORDS = re.compile(r"\\|\(\?|\| str\b|^[\W\d]*$")
TABLES = {
    "ACT_LABELS",
    "ROLE_LABELS",
    "GROUPS",
    "STATES",
    "POSTING_LABELS",
    "STATE_LABELS",
    "PUSH_LABELS",
    "ATTEMPT_LABELS",
    "CALL_LABELS",
    "CALL_KIND_LABELS",
    "HOLD_LABELS",
    "RUN_LABELS",
    "RUN_KIND_LABELS",
    "_TONES",
    "FAILURE_WORDS",
    "CLASS_LABELS",
    "CHECK_NAMES",
    "PILL_WORDS",
    "ITEMS",
    "WORDS",
    "BY_STATE",
    "RETRY",
    "LABELS",
    "MEETING",
    "_SAID",
    "KINDS",
}
"""Tables whose every text is a label, one in small letters too."""
WORD_TABLES = {"FAILURE_WORDS", "FailureWord", "Tick", "CheckState"}
"""Those of them whose single words in small letters are labels, too."""
UNREAD = {
    "compile",
    "debug",
    "info",
    "warning",
    "error",
    "exception",
    "url_for",
    "text",
    "getattr",
    "raises",
    "Blueprint",
    "ForeignKey",
    "Index",
    "column",
    "startswith",
    "endswith",
    "removeprefix",
    "strftime",
    "split",
    "partition",
    "replace",
    "encode",
    "print",
    "op",
    "execute",
    "header",
    "Path",
    "RuntimeError",
    "ValueError",
    "TypeError",
    "AssertionError",
    "TypeVar",
    "cast",
    "logger",
    "get",
    "join_path",
}
"""Calls whose arguments nobody reads on a page."""
ODD = re.compile(
    r"^[\w.:/-]*[_/:\\]\S*$|[{}<]|(?<! )>|>(?! )|^[A-Z][\w]*-[A-Z]|\bSELECT\b|^select |\\|%[Ymd(s]"
    r"|^[A-Z0-9_]+$|https?:"
)
CODE = re.compile(r"[a-z_ ]*_[a-z_ ]*|(?:[A-Z][a-z]+){2,}|\S+\.\S+|[\w.]+\(.*\)")
"""A name of the program: with an underline, of several words in one, a call."""
SPOKEN_VALUES = {
    "action",
    "cause",
    "decided",
    "detail",
    "ends_by",
    "first",
    "headline",
    "hint",
    "label",
    "message",
    "rest",
    "said",
    "say",
    "told",
    "verb",
    "who",
    "why",
    "word",
    "words",
    "left",
    "money",
}
"""Names of values that are texts of ours in their turn."""
SPEAKERS = {
    "plural",
    "class_label",
    "failure_word",
    "role_list",
    "any_of",
    "duration",
    "term",
    "plain",
    "kind_of",
    "_nothing",
    "_effect",
    "_others",
    "_unique_by",
}
"""Functions whose answer is a text of ours."""

WORDS = (
    "added",
    "changed",
    "removed",
    "checks",
    "documents",
    "look-ups",
    "as sent",
    "awaited",
    "changed there",
    "differs",
    "error",
    "file",
    "in force",
    "now",
    "overtaken",
    "published",
    "pull",
    "rules",
    "starts",
    "try again",
    "upload",
    "waits to be published",
    "webhook",
    "accepted",
    "answered",
    "approved",
    "awaiting",
    "cleared",
    "conflict",
    "daily",
    "done",
    "dropped",
    "failed",
    "held",
    "immediate",
    "intent",
    "manual",
    "missing",
    "none",
    "not asked",
    "not recorded",
    "not told",
    "nothing",
    "line %(n)s %(t_field)s",
    "case",
    "spaces",
    "special characters",
    "%(name)s: %(before)s → %(after)s",
    "open",
    "passed",
    "pending",
    "posted",
    "ready",
    "refused",
    "released",
    "retrying",
    "running",
    "sending",
    "skipped",
    "snoozed",
    "source",
    "succeeded",
    "target",
    "uncertain",
    "unknown",
    "waiting",
    "lineage",
    "pass",
    "not needed",
    "Create",
    "Update",
    "Void",
    "attempt %(no)s",
    "delivery %(no)s",
    "hold %(no)s",
    "hold %(no)s: %(t_label)s",
    "judging %(no)s",
    "push %(no)s",
    "table %(name)s",
    "version %(no)s",
    "Mon",
    "Tue",
    "Wed",
    "Thu",
    "Fri",
    "Sat",
    "Sun",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "and",
    "or",
    "%(name)s (command line)",
    "Changed in the target, %(route)s",
    "status %(status)s is cancelled",
    "you %(t_did)s",
    "line %(n)s: %(proof)s",
    "%(t_why)s; %(names)s can approve",
    "%(t_why)s; no other user can yet approve",
    "status %(status)s is ignored",
    "%(n)s d",
    "%(n)s h",
    "%(n)s min",
    "%(days)s d %(hours)s h",
    "%(n)s s",
)
"""Single words in small letters that stand alone on pages."""

Found = dict[str | tuple[str, str], set[str]]
"""A message, or (one, many) -> the files that it stands in."""


MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def messages() -> Found:
    """Every message there is."""
    found: Found = {}

    def put(message: str | tuple[str, str], path: Path) -> None:
        found.setdefault(message, set()).add(path.relative_to(ROOT).as_posix())

    for path in sorted(TEMPLATES.rglob("*.html")):
        if path.relative_to(TEMPLATES).as_posix() not in ENGLISH_FILES:
            for message in of_template(path.read_text("utf-8")):
                put(message, path)
    for path in _modules():
        for message in of_module(path.read_text("utf-8"), wholes_of_tables=_of_people(path)):
            put(message, path)
    for message in (*WORDS, *(f"{month} %(year)s" for month in MONTHS)):
        put(message, ROOT / "portal" / "web" / "labels.py")
    for message in names():
        put(message, ROOT / "rules" / "values" / "names.py")
    for message in (
        *of_help(HELP.read_text("utf-8")),
        *CAUSES,
        *map(title_of, CODES),
        *of_findings(),
    ):
        put(written(message), HELP)
    return found


def parts(known: Found) -> Found:
    """What rules in words are composed of: messages, and the names in our templates of rules that
    are not `known`.
    """
    found: Found = {}
    for name in sorted(COMPOSING):
        for message in of_composing((ROOT / name).read_text("utf-8")):
            found.setdefault(message, set()).add(name)
    for name in _names_of_rules() - known.keys():
        found.setdefault(name, set()).add("portal/starters/catalogue.py")
    return found


def of_rule_files() -> Found:
    """What is said of rule files: findings with their hints, failed tests, meanings of names."""
    found: Found = {
        one: {"rules/rulebook/name_help.py"} for one in (*KINDS_OF_NAMES, *TYPES, *GIVES)
    }
    shapes: dict[str, str] = {}
    for name in sorted(OF_RULE_FILES):
        tree = ast.parse((ROOT / name).read_text("utf-8"))
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
        found += [one.value for one in given if isinstance(one, ast.Constant) and _fixed(one.value)]
    return found


def _fixed(message: str) -> bool:
    """Whether there is anything to translate, if only what stands between two values."""
    return any(piece for piece, is_value in placeholder(message) if not is_value)


def _names_of_rules() -> set[str]:
    """What our templates of rules call fields, records, lists, consts and groups of fields."""
    found: set[str] = set()
    folders = {path.parent for path in (ROOT / "portal" / "starters").rglob("*.rules")}
    for folder in sorted({*folders, ROOT / "portal" / "demo" / "targets"}):
        ruleset, _ = parse({one.name: one.read_text("utf-8") for one in folder.glob("*.rules")})
        for declared in (*ruleset.links, *ruleset.consts):
            found.add(plain(declared.name))
        for record in ruleset.records:
            found |= {plain(one.name) for one in (record, *record.fields)}
        for edit in ruleset.edits:
            found |= {plain(group.name) for group in edit.groups}
        for post in (*ruleset.posts, *ruleset.reversals):
            found.add(plain(post.route.document))
    return {written(one) for one in found}


def names() -> set[str]:
    """What kinds of record, documents and their fields are called, lists of codes, and a person of
    a role.
    """
    kinds = [kind for source in registry.sources().values() for kind in source.kinds]
    documents = [
        (name, one) for name, target in registry.targets().items() for one in target.documents
    ]
    found = {term(one.name) for kind in kinds for one in (*kind.fields, *kind.lines)}
    found |= {kind_of(kind.kind) for kind in kinds}
    for name, one in documents:
        found |= {kind_of(one.name), term(f"{name}.{one.name}")}
    found |= {any_of([role]) for role in ROLE_LABELS} | {*NOUNS.values(), *WAYS.values()}
    found |= {term(one) for one in _tables()} | {one.replace("_", " ") for one in LISTS.values()}
    return {written(one) for one in found if re.search("[A-Za-z]{2}", one)}


def _tables() -> set[str]:
    """The mapping tables of our templates of rules."""
    rules = (ROOT / "portal" / "starters").rglob("*.rules")
    return {
        name for path in rules for name in re.findall(r"(?m)^map (\w+)", path.read_text("utf-8"))
    }


def of_template(source: str) -> list[str | tuple[str, str]]:
    """The messages of one template, those of its counts as (one, many)."""
    listed: list[str | tuple[str, str]] = []

    def say(message: str) -> str:
        listed.append(message)
        return message

    env = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=True)
    tree = env.parse(source)
    counts = list(_counts(tree))
    Sentences(say).template(tree)
    return [*listed, *counts]


def _counts(tree: nodes.Template) -> Iterator[tuple[str, str]]:
    for one in tree.find_all(nodes.Filter):
        if one.name == "plural":
            given = [str(each.value) for each in one.args if isinstance(each, nodes.Const)]
            if given:
                yield counted(*given[:2])


def counted(one: str, many: str | None = None) -> tuple[str, str]:
    """The message of a count."""
    return f"%(n)s {written(one)}", f"%(n)s {written(many or one + 's')}"


def of_help(source: str) -> list[str]:
    """The texts of the help pages."""
    return [text for text in _texts(tomllib.loads(source)) if " " in text]


def of_findings() -> list[str]:
    """The texts of the pages of findings that a record or a document can have."""
    found = (one for one in topics().values() if one.group == "finding" and not one.of_rules)
    return list(dict.fromkeys(text for one in found for text in one.texts))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if not value.startswith("\n"):
            yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _modules() -> Iterator[Path]:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            room = path.relative_to(ROOT / floor).parts[0].removesuffix(".py")
            name = path.relative_to(ROOT).as_posix()
            left_out = name in NO_MODULES | COMPOSING
            if name in ON_PAGES or (room not in NO_PAGES[floor] and not left_out):
                yield path


def _of_people(path: Path) -> bool:
    """Whether a module speaks of records and people; texts of the rules' grammar stay in pieces."""
    return path.relative_to(ROOT).parts[0] in ("holding", "portal")


def of_module(source: str, *, wholes_of_tables: bool = True) -> list[str | tuple[str, str]]:
    """The texts of a module that people read on pages."""
    tree = ast.parse(source)
    reader = Texts(tables(tree) if wholes_of_tables else {})
    reader.visit(tree)
    return reader.found


class Texts(ast.NodeVisitor):
    """The texts of a module, with the values that are filled in."""

    def __init__(self, known: Scope) -> None:
        """`known`: the tables of the module."""
        self.found: list[str | tuple[str, str]] = []
        self._table = self._words = False
        self._scope = known

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name != "__repr__":
            outer, self._scope = self._scope, {**self._scope, **scope(node)}
            self.generic_visit(node)
            self._scope = outer

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer = self._table, self._words
        self._table = self._words = node.name in WORD_TABLES
        self.generic_visit(node)
        self._table, self._words = outer

    def visit_Raise(self, node: ast.Raise) -> None:
        """What is raised is for who runs the product."""

    def visit_Assign(self, node: ast.Assign) -> None:
        self._assigned(node, node.targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._assigned(node, [node.target])

    def _assigned(self, node: ast.Assign | ast.AnnAssign, targets: list[ast.expr]) -> None:
        outer = self._table, self._words
        names = {one.id for one in targets if isinstance(one, ast.Name)}
        if "__all__" in names:
            return
        self._table = bool(names & TABLES) or self._table
        self._words = bool(names & WORD_TABLES) or self._words
        if node.value is not None:
            self.visit(node.value)
        self._table, self._words = outer

    def visit_Dict(self, node: ast.Dict) -> None:
        for value in node.values:
            self.visit(value)

    def visit_Call(self, node: ast.Call) -> None:
        name = called(node)
        if name == "plural":
            given = [one.value for one in node.args[1:] if isinstance(one, ast.Constant)]
            if given:
                self.found.append(counted(*(str(one) for one in given[:2])))
        elif name not in UNREAD:
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and self._read(node.value):
            self.found.append(written(node.value.strip()))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        for pieces in wholes(node, self._scope):
            self._whole(pieces)
        for one in node.values:
            if isinstance(one, ast.FormattedValue):
                self.visit(one.value)

    def _whole(self, pieces: list[Piece]) -> None:
        message = message_of(pieces, self._scope)
        words = "".join(one if isinstance(one, str) else "x" for one in pieces)
        if self._read(words) and len(re.findall("[A-Za-z]{2,}", words)) > 0:
            self.found.append(message)

    def _read(self, text: str) -> bool:
        text = text.strip()
        if ODD.search(text) or "\n" in text or not re.search("[A-Za-z]{2}", text):
            return False
        if self._table:
            return text[0].isupper() or " " in text or self._words
        return is_text(text) and (" " in text or text[0].isupper()) and not CODE.fullmatch(text)


class AboutRules(Texts):
    """The same of what is said of rule files, which quotes signs and names of theirs."""

    def _assigned(self, node: ast.Assign | ast.AnnAssign, targets: list[ast.expr]) -> None:
        if not {one.id for one in targets if isinstance(one, ast.Name)} & NOT_SHOWN:
            super()._assigned(node, targets)

    def visit_Raise(self, node: ast.Raise) -> None:
        """What a reader of rules cannot read is told to who wrote it."""
        if isinstance(node.exc, ast.Call) and called(node.exc) == "NoValueError":
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """A finding with other words is a copy of it, and no text with other letters."""
        if called(node) == "get" or (called(node) == "replace" and isinstance(node.func, ast.Name)):
            self.generic_visit(node)
        else:
            super().visit_Call(node)

    def _read(self, text: str) -> bool:
        text = text.strip()
        return " " in text and bool(re.search("[A-Za-z]{2}", text)) and not NO_WORDS.search(text)


def message_of(pieces: list[Piece], known: Scope) -> str:
    """The message of these words and values; `known` is what names were given before."""
    names: dict[str, str] = {}
    told = (
        written(one) if isinstance(one, str) else f"%({value_name(one, names, known)})s"
        for one in pieces
    )
    return "".join(told).strip()


def called(node: ast.Call) -> str:
    """The name of what is called."""
    inner = node.func
    return inner.attr if isinstance(inner, ast.Attribute) else getattr(inner, "id", "")


METHODS = {
    "strip",
    "join",
    "isoformat",
    "get",
    "upper",
    "lower",
    "format",
    "replace",
    "len",
    "sorted",
}


def value_name(node: ast.expr, names: dict[str, str], known: Scope) -> str:
    """What a value is called in its message; `t_` marks one that is a text of ours."""
    plain = next((name for one in ast.walk(node) if (name := _own_name(one))), "value")
    ours = (isinstance(node, ast.Call) and called(node) in SPEAKERS) or (
        not isinstance(node, ast.Call) and plain in SPOKEN_VALUES
    )
    ours = ours or (isinstance(node, ast.Subscript) and _is_table(node.value))
    ours = ours or spoken(node, known, SPEAKERS)
    ours = ours or (isinstance(node, ast.Call) and called(node) == "join")
    if isinstance(node, ast.Call) and called(node) == "plural" and len(node.args) > 1:
        given = node.args[1]
        plain = f"{given.value}s" if isinstance(given, ast.Constant) else plain
    wanted = ("t_" if ours else "") + (re.sub(r"\W+", "_", plain).strip("_") or "value")
    name, count = wanted, 1
    while names.get(name, ast.dump(node)) != ast.dump(node):
        count += 1
        name = f"{wanted}{count}"
    names[name] = ast.dump(node)
    return name


def _is_table(node: ast.expr) -> bool:
    """Whether it is a table of the module, by its name in capitals."""
    return isinstance(node, ast.Name) and node.id.isupper()


def _own_name(node: ast.AST) -> str:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return "" if name in METHODS else str(name)


PARTS = {
    "pages": ("portal/templates",),
    "labels": (
        "portal/web",
        "holding/access/role_words.py",
        "holding/words.py",
        "holding/lifecycle/state_labels.py",
        "holding/records/",
        "connectors/contract/errors.py",
        "holding/runs/status_texts.py",
        "rules/values/",
    ),
    "help": ("portal/help",),
    "portal": ("portal",),
    "holding": ("holding",),
    "rules": ("rules",),
    "connectors": ("connectors",),
}
"""Where messages come from, what people see most first: the order of the catalogues."""


MANY = 100
"""So many new messages are no changed ones: what each of them resembles is not looked for."""
HEAD = "# The messages of Clearpost; tools/messages.py writes this file, translators fill it in."


def part_of(files: set[str]) -> str:
    """The first part that one of these files belongs to."""
    return next(
        name for name, starts in PARTS.items() if any(one.startswith(starts) for one in files)
    )


def template() -> Catalog:
    """All messages as the template of catalogues, in an order that changes with them alone."""
    made = Catalog(project="Clearpost", header_comment=HEAD, fuzzy=False)
    order = list(PARTS)
    found = messages()
    listed = sorted(
        found.items(),
        key=lambda pair: (order.index(part_of(pair[1])), max(pair[1]), str(pair[0])),
    )
    for message, files in listed:
        made.add(message, locations=[(name, 0) for name in sorted(files)])
    for message, files in sorted(parts(found).items(), key=str):
        made.add(message, locations=[(name, 0) for name in sorted(files)], context=OF_RULES)
    for message, files in sorted(of_rule_files().items(), key=str):
        made.add(message, locations=[(name, 0) for name in sorted(files)], context=OF_FINDINGS)
    return made


UNSAID = tuple(
    f'"{name}:'
    for name in (
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Generated-By",
        "Report-Msgid-Bugs-To",
        "Last-Translator",
        "Language-Team",
        "Project-Id-Version",
    )
)


def put_down(made: Catalog, path: Path) -> None:
    """Write a catalogue without what changes by itself, such as the day."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, made, width=100, omit_header=False, include_lineno=False, sort_output=False)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    kept = [one for one in lines if not one.startswith(UNSAID)]
    path.write_text("".join(kept), "utf-8")


def main() -> None:
    """Write the template, and bring each catalogue in line with it."""
    made = template()
    put_down(made, POT)
    for code, language in LANGUAGES.items():
        if code == ENGLISH:
            continue
        path = FOLDER / language.folder / "LC_MESSAGES" / "messages.po"
        if path.exists():
            with path.open("rb") as file:
                found = read_po(file, locale=language.folder)
        else:
            found = Catalog(locale=language.folder, project="Clearpost", fuzzy=False)
        found.header_comment = HEAD
        found._num_plurals, found._plural_expr = 1, "0"  # CLDR gives Malay two that are alike
        known = {(one.id, one.context) for one in found}
        new = sum((one.id, one.context) not in known for one in made)
        found.update(made, no_fuzzy_matching=new > MANY, update_creation_date=False)
        found.obsolete.clear()
        put_down(found, path)
        done = sum(bool(one.id and any(one.string or "") and not one.fuzzy) for one in found)
        print(f"{language.name}: {done} of {len(found)} messages")  # noqa: T201


if __name__ == "__main__":
    main()
