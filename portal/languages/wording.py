"""Write a template's text as a message: `%(name)s` for values, `<b>…</b>` for markup."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from jinja2 import nodes

from rules.phrases import Composed

PIECE: Final = re.compile(r"%\((\w+)\)s|%%")

MARK: Final = re.compile(r"<(/?)([a-z]+[0-9]*)>")

_WIDE: Final = re.compile(r"[\u3400-\u9fff]")

_NARROW: Final = re.compile(r"[\u3400-\u9fffA-Za-z0-9%]{2}")

SPACE: Final = re.compile(r"[ \t\r\n]+")

VALUES: Final = frozenset({"money", "sums", "when", "clock", "value", "label", "booked", "ticked"})
"""Macros that yield a value of a sentence; other macros yield a part of a page."""

PARTS: Final = frozenset(
    {"icon", "logo", "hidden", "csrf", "op", "chip", "answer", "status", "stands", "plainly", "err",
     "wrong", "caller", "cause", "pill", "super", "ask"}
)  # fmt: skip

MACROS: Final = PARTS | VALUES | {"btn", "note", "empty", "heads", "reason", "further", "faces"}

SPOKEN: Final = frozenset(
    {"action", "cause", "cause_label", "detail", "effect", "ends", "ends_by", "example",
     "finding", "gives", "heading", "headline", "help", "hint", "label", "means", "message",
     "needs", "note", "now_text", "outcome", "plain", "prevent", "question", "reason_text",
     "result", "roles", "said", "say", "sentence", "side", "standing", "state", "state_word",
     "step", "summary", "term", "text", "tick", "title", "todo", "told", "unset", "verdict",
     "waits", "what", "why", "why_not", "word", "words", "wrong"}
)  # fmt: skip
"""Attributes that hold a text of the product, which is translated when shown."""

SPOKEN_NAMES: Final = frozenset(
    {"asked", "can", "cannot", "group", "hint", "label", "line", "more", "roles", "said",
     "sentence", "standing", "step", "text", "title", "told", "who_can", "word",
     "words", "worker_todo"}
)  # fmt: skip

SPOKEN_CALLS: Final = frozenset({"hide", "zone_note", "plain"})

CODES_TO_WORDS: Final = frozenset({"capitalize", "replace"})
"""Filters that turn a code into a word; `replace` only if it removes underscores."""

LABEL_TABLES: Final = frozenset({"labels", "summary", "call_kinds", "run_kinds"}) | {
    f"{one}_labels" for one in ("push", "attempt", "call", "hold", "run")
}

NOT_READ: Final = frozenset({"url_for", "dict", "get", "format", "place_of", "link", "asset"})

OF_TEXTS: Final = frozenset({"capfirst", "default", "lower", "shorter", "trim"})
"""Filters whose input is a text; other filters receive codes and numbers."""

READING: Final = frozenset({"label", "paragraph", "ticked"})
"""Macros that split a text of the product, which is therefore translated first."""

NO_TEXTS: Final = {"btn": (1, 2, 4, 5), "note": (0, 1), "empty": (0,), "chip": (0, 1), "icon": (0,)}
"""Positions of macro arguments that people never read: tones, icons, ids."""

NO_NAMES: Final = frozenset({"id", "kind", "name", "value", "tone", "icon_name", "typed"})

READ_STOP: Final = re.compile(r"[,:;.)]+ | \(|\)")

BEGINS: Final = re.compile(r"[A-Z][a-z’']|[A-Z] [a-z]|[A-Z]{2,} [a-z]")

SENTENCE: Final = re.compile(r"[A-Za-z]\w*[,.]? (?:\w+ )+\w+|\w[.!?…]$|^[,.:;] ")


def escape_percent(text: str) -> str:
    """Return a text as part of a message, with percent signs doubled."""
    return text.replace("%", "%%")


def collapse_spaces(text: str) -> str:
    """Return a text with single spaces, as a browser shows it."""
    return SPACE.sub(" ", text)


def split_placeholders(message: str) -> list[tuple[str, bool]]:
    """Return the pieces of a message; True marks the name of a value.

    >>> split_placeholders("Retry %(number)s, 100%% sure")
    [('Retry ', False), ('number', True), (', 100% sure', False)]
    """
    pieces: list[tuple[str, bool]] = []
    end = 0
    words = ""
    for match in PIECE.finditer(message):
        words += message[end : match.start()]
        end = match.end()
        if match[1]:
            pieces += [(words, False), (match[1], True)]
            words = ""
        else:
            words += "%"
    return [*pieces, (words + message[end:], False)]


def translate_composed(text: Composed, say: Callable[[str], str], *, capital: bool = False) -> str:
    """Translate the messages of a composed text with a translation function.

    Values that are not composed stay unchanged. With `capital`, the first word of a message at the
    beginning gets a capital letter.

    >>> from rules.phrases import composed, named
    >>> text = composed("the %(name)s of %(item)s", name=named("price"), item="price")
    >>> malay = {"the %(name)s of %(item)s": "%(item)s: %(name)s", "price": "harga"}
    >>> translate_composed(text, malay.__getitem__)
    'price: harga'
    """
    capital = capital or text.capital
    if text.other:
        if _value(text.other, say) == text.other:
            return str(text)
        return _value(text.other, say, capital=capital)
    pieces: list[str] = []
    for piece, is_value in _pieces(say(text.message)):
        takes_capital = capital and not any(pieces)
        if is_value:
            pieces.append(_value(text.values[piece], say, capital=takes_capital))
        else:
            pieces.append(piece[:1].upper() + piece[1:] if takes_capital else piece)
    return _join_pieces(pieces)


def _value(value: str, say: Callable[[str], str], *, capital: bool = False) -> str:
    return translate_composed(value, say, capital=capital) if isinstance(value, Composed) else value


def _join_pieces(pieces: Iterable[str]) -> str:
    """Join the pieces, with a space where Chinese meets Latin letters or digits."""
    text = ""
    for piece in pieces:
        needs_space = text and piece and bool(_WIDE.match(text[-1])) != bool(_WIDE.match(piece[0]))
        text += f" {piece}" if needs_space and _NARROW.match(text[-1] + piece[0]) else piece
    return text


def find_misfit(message: str, translated: str) -> str:
    """Return why a translation cannot replace its message; "" if it can.

    >>> find_misfit("<b>%(name)s</b> is here", "<b>%(name)s</b> ada")
    ''
    >>> find_misfit("%(a)s by", "oleh")
    'values: a'
    """
    values = [
        {match[1] for match in PIECE.finditer(text) if match[1]} for text in (message, translated)
    ]
    if values[0] != values[1]:
        return f"values: {', '.join(sorted(values[0] ^ values[1]))}"
    marks = [Counter(mark[0] for mark in MARK.finditer(text)) for text in (message, translated)]
    if marks[0] != marks[1]:
        return f"marks: {', '.join(sorted(set(marks[0] - marks[1]) | set(marks[1] - marks[0])))}"
    open_marks: list[str] = []
    for mark in MARK.finditer(translated):
        if not mark[1]:
            open_marks.append(mark[2])
        elif not open_marks or open_marks.pop() != mark[2]:
            return f"marks out of order: {mark[0]}"
    return ""


class Expressions:
    """Translate the words in expressions with a function: English message -> its text."""

    def __init__(self, say: Callable[[str], str], between: Callable[[str], str] = str) -> None:
        self._say = say
        self._between = between
        self._shown_values: dict[
            int, tuple[nodes.Expr, nodes.Expr]
        ] = {}  # by the id of the node, which is kept alive here

    def translate_statement(self, node: nodes.Node) -> None:
        """Translate the labels that a statement iterates over, and the values that it stores."""
        for name in ("iter", "node", "call"):
            inner = getattr(node, name, None)
            if isinstance(inner, nodes.Expr):
                setattr(node, name, self.translate(inner))
        for name in ("values", "defaults"):
            values = getattr(node, name, None)
            if isinstance(values, list):
                setattr(node, name, [self.translate(value) for value in values])

    def translate_shown(self, node: nodes.Expr) -> nodes.Expr:
        """Return a value as it is shown among words; its texts are translated once."""
        if id(node) not in self._shown_values:
            self._shown_values[id(node)] = (node, self.translate(node, is_shown=True))
        return self._shown_values[id(node)][1]

    def translate(self, node: nodes.Expr, *, is_shown: bool = False) -> nodes.Expr:
        """Return an expression with its texts translated."""
        if isinstance(node, nodes.Const):
            return self._const(node, is_shown=is_shown)
        if isinstance(node, nodes.Concat):
            return self._translate_join(node)
        if isinstance(node, nodes.Call):
            call = self._translate_call(node)
            return translated_node(call) if is_shown and call_name(node) in SPOKEN_CALLS else call
        if is_shown and is_spoken(node):
            return translated_node(node)
        if isinstance(node, nodes.Filter):
            parts = format_parts(node)
            if parts is not None:
                return self.translate(nodes.Concat(parts))
            return self._translate_filter(node, is_shown=is_shown)
        if isinstance(node, nodes.CondExpr | nodes.Or | nodes.And | nodes.Add):
            is_shown = is_shown or isinstance(
                node, nodes.Add
            )  # a sum of texts is never a lookup key
            for name in ("expr1", "expr2", "left", "right"):
                if isinstance(inner := getattr(node, name, None), nodes.Expr):
                    setattr(node, name, self.translate(inner, is_shown=is_shown))
        self._translate_members(node)
        return node

    def _translate_members(self, node: nodes.Expr) -> None:
        if isinstance(node, nodes.List | nodes.Tuple):
            node.items = [self.translate(element) for element in node.items]
        elif isinstance(node, nodes.Dict):
            for pair in node.items:
                pair.value = self.translate(pair.value)
        elif isinstance(node, nodes.Getitem):
            node.node = self.translate(node.node)

    def _const(self, node: nodes.Const, *, is_shown: bool) -> nodes.Expr:
        text = node.value
        if not isinstance(text, str) or not any(map(str.isalpha, text)):
            return node
        if not is_shown and not is_text(text):
            return node
        return nodes.Const(self._translate_text(text), lineno=node.lineno)

    def _translate_text(self, text: str) -> str:
        """Translate a text and keep the spaces around it."""
        inner = text.strip()
        return text.replace(inner, self._say(escape_percent(inner)).replace("%%", "%"))

    def _translate_join(self, node: nodes.Concat) -> nodes.Expr:
        """Translate a join such as `'Retry ' ~ number` as one message with its values."""
        words = "".join(
            part.value if isinstance(part, nodes.Const) and isinstance(part.value, str) else "\0"
            for part in node.nodes
        )
        conditional = [at for at, part in enumerate(node.nodes) if _is_worded_choice(part)]
        if conditional:
            return self._translate_choice(node, conditional[0])
        if not is_text(words.replace("\0", "").strip() or " ") or not re.search("[A-Za-z]", words):
            node.nodes = [self._part(part) for part in node.nodes]
            return node
        names: dict[str, nodes.Expr] = {}
        message = []
        for part in node.nodes:
            if isinstance(part, nodes.Const) and isinstance(part.value, str):
                message.append(escape_percent(part.value))
            else:
                message.append(f"%({name_value(part, names)})s")
        message_text = "".join(message)
        inner = message_text.strip()
        text = message_text.replace(inner, self._say(inner))
        translated: list[nodes.Expr] = []
        for piece, value in split_placeholders(text):
            if value and piece in names:
                translated.append(self.translate(names[piece], is_shown=True))
            elif piece:
                translated.append(nodes.Const(piece))
        return nodes.Concat(translated, lineno=node.lineno)

    def _part(self, node: nodes.Expr) -> nodes.Expr:
        stop = isinstance(node, nodes.Const) and READ_STOP.fullmatch(str(node.value))
        return nodes.Const(self._between(stop[0])) if stop else self.translate(node)

    def _translate_choice(self, node: nodes.Concat, at: int) -> nodes.Expr:
        """Return a choice of joins for a join that contains a choice: each is a whole text."""
        choice = node.nodes[at]
        if not isinstance(choice, nodes.CondExpr):
            return node
        else_value = choice.expr2 if choice.expr2 is not None else nodes.Const("")

        def joined(branch: nodes.Expr) -> nodes.Expr:
            inner = branch.nodes if isinstance(branch, nodes.Concat) else [branch]
            return self._translate_join(
                nodes.Concat([*node.nodes[:at], *inner, *node.nodes[at + 1 :]])
            )

        return nodes.CondExpr(choice.test, joined(choice.expr1), joined(else_value))

    def _translate_call(self, node: nodes.Call) -> nodes.Expr:
        name = call_name(node)
        if name in READING:
            node.args = [translated_node(self.translate(argument)) for argument in node.args]
        elif name in MACROS or _is_ui_call(node):
            hidden = NO_TEXTS.get(name, ())
            node.args = [
                argument if at in hidden else self.translate(argument)
                for at, argument in enumerate(node.args)
            ]
            for option in node.kwargs:
                if option.key not in NO_NAMES:
                    option.value = self.translate(option.value)
        elif name not in NOT_READ:
            node.args = [self._argument(argument) for argument in node.args]
        return node

    def _argument(self, node: nodes.Expr) -> nodes.Expr:
        """Translate another macro's argument if it begins like a label."""
        text = node.value if isinstance(node, nodes.Const) else None
        return self.translate(node) if isinstance(text, str) and BEGINS.match(text) else node

    def _translate_filter(self, node: nodes.Filter, *, is_shown: bool) -> nodes.Expr:
        if node.name in {"default", "join", "d"}:
            node.args = [self.translate(argument, is_shown=True) for argument in node.args]
        if isinstance(node.node, nodes.Expr) and node.name != "plural":
            node.node = self.translate(node.node, is_shown=is_shown and node.name in OF_TEXTS)
        return node


