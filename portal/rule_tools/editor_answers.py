"""What an editor is told about a rule set, in the values of the protocol.

Here: Answers, for one rule set at one moment. Not here: messages and documents
(language_server.py).
"""

import re
from collections import Counter
from collections.abc import Iterator

from lsprotocol import types as lsp
from pygls.workspace import PositionCodec

from grammar.layout.written import format_text
from grammar.text.finding_codes import CODES
from grammar.text.problem import Problem, Span, so_too, tokens
from grammar.text.vocabulary import clean
from holding.programs.world import schemas
from portal.rule_tools.editor_positions import Positions
from portal.rule_tools.open_files import Known, RuleSet
from portal.rule_tools.rule_files import Files, examine
from rules.editing.mentions import Refused, Suggestion, Symbol, may_rename, renamed, suggest
from rules.rulebook.suggested_names import KEYWORDS, about

_CODE = re.compile(r"\b[A-Z]{3}\d\d\b")
_SEVERITIES = {"error": lsp.DiagnosticSeverity.Error, "warning": lsp.DiagnosticSeverity.Warning}
_KINDS = {
    "role": lsp.CompletionItemKind.Class,
    "const": lsp.CompletionItemKind.Constant,
    "record": lsp.CompletionItemKind.Struct,
    "field": lsp.CompletionItemKind.Field,
    "document field": lsp.CompletionItemKind.Property,
    "state": lsp.CompletionItemKind.EnumMember,
    "map": lsp.CompletionItemKind.Function,
    "function": lsp.CompletionItemKind.Function,
    "fact": lsp.CompletionItemKind.Variable,
}


