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
"""The macros that give a value of a sentence; the others give a part of a page."""

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
"""Attributes that hold a text of the product, which is translated where it is shown."""

SPOKEN_NAMES: Final = frozenset(
    {"asked", "can", "cannot", "group", "hint", "label", "line", "more", "roles", "said",
     "sentence", "standing", "step", "text", "title", "told", "who_can", "word",
     "words", "worker_todo"}
)  # fmt: skip

SPOKEN_CALLS: Final = frozenset({"hide", "zone_note", "plain"})

CODES_TO_WORDS: Final = frozenset({"capitalize", "replace"})
"""Filters that make a word of a code; `replace` where it takes underlines away."""

LABEL_TABLES: Final = frozenset({"labels", "summary", "call_kinds", "run_kinds"}) | {
    f"{one}_labels" for one in ("push", "attempt", "call", "hold", "run")
}

NOT_READ: Final = frozenset({"url_for", "dict", "get", "format", "place_of", "link", "asset"})

OF_TEXTS: Final = frozenset({"capfirst", "default", "lower", "shorter", "trim"})
"""Filters that are given a text; others are given codes and numbers."""

READING: Final = frozenset({"label", "paragraph", "ticked"})
"""Macros that take a text of the product apart: it is translated before."""

NO_TEXTS: Final = {"btn": (1, 2, 4, 5), "note": (0, 1), "empty": (0,), "chip": (0, 1), "icon": (0,)}
"""The arguments of macros that are never read: tones, icons, ids."""

NO_NAMES: Final = frozenset({"id", "kind", "name", "value", "tone", "icon_name", "typed"})

READ_STOP: Final = re.compile(r"[,:;.)]+ | \(|\)")

BEGINS: Final = re.compile(r"[A-Z][a-z’']|[A-Z] [a-z]|[A-Z]{2,} [a-z]")

SENTENCE: Final = re.compile(r"[A-Za-z]\w*[,.]? (?:\w+ )+\w+|\w[.!?…]$|^[,.:;] ")


def escape_percent(text: str) -> str:
    """A text as part of a message."""
    return text.replace("%", "%%")


def collapse_spaces(text: str) -> str:
    """A text with single spaces, as a browser shows it."""
    return SPACE.sub(" ", text)


def split_placeholders(message: str) -> list[tuple[str, bool]]:
    """The pieces of a message; True where the piece is the name of a value.

    >>> placeholder("Retry %(number)s, 100%% sure")
    [('Retry ', False), ('number', True), (', 100% sure', False)]
    """
    found: list[tuple[str, bool]] = []
    end = 0
    words = ""
    for one in PIECE.finditer(message):
        words += message[end : one.start()]
        end = one.end()
        if one[1]:
            found += [(words, False), (one[1], True)]
            words = ""
        else:
            words += "%"
    return [*found, (words + message[end:], False)]


def translate_composed(text: Composed, say: Callable[[str], str], *, capital: bool = False) -> str:
    """A composed text of which each message is said by `say`, as far as it goes; values that are no
    texts of ours stay as they are, at the beginning too, where words of ours get a `capital`.

    >>> from rules.phrases import composed, named
    >>> text = composed("the %(name)s of %(item)s", name=named("price"), item="price")
    >>> composition(text, {"the %(name)s of %(item)s": "%(item)s: %(name)s", "price": "harga"}.get)
    'price: harga'
    """
    capital = capital or text.capital
    if text.other:
        if _value(text.other, say) == text.other:
            return str(text)
        return _value(text.other, say, capital=capital)
    made: list[str] = []
    for piece, is_value in _pieces(say(text.message)):
        begins = capital and not any(made)
        if is_value:
            made.append(_value(text.values[piece], say, capital=begins))
        else:
            made.append(piece[:1].upper() + piece[1:] if begins else piece)
    return _spaced(made)


def _value(value: str, say: Callable[[str], str], *, capital: bool = False) -> str:
    return translate_composed(value, say, capital=capital) if isinstance(value, Composed) else value


