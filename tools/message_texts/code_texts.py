"""The texts of a module that people read, found by walking its syntax.

Here: which strings are texts, in code and in its tables of labels. Not here: which modules are read
(which_modules.py), what their values are called (value_names.py).
"""

# ruff: noqa: D102 - the visitors are named by ast
import ast
import re

from message_texts.value_names import called, message_of
from message_texts.variants import Piece, Scope, scope, tables, wholes
from portal.languages.wording import escape_percent, is_text

NOT_SHOWN = {"KEYWORDS", "LIBRARY", "_MARKS", "_FACTS"}
"""Tables of what only an editor that is no page tells of names."""
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
    "_NAME_WORDS",
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
    "Counter",
    "Histogram",
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


def counted(one: str, many: str | None = None) -> tuple[str, str]:
    """The message of a count."""
    return f"%(n)s {escape_percent(one)}", f"%(n)s {escape_percent(many or one + 's')}"


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
            self.found.append(escape_percent(node.value.strip()))

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