class Answers:
    """The answers about one rule set as it is now."""

    def __init__(self, rule_set: RuleSet, codec: PositionCodec) -> None:
        self._set, self._known = rule_set, rule_set.known
        self._positions = Positions({**self._known.files.csv, **self._known.files.rules}, codec)

    # ---- what is wrong --------------------------------------------------------------------------

    def diagnostics(self) -> dict[str, list[lsp.Diagnostic]]:
        """File -> what `clearpost check` says of it; files without a finding too."""
        found: dict[str, list[lsp.Diagnostic]] = {name: [] for name in self._known.files.rules}
        for problem in self._known.problems:
            found.setdefault(problem.span.file, []).append(self._diagnostic(problem))
        return found

    def _diagnostic(self, problem: Problem) -> lsp.Diagnostic:
        return lsp.Diagnostic(
            range=self._positions.range(problem.span),
            message="\n".join([problem.message, problem.hint, *map(str.strip, so_too(problem))]),
            severity=_SEVERITIES.get(problem.severity, lsp.DiagnosticSeverity.Information),
            code=problem.code,
            source="clearpost",
        )

    # ---- what may be written --------------------------------------------------------------------

    def completion(self, file: str, position: lsp.Position) -> list[lsp.CompletionItem]:
        """What may be written at a place; words of the language behind the names."""
        found = suggest(self._positions.before(file, position), self._known.index, schemas())
        return [self._item(one, self._set.uri(file)) for one in found]

    def _item(self, one: Suggestion, uri: str) -> lsp.CompletionItem:
        if one.symbol is None:
            keyword = lsp.CompletionItemKind.Keyword
            return lsp.CompletionItem(one.label, kind=keyword, sort_text=f"2 {one.label}")
        of = one.symbol
        return lsp.CompletionItem(
            one.label,
            kind=_KINDS.get(of.kind, lsp.CompletionItemKind.Reference),
            sort_text=f"1 {one.label}",
            data=[uri, of.kind, of.name, of.owner],
        )

    def described(self, item: lsp.CompletionItem, symbol: Symbol) -> lsp.CompletionItem:
        """A suggestion with what it means."""
        first, _, rest = about(symbol, self._known.index, schemas()).partition("\n\n")
        item.detail, item.documentation = first or None, rest or None
        return item

    # ---- the word at a place --------------------------------------------------------------------

    def hover(self, file: str, position: lsp.Position) -> lsp.Hover | None:
        """What the name, the word of the language or the code of a finding at a place means."""
        line, column = self._positions.at(file, position)
        meant = self._known.meant(file, line, column) or set(self._said(file, line, column))
        told = [about(symbol, self._known.index, schemas()) for symbol in sorted(meant)]
        text = "\n\n".join(filter(None, told))
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.PlainText, text)) if text else None

    def _said(self, file: str, line: int, column: int) -> Iterator[Symbol]:
        """The code of a finding, in a comment too, or the word of the language at a place."""
        lines = self._positions.lines(file)
        for found in _CODE.finditer(lines[line - 1]):
            if found.start() < column <= found.end() + 1 and found.group() in CODES:
                yield Symbol("finding", found.group())
        for token in tokens(lines, Span(file, line, 1, line, len(lines[line - 1]) + 1)):
            if token.span.column <= column <= token.span.end_column and token.text in KEYWORDS:
                yield Symbol("word", token.text)

    def definition(self, file: str, position: lsp.Position) -> list[lsp.Location]:
        """Where the name at a place is declared; behind the path of a CSV file, the file."""
        line, column = self._positions.at(file, position)
        meant = self._known.meant(file, line, column)
        spans = [m.span for m in self._known.mentions if m.declares and m.symbol in meant]
        return [self._location(span) for span in spans] or list(self._csv(file, line, column))

    def references(self, file: str, position: lsp.Position) -> list[lsp.Location]:
        """All places that say the name at a place."""
        meant = self._known.meant(file, *self._positions.at(file, position))
        spans = dict.fromkeys(m.span for m in self._known.mentions if m.symbol in meant)
        return [self._location(span) for span in spans]

    def _csv(self, file: str, line: int, column: int) -> Iterator[lsp.Location]:
        written = self._positions.lines(file)[line - 1]
        for found in re.finditer(r'"([^"]+)"', written):
            path = found.group(1)
            if found.start() < column <= found.end() and path in self._known.files.csv:
                yield self._location(Span(path, 1, 1, 1, 1))

    def _location(self, span: Span) -> lsp.Location:
        return lsp.Location(self._set.uri(span.file), self._positions.range(span))

    # ---- what is changed ------------------------------------------------------------------------

    def renameable(self, file: str, position: lsp.Position) -> lsp.Range | Refused:
        """The name at a place, if a rule file may give it another one."""
        found = self._known.at(file, *self._positions.at(file, position))
        if not found:
            return Refused("there is no name here that can be changed")
        refused = may_rename(found[0].symbol, self._known.index, schemas())
        return refused or self._positions.range(found[0].span)

    def rename(self, file: str, position: lsp.Position, name: str) -> lsp.WorkspaceEdit | Refused:
        """The changes that give the name at a place another one, in all files of the set."""
        found = self._known.at(file, *self._positions.at(file, position))
        if not found:
            return Refused("there is no name here that can be changed")
        known = self._known
        spans = renamed(found[0].symbol, name, known.mentions, known.index, schemas())
        if isinstance(spans, Refused):
            return spans
        refused = _unbroken(known, self._replaced(spans, name))
        if refused is not None:
            return refused
        changes: dict[str, list[lsp.TextEdit]] = {}
        for span in spans:
            edit = lsp.TextEdit(self._positions.range(span), name)
            changes.setdefault(self._set.uri(span.file), []).append(edit)
        return lsp.WorkspaceEdit(changes=changes)

    def _replaced(self, spans: tuple[Span, ...], name: str) -> Files:
        """The files with a name in place of what stands in some spans."""
        rules = dict(self._known.files.rules)
        for file in {span.file for span in spans}:
            lines = list(self._positions.lines(file))
            for span in sorted((s for s in spans if s.file == file), reverse=True):
                line = lines[span.line - 1]
                lines[span.line - 1] = line[: span.column - 1] + name + line[span.end_column - 1 :]
            rules[file] = "\n".join(lines)
        return Files(rules, self._known.files.csv)

    def formatted(self, file: str) -> list[lsp.TextEdit]:
        """The change that gives a file its one layout; none where it has a mistake."""
        text = self._known.files.rules.get(file, "")
        tidy = format_text(text, file)
        return (
            [] if tidy in {text, clean(text)} else [lsp.TextEdit(self._positions.whole(file), tidy)]
        )


def _unbroken(before: Known, after: Files) -> Refused | None:
    """Why a change cannot be: a declaration cannot be read, or it brings a finding."""
    for problem in before.unread:
        return Refused(f"{problem.span} cannot be read, and may say the name: repair it first")
    codes = Counter(problem.code for problem in before.problems)
    for problem in examine(after)[1]:
        codes[problem.code] -= 1
        if codes[problem.code] < 0:
            return Refused(f"it would not be the same rules: {problem.span}: {problem.message}")
    return None