def _spaced(pieces: Iterable[str]) -> str:
    """The pieces in a row; a blank is put where Chinese meets a letter or a number of ours."""
    made = ""
    for piece in pieces:
        apart = made and piece and bool(_WIDE.match(made[-1])) != bool(_WIDE.match(piece[0]))
        made += f" {piece}" if apart and _NARROW.match(made[-1] + piece[0]) else piece
    return made


def find_misfit(message: str, translated: str) -> str:
    """Why a translation cannot stand for its message; "" where it can.

    >>> misfit("<b>%(name)s</b> is here", "<b>%(name)s</b> ada"), misfit("%(a)s by", "oleh")
    ('', 'values: a')
    """
    values = [{one[1] for one in PIECE.finditer(text) if one[1]} for text in (message, translated)]
    if values[0] != values[1]:
        return f"values: {', '.join(sorted(values[0] ^ values[1]))}"
    marks = [Counter(one[0] for one in MARK.finditer(text)) for text in (message, translated)]
    if marks[0] != marks[1]:
        return f"marks: {', '.join(sorted(set(marks[0] - marks[1]) | set(marks[1] - marks[0])))}"
    open_marks: list[str] = []
    for one in MARK.finditer(translated):
        if not one[1]:
            open_marks.append(one[2])
        elif not open_marks or open_marks.pop() != one[2]:
            return f"marks out of order: {one[0]}"
    return ""