def _is_worded_choice(node: nodes.Expr) -> bool:
    if not isinstance(node, nodes.CondExpr):
        return False
    branches = [node.expr1, *([node.expr2] if node.expr2 is not None else [])]
    return any(
        isinstance(const.value, str) and re.search("[A-Za-z]", const.value)
        for branch in branches
        for const in ([branch] if isinstance(branch, nodes.Const) else branch.find_all(nodes.Const))
    )


def _is_ui_call(node: nodes.Call) -> bool:
    inner = node.node
    return (
        isinstance(inner, nodes.Getattr)
        and isinstance(inner.node, nodes.Name)
        and inner.node.name == "ui"
    )


def format_parts(node: nodes.Filter) -> list[nodes.Expr] | None:
    """Return the parts of `'%s of %s'|format(a, b)`; None for another filter."""
    if node.name != "format" or not isinstance(node.node, nodes.Const):
        return None
    first, *others = re.split("%[sd]", str(node.node.value))
    if len(others) != len(node.args) or "%" in "".join(others):
        return None
    parts: list[nodes.Expr] = [nodes.Const(first)]
    for value, text in zip(node.args, others, strict=True):
        parts += [value, nodes.Const(text)]
    return parts


def is_text(text: str) -> bool:
    """Check whether people read a text; otherwise it is a class name, an id or a form value."""
    return bool(BEGINS.match(text.strip()) or SENTENCE.search(text))


def is_markup(node: nodes.Expr) -> bool:
    """Check whether an expression yields a part of a page instead of a value of a sentence."""
    if not isinstance(node, nodes.Call):
        return False
    name = call_name(node)
    return name in PARTS or (_is_ui_call(node) and name not in VALUES)


def is_spoken(node: nodes.Expr) -> bool:
    """Check whether an expression is a text of the product."""
    if isinstance(node, nodes.Getattr | nodes.Getitem) and _is_label_table(node.node):
        return True
    if isinstance(node, nodes.Getattr):
        return node.attr in SPOKEN
    if isinstance(node, nodes.Filter):
        return node.name in CODES_TO_WORDS and (
            node.name != "replace" or _replaces_underscores(node)
        )
    return isinstance(node, nodes.Name) and node.name in SPOKEN_NAMES


def _is_label_table(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Name) and node.name in LABEL_TABLES


def _replaces_underscores(node: nodes.Filter) -> bool:
    return any(
        isinstance(argument, nodes.Const) and argument.value == "_" for argument in node.args[:1]
    )


def translated_node(node: nodes.Expr) -> nodes.Expr:
    """Return the expression's text in the language of the page."""
    if isinstance(node, nodes.Filter) and node.name == "told":
        return node
    return nodes.Filter(node, "told", [], [], None, None, lineno=node.lineno)