class Expressions:
    """The words in expressions, each said by `say`: English message -> its text."""

    def __init__(self, say: Callable[[str], str], between: Callable[[str], str] = str) -> None:
        self._say = say
        self._between = between
        self._shown: dict[int, tuple[nodes.Expr, nodes.Expr]] = {}  # by the id of what is kept

    def of_statement(self, node: nodes.Node) -> None:
        """Translate the lists of labels that a statement goes through, and what it remembers."""
        for name in ("iter", "node", "call"):
            inner = getattr(node, name, None)
            if isinstance(inner, nodes.Expr):
                setattr(node, name, self.told(inner))
        for name in ("values", "defaults"):
            listed = getattr(node, name, None)
            if isinstance(listed, list):
                setattr(node, name, [self.told(one) for one in listed])

    def shown(self, node: nodes.Expr) -> nodes.Expr:
        """A value as it is shown among words: its own texts are translated, once."""
        if id(node) not in self._shown:
            self._shown[id(node)] = (node, self.told(node, shown=True))
        return self._shown[id(node)][1]

    def told(self, node: nodes.Expr, *, shown: bool = False) -> nodes.Expr:
        """An expression whose texts are translated."""
        if isinstance(node, nodes.Const):
            return self._const(node, shown=shown)
        if isinstance(node, nodes.Concat):
            return self._joined(node)
        if isinstance(node, nodes.Call):
            made = self._called(node)
            return translated_node(made) if shown and call_name(node) in SPOKEN_CALLS else made
        if shown and is_spoken(node):
            return translated_node(node)
        if isinstance(node, nodes.Filter):
            parts = format_parts(node)
            if parts is not None:
                return self.told(nodes.Concat(parts))
            return self._filtered(node, shown=shown)
        if isinstance(node, nodes.CondExpr | nodes.Or | nodes.And | nodes.Add):
            shown = shown or isinstance(node, nodes.Add)  # no key is made of two texts
            for name in ("expr1", "expr2", "left", "right"):
                if isinstance(inner := getattr(node, name, None), nodes.Expr):
                    setattr(node, name, self.told(inner, shown=shown))
        self._listed(node)
        return node

    def _listed(self, node: nodes.Expr) -> None:
        if isinstance(node, nodes.List | nodes.Tuple):
            node.items = [self.told(one) for one in node.items]
        elif isinstance(node, nodes.Dict):
            for pair in node.items:
                pair.value = self.told(pair.value)
        elif isinstance(node, nodes.Getitem):
            node.node = self.told(node.node)

    def _const(self, node: nodes.Const, *, shown: bool) -> nodes.Expr:
        text = node.value
        if not isinstance(text, str) or not any(map(str.isalpha, text)):
            return node
        if not shown and not is_text(text):
            return node
        return nodes.Const(self._said(text), lineno=node.lineno)

    def _said(self, text: str) -> str:
        """The text in the language, with the spaces around it as they are."""
        inner = text.strip()
        return text.replace(inner, self._say(escape_percent(inner)).replace("%%", "%"))

    def _joined(self, node: nodes.Concat) -> nodes.Expr:
        """`'Retry ' ~ number`: one message with its values."""
        words = "".join(
            one.value if isinstance(one, nodes.Const) and isinstance(one.value, str) else "\0"
            for one in node.nodes
        )
        conditional = [at for at, one in enumerate(node.nodes) if _worded_choice(one)]
        if conditional:
            return self._either(node, conditional[0])
        if not is_text(words.replace("\0", "").strip() or " ") or not re.search("[A-Za-z]", words):
            node.nodes = [self._part(one) for one in node.nodes]
            return node
        names: dict[str, nodes.Expr] = {}
        message = []
        for one in node.nodes:
            if isinstance(one, nodes.Const) and isinstance(one.value, str):
                message.append(escape_percent(one.value))
            else:
                message.append(f"%({name_value(one, names)})s")
        whole = "".join(message)
        inner = whole.strip()
        text = whole.replace(inner, self._say(inner))
        made: list[nodes.Expr] = []
        for piece, value in split_placeholders(text):
            if value and piece in names:
                made.append(self.told(names[piece], shown=True))
            elif piece:
                made.append(nodes.Const(piece))
        return nodes.Concat(made, lineno=node.lineno)

    def _part(self, node: nodes.Expr) -> nodes.Expr:
        stop = isinstance(node, nodes.Const) and READ_STOP.fullmatch(str(node.value))
        return nodes.Const(self._between(stop[0])) if stop else self.told(node)

    def _either(self, node: nodes.Concat, at: int) -> nodes.Expr:
        """A join with a choice inside is a choice of joins, so that each is one whole text."""
        choice = node.nodes[at]
        if not isinstance(choice, nodes.CondExpr):
            return node
        other = choice.expr2 if choice.expr2 is not None else nodes.Const("")

        def joined(branch: nodes.Expr) -> nodes.Expr:
            inner = branch.nodes if isinstance(branch, nodes.Concat) else [branch]
            return self._joined(nodes.Concat([*node.nodes[:at], *inner, *node.nodes[at + 1 :]]))

        return nodes.CondExpr(choice.test, joined(choice.expr1), joined(other))

    def _called(self, node: nodes.Call) -> nodes.Expr:
        name = call_name(node)
        if name in READING:
            node.args = [translated_node(self.told(one)) for one in node.args]
        elif name in MACROS or _of_ui(node):
            hidden = NO_TEXTS.get(name, ())
            node.args = [
                one if at in hidden else self.told(one) for at, one in enumerate(node.args)
            ]
            for one in node.kwargs:
                if one.key not in NO_NAMES:
                    one.value = self.told(one.value)
        elif name not in NOT_READ:
            node.args = [self._argument(one) for one in node.args]
        return node

    def _argument(self, node: nodes.Expr) -> nodes.Expr:
        """What another macro is given: it is read when it begins as a label does."""
        text = node.value if isinstance(node, nodes.Const) else None
        return self.told(node) if isinstance(text, str) and BEGINS.match(text) else node

    def _filtered(self, node: nodes.Filter, *, shown: bool) -> nodes.Expr:
        if node.name in {"default", "join", "d"}:
            node.args = [self.told(one, shown=True) for one in node.args]
        if isinstance(node.node, nodes.Expr) and node.name != "plural":
            node.node = self.told(node.node, shown=shown and node.name in OF_TEXTS)
        return node