def call_name(node: nodes.Call) -> str:
    """Return the name of the called function."""
    inner = node.node
    if isinstance(inner, nodes.Getattr):
        return inner.attr
    return inner.name if isinstance(inner, nodes.Name) else ""


def name_value(node: nodes.Expr, names: dict[str, nodes.Expr]) -> str:
    """Return a value's name in its message; an equal expression keeps its name."""
    base_name = _name_of(node) or "value"
    name, count = base_name, 1
    while name in names and repr(names[name]) != repr(node):
        count += 1
        name = f"{base_name}{count}"
    names[name] = node
    return name


def _name_of(node: nodes.Node) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Const):
        return ""
    if isinstance(node, nodes.Getitem):
        key = node.arg.value if isinstance(node.arg, nodes.Const) else None
        return key if isinstance(key, str) and key.isidentifier() else _name_of(node.node)
    if isinstance(node, nodes.Filter):
        return _name_of_filter(node)
    if isinstance(node, nodes.Call):
        function_name = call_name(node)
        return _first_name(node.args) or ("" if function_name == "format" else function_name)
    return _first_name(node.iter_child_nodes())


def _name_of_filter(node: nodes.Filter) -> str:
    arguments = [argument.value for argument in node.args if isinstance(argument, nodes.Const)]
    if node.name == "plural" and arguments:
        return re.sub(r"\W+", "_", arguments[1] if len(arguments) > 1 else f"{arguments[0]}s")
    return (_name_of(node.node) if node.node is not None else "") or node.name


def _first_name(expressions: Iterable[nodes.Node]) -> str:
    return next((name for expression in expressions if (name := _name_of(expression))), "")


_pieces = lru_cache(maxsize=4096)(split_placeholders)