def _worded_choice(node: nodes.Expr) -> bool:
    if not isinstance(node, nodes.CondExpr):
        return False
    inside = [node.expr1, *([node.expr2] if node.expr2 is not None else [])]
    return any(
        isinstance(const.value, str) and re.search("[A-Za-z]", const.value)
        for one in inside
        for const in ([one] if isinstance(one, nodes.Const) else one.find_all(nodes.Const))
    )


def _of_ui(node: nodes.Call) -> bool:
    inner = node.node
    return (
        isinstance(inner, nodes.Getattr)
        and isinstance(inner.node, nodes.Name)
        and inner.node.name == "ui"
    )


def format_parts(node: nodes.Filter) -> list[nodes.Expr] | None:
    """The pieces of `'%s of %s'|format(a, b)`; None for another filter."""
    if node.name != "format" or not isinstance(node.node, nodes.Const):
        return None
    first, *others = re.split("%[sd]", str(node.node.value))
    if len(others) != len(node.args) or "%" in "".join(others):
        return None
    made: list[nodes.Expr] = [nodes.Const(first)]
    for value, text in zip(node.args, others, strict=True):
        made += [value, nodes.Const(text)]
    return made


def is_text(text: str) -> bool:
    """Whether people read it; else it is a name of a class, an id, a value of a form."""
    return bool(BEGINS.match(text.strip()) or SENTENCE.search(text))


def is_markup(node: nodes.Expr) -> bool:
    """Whether an expression gives a part of a page and no value of a sentence."""
    if not isinstance(node, nodes.Call):
        return False
    name = call_name(node)
    return name in PARTS or (_of_ui(node) and name not in VALUES)


def is_spoken(node: nodes.Expr) -> bool:
    """Whether it is a text of the product."""
    if isinstance(node, nodes.Getattr | nodes.Getitem) and _of_table(node.node):
        return True
    if isinstance(node, nodes.Getattr):
        return node.attr in SPOKEN
    if isinstance(node, nodes.Filter):
        return node.name in CODES_TO_WORDS and (node.name != "replace" or _from_code(node))
    return isinstance(node, nodes.Name) and node.name in SPOKEN_NAMES


def _of_table(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Name) and node.name in LABEL_TABLES


def _from_code(node: nodes.Filter) -> bool:
    return any(isinstance(one, nodes.Const) and one.value == "_" for one in node.args[:1])


def translated_node(node: nodes.Expr) -> nodes.Expr:
    """The text in the language of the page."""
    if isinstance(node, nodes.Filter) and node.name == "told":
        return node
    return nodes.Filter(node, "told", [], [], None, None, lineno=node.lineno)


def call_name(node: nodes.Call) -> str:
    """The name of what is called."""
    inner = node.node
    if isinstance(inner, nodes.Getattr):
        return inner.attr
    return inner.name if isinstance(inner, nodes.Name) else ""


def name_value(node: nodes.Expr, names: dict[str, nodes.Expr]) -> str:
    """What a value is called in its message; the same expression keeps its name."""
    wanted = _name_of(node) or "value"
    name, count = wanted, 1
    while name in names and repr(names[name]) != repr(node):
        count += 1
        name = f"{wanted}{count}"
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
        given = node.arg.value if isinstance(node.arg, nodes.Const) else None
        return given if isinstance(given, str) and given.isidentifier() else _name_of(node.node)
    if isinstance(node, nodes.Filter):
        return _name_of_filter(node)
    if isinstance(node, nodes.Call):
        called = call_name(node)
        return _first_name(node.args) or ("" if called == "format" else called)
    return _first_name(node.iter_child_nodes())


def _name_of_filter(node: nodes.Filter) -> str:
    given = [one.value for one in node.args if isinstance(one, nodes.Const)]
    if node.name == "plural" and given:
        return re.sub(r"\W+", "_", given[1] if len(given) > 1 else f"{given[0]}s")
    return (_name_of(node.node) if node.node is not None else "") or node.name


def _first_name(listed: Iterable[nodes.Node]) -> str:
    return next((name for one in listed if (name := _name_of(one))), "")


_pieces = lru_cache(maxsize=4096)(split_placeholders)
