"""Serve editors of rule files over the Language Server Protocol."""

import asyncio
import logging
import re
import traceback
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from lsprotocol import types as lsp
from lsprotocol.types import Position, Range
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path
from pygls.workspace import PositionCodec

from grammar.layout.written import format_text
from grammar.nodes import Ruleset
from grammar.parsing.incremental import Reader, collect_rarely
from grammar.text.finding_codes import CODES
from grammar.text.problem import Problem, Span, broken_blocks, consequence_sentences, read_tokens
from grammar.text.vocabulary import normalize_text
from grammar.version import __version__
from holding.programs.known_schemas import schemas
from portal.rule_tools.rule_files import RULES, Files, examine, findings, read_files, read_map_files
from portal.terminal.command_frame import Stop
from rules.checker.places import Memory
from rules.editing.mentions import (
    Mention,
    Refused,
    Suggestion,
    Symbol,
    may_rename,
    plan_rename,
    suggest,
)
from rules.editing.symbols import mentions
from rules.rulebook.suggested_names import KEYWORDS, describe_symbol
from rules.types.symbol_table import Index

T = TypeVar("T")

PAUSE = 0.01
"""Seconds without typing before findings are published."""

_WATCHED = (f"**/*{RULES}", "**/maps/*.csv")

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

_WORD = re.compile(r"[A-Za-z_]\w*")


class RefusedError(JsonRpcException):
    """Report a refused request, with the reason for the person at the editor."""

    CODE = lsp.LSPErrorCodes.RequestFailed.value


@dataclass(frozen=True)
class RulesSnapshot:
    """A rule set's content and findings at one moment."""

    files: Files
    ruleset: Ruleset
    unread: tuple[Problem, ...]
    """Findings about declarations that cannot be parsed."""
    memory: Memory = field(default_factory=Memory)
    """Results of earlier checks that are still valid."""

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """All findings; computed only when findings are reported, not to complete a word."""
        return findings(self.files, self.ruleset, self.unread, memory=self.memory)

    @cached_property
    def index(self) -> Index:
        """The declarations by name."""
        return Index(self.ruleset)

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """Every name with its place."""
        return mentions(self.index, self.files.rules)

    def symbols_at(self, file: str, line: int, column: int) -> set[Symbol]:
        """Return the symbols that the name at a place can mean.

        If the declaration cannot be read, return the only declared symbol with a word of the line.
        """
        symbols = {mention.symbol for mention in self.at(file, line, column)}
        if symbols or not self._is_unread(file, line):
            return symbols
        line_text = normalize_text(self.files.rules[file]).split("\n")[line - 1]
        line_words = {
            word.group()
            for word in _WORD.finditer(line_text)
            if word.start() < column <= word.end() + 1
        }
        declared_symbols = {
            mention.symbol
            for mention in self.mentions
            if mention.declares and mention.symbol.name in line_words
        }
        return declared_symbols if len(declared_symbols) == 1 else set()

    def _is_unread(self, file: str, line: int) -> bool:
        file_problems = [problem for problem in self.unread if problem.span.file == file]
        broken_parts = broken_blocks(file_problems, {file: self.files.rules.get(file, "")})
        return any(block.first <= line < block.first + len(block.lines) for block in broken_parts)

    def at(self, file: str, line: int, column: int) -> list[Mention]:
        """Return the names at a place; a place right after a name's last letter counts."""
        return [
            mention
            for mention in self.mentions
            if mention.span.file == file
            and mention.span.line == line
            and mention.span.column <= column <= mention.span.end_column
        ]


class RuleSet:
    """One folder of rules; files are named by their path within the folder.

    Texts open in the editor override the disk. `trouble` is the reason why files on disk could not
    be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reader, self.memory = Reader(), Memory()
        self.trouble = ""
        self._disk = Files({}, {})
        self._open: dict[str, str] = {}
        self._uris: dict[str, str] = {}
        self._snapshot: RulesSnapshot | None = None
        self.reload()

    def name(self, path: Path) -> str:
        """Return the file's path within the folder."""
        return path.relative_to(self.folder).as_posix()

    def has(self, path: Path) -> bool:
        """Check whether a file belongs to this folder, or is open as a part."""
        if self.folder not in path.parents:
            return False
        name = self.name(path)
        return name in self._disk.rules or name in self._disk.csv or name in self._open

    def uri(self, name: str) -> str:
        """Return the file's address, spelled as the client sent it."""
        return self._uris.get(name) or (self.folder / name).as_uri()

    def reload(self) -> None:
        """Read the disk again; if a file cannot be read, keep what was read before."""
        self._snapshot, self.trouble = None, ""
        try:
            rule_texts = read_files(list(files_of(self.folder))).rules
            self._disk = Files(
                {self.name(Path(k)): v for k, v in rule_texts.items()}, read_map_files(self.folder)
            )
        except Stop as stop:
            self.trouble = stop.message

    def write(self, name: str, text: str, uri: str = "") -> None:
        """Replace a file's text by the editor's, and remember the editor's address of the file."""
        self._snapshot = None
        self._open[name] = text
        if uri:
            self._uris[name] = uri

    def close(self, name: str) -> None:
        """Replace the editor's text of a file by the disk's."""
        self._open.pop(name, None)
        self.reload()

    @property
    def known(self) -> RulesSnapshot:
        """The present content and findings."""
        if self._snapshot is None:
            rules = {k: v for k, v in self._open.items() if k.endswith(RULES)}
            csv = {k: v for k, v in self._open.items() if not k.endswith(RULES)}
            files = Files({**self._disk.rules, **rules}, {**self._disk.csv, **csv})
            self._snapshot = RulesSnapshot(files, *self.reader.parse(files.rules), self.memory)
        return self._snapshot


class Answers:
    """Answer editor requests about one rule set in its present state."""

    def __init__(self, rule_set: RuleSet, codec: PositionCodec) -> None:
        self._set, self._snapshot = rule_set, rule_set.known
        self._positions = Positions(
            {**self._snapshot.files.csv, **self._snapshot.files.rules}, codec
        )

    # ---- what is wrong --------------------------------------------------------------------------

    def diagnostics(self) -> dict[str, list[lsp.Diagnostic]]:
        """Return file -> the findings of `clearpost check`; a file without a finding has none."""
        diagnostics_by_file: dict[str, list[lsp.Diagnostic]] = {
            name: [] for name in self._snapshot.files.rules
        }
        for problem in self._snapshot.problems:
            diagnostics_by_file.setdefault(problem.span.file, []).append(self._diagnostic(problem))
        return diagnostics_by_file

    def _diagnostic(self, problem: Problem) -> lsp.Diagnostic:
        return lsp.Diagnostic(
            range=self._positions.range(problem.span),
            message="\n".join(
                [problem.message, problem.hint, *map(str.strip, consequence_sentences(problem))]
            ),
            severity=_SEVERITIES.get(problem.severity, lsp.DiagnosticSeverity.Information),
            code=problem.code,
            source="clearpost",
        )

    # ---- what may be written --------------------------------------------------------------------

    def completion(self, file: str, position: lsp.Position) -> list[lsp.CompletionItem]:
        """Return what may be written at a place: names first, then keywords."""
        suggestions = suggest(
            self._positions.before(file, position), self._snapshot.index, schemas()
        )
        return [self._item(suggestion, self._set.uri(file)) for suggestion in suggestions]

    def _item(self, suggestion: Suggestion, uri: str) -> lsp.CompletionItem:
        if suggestion.symbol is None:
            keyword = lsp.CompletionItemKind.Keyword
            return lsp.CompletionItem(
                suggestion.label, kind=keyword, sort_text=f"2 {suggestion.label}"
            )
        symbol = suggestion.symbol
        return lsp.CompletionItem(
            suggestion.label,
            kind=_KINDS.get(symbol.kind, lsp.CompletionItemKind.Reference),
            sort_text=f"1 {suggestion.label}",
            data=[uri, symbol.kind, symbol.name, symbol.owner],
        )

    def add_description(self, item: lsp.CompletionItem, symbol: Symbol) -> lsp.CompletionItem:
        """Add the symbol's description to a suggestion and return it."""
        first, _, remainder = describe_symbol(symbol, self._snapshot.index, schemas()).partition(
            "\n\n"
        )
        item.detail, item.documentation = first or None, remainder or None
        return item

    # ---- the word at a place --------------------------------------------------------------------

    def hover(self, file: str, position: lsp.Position) -> lsp.Hover | None:
        """Return the description of the name, keyword or finding code at a place."""
        line, column = self._positions.at(file, position)
        symbols = self._snapshot.symbols_at(file, line, column) or set(
            self._finding_or_keyword(file, line, column)
        )
        descriptions = [
            describe_symbol(symbol, self._snapshot.index, schemas()) for symbol in sorted(symbols)
        ]
        text = "\n\n".join(filter(None, descriptions))
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.PlainText, text)) if text else None

    def _finding_or_keyword(self, file: str, line: int, column: int) -> Iterator[Symbol]:
        """Yield the finding code, also in a comment, or the keyword at a place."""
        lines = self._positions.lines(file)
        for match in _CODE.finditer(lines[line - 1]):
            if match.start() < column <= match.end() + 1 and match.group() in CODES:
                yield Symbol("finding", match.group())
        for token in read_tokens(lines, Span(file, line, 1, line, len(lines[line - 1]) + 1)):
            if token.span.column <= column <= token.span.end_column and token.text in KEYWORDS:
                yield Symbol("word", token.text)

    def definition(self, file: str, position: lsp.Position) -> list[lsp.Location]:
        """Return where the name at a place is declared; for a CSV path, the CSV file."""
        line, column = self._positions.at(file, position)
        symbols = self._snapshot.symbols_at(file, line, column)
        spans = [
            mention.span
            for mention in self._snapshot.mentions
            if mention.declares and mention.symbol in symbols
        ]
        return [self._location(span) for span in spans] or list(self._csv(file, line, column))

    def references(self, file: str, position: lsp.Position) -> list[lsp.Location]:
        """Return all places that mention the name at a place."""
        symbols = self._snapshot.symbols_at(file, *self._positions.at(file, position))
        spans = dict.fromkeys(
            mention.span for mention in self._snapshot.mentions if mention.symbol in symbols
        )
        return [self._location(span) for span in spans]

    def _csv(self, file: str, line: int, column: int) -> Iterator[lsp.Location]:
        line_text = self._positions.lines(file)[line - 1]
        for match in re.finditer(r'"([^"]+)"', line_text):
            path = match.group(1)
            if match.start() < column <= match.end() and path in self._snapshot.files.csv:
                yield self._location(Span(path, 1, 1, 1, 1))

    def _location(self, span: Span) -> lsp.Location:
        return lsp.Location(self._set.uri(span.file), self._positions.range(span))

    # ---- what is changed ------------------------------------------------------------------------

    def renameable(self, file: str, position: lsp.Position) -> lsp.Range | Refused:
        """Return the range of the name at a place, if a rule file may rename it."""
        mentions = self._snapshot.at(file, *self._positions.at(file, position))
        if not mentions:
            return Refused("there is no name here that can be changed")
        refusal = may_rename(mentions[0].symbol, self._snapshot.index, schemas())
        return refusal or self._positions.range(mentions[0].span)

    def rename(self, file: str, position: lsp.Position, name: str) -> lsp.WorkspaceEdit | Refused:
        """Return the changes that rename the name at a place, in all files of the set."""
        mentions = self._snapshot.at(file, *self._positions.at(file, position))
        if not mentions:
            return Refused("there is no name here that can be changed")
        known = self._snapshot
        spans = plan_rename(mentions[0].symbol, name, known.mentions, known.index, schemas())
        if isinstance(spans, Refused):
            return spans
        refusal = _refuse_broken_rename(known, self._replaced(spans, name))
        if refusal is not None:
            return refusal
        changes: dict[str, list[lsp.TextEdit]] = {}
        for span in spans:
            edit = lsp.TextEdit(self._positions.range(span), name)
            changes.setdefault(self._set.uri(span.file), []).append(edit)
        return lsp.WorkspaceEdit(changes=changes)

    def _replaced(self, spans: tuple[Span, ...], name: str) -> Files:
        """Return the files with a name in place of the text of some spans."""
        rules = dict(self._snapshot.files.rules)
        for file in {span.file for span in spans}:
            lines = list(self._positions.lines(file))
            for span in sorted(
                (other_span for other_span in spans if other_span.file == file), reverse=True
            ):
                line = lines[span.line - 1]
                lines[span.line - 1] = line[: span.column - 1] + name + line[span.end_column - 1 :]
            rules[file] = "\n".join(lines)
        return Files(rules, self._snapshot.files.csv)

    def formatted(self, file: str) -> list[lsp.TextEdit]:
        """Return the change that gives a file the standard layout; none for a faulty file."""
        text = self._snapshot.files.rules.get(file, "")
        formatted_text = format_text(text, file)
        return (
            []
            if formatted_text in {text, normalize_text(text)}
            else [lsp.TextEdit(self._positions.whole(file), formatted_text)]
        )


class Editor(LanguageServer):
    """Serve the rule sets that an editor has open."""

    def __init__(self) -> None:
        sync_kind = lsp.TextDocumentSyncKind.Full
        super().__init__("clearpost", __version__, text_document_sync_kind=sync_kind)
        self.sets: dict[Path, RuleSet] = {}
        self._published: dict[str, list[lsp.Diagnostic]] = {}
        self._waiting: dict[Path, asyncio.TimerHandle] = {}

    # ---- documents ------------------------------------------------------------------------------

    def place(self, uri: str) -> tuple[RuleSet, str]:
        """Return the rule set of a document, and the document's path in it."""
        path = _path(uri)
        open_folders = [*self.workspace.folders] or [self.workspace.root_uri or ""]
        roots = [Path(folder_path) for uri_ in open_folders if (folder_path := to_fs_path(uri_))]
        for rule_set in self.sets.values():
            if rule_set.has(path):
                return rule_set, rule_set.name(path)
        folder = folder_of(path, roots)
        if folder not in self.sets:
            self.sets[folder] = RuleSet(folder)
        return self.sets[folder], self.sets[folder].name(path)

    def answers(self, uri: str) -> tuple[Answers, str]:
        """Return an `Answers` for a document's rule set, and the document's path in it."""
        rule_set, name = self.place(uri)
        return Answers(rule_set, self.workspace.position_codec), name

    def write(self, uri: str) -> None:
        """Store the editor's text of a document, and schedule a report of the findings."""
        rule_set, name = self.place(uri)
        rule_set.write(name, self.workspace.get_text_document(uri).source, uri)
        self.schedule_findings(rule_set)

    def close(self, uri: str) -> None:
        """Use the disk's text of a document again, and report the findings."""
        rule_set, name = self.place(uri)
        rule_set.close(name)
        self.publish_findings(rule_set)

    def reload(self) -> None:
        """Read the disk again."""
        for rule_set in self.sets.values():
            rule_set.reload()
            self.publish_findings(rule_set)

    def schedule_findings(self, rule_set: RuleSet) -> None:
        """Report the findings after a pause, so that fast typing causes only one check."""
        pending_report = self._waiting.pop(rule_set.folder, None)
        if pending_report is not None:
            pending_report.cancel()
        loop = asyncio.get_running_loop()
        self._waiting[rule_set.folder] = loop.call_later(PAUSE, self._publish_or_log, rule_set)

    def _publish_or_log(self, rule_set: RuleSet) -> None:
        """Report the findings; log a fault, because no caller receives it."""
        try:
            self.publish_findings(rule_set)
        except Exception as error:  # noqa: BLE001 - nobody else hears of it here
            self.report_server_error(error, None)

    def publish_findings(self, rule_set: RuleSet) -> None:
        """Publish a rule set's findings for each file whose findings changed or that is open."""
        if rule_set.trouble:
            self.log(lsp.MessageType.Warning, rule_set.trouble)
        diagnostics_by_file = Answers(rule_set, self.workspace.position_codec).diagnostics()
        diagnostics_by_uri = {
            rule_set.uri(name): problems for name, problems in diagnostics_by_file.items()
        }
        outdated_uris = [
            old_uri
            for old_uri in self._published
            if old_uri not in diagnostics_by_uri and rule_set.folder in _path(old_uri).parents
        ]
        for uri, problems in {**{uri: [] for uri in outdated_uris}, **diagnostics_by_uri}.items():
            document = self.workspace.text_documents.get(uri)
            if self._published.get(uri) != problems or document is not None:
                version = document.version if document else None
                self.text_document_publish_diagnostics(
                    lsp.PublishDiagnosticsParams(uri, problems, version)
                )
            self._published[uri] = problems

    # ---- faults of our own ----------------------------------------------------------------------

    def log(self, kind: lsp.MessageType, text: str) -> None:
        """Write to the log of the client."""
        self.window_log_message(lsp.LogMessageParams(kind, text))

    def report_server_error(self, error: Exception, _: object) -> None:
        """Log a fault; the server goes on."""
        if not isinstance(error, RefusedError):
            trace_text = "".join(traceback.format_exception(error))
            self.log(lsp.MessageType.Error, f"A fault of Clearpost itself:\n{trace_text}")


def _path(uri: str) -> Path:
    """Return the file of a document; an unsaved document is alone in a missing folder."""
    file_path = to_fs_path(uri) if uri.startswith("file:") else None
    return Path(file_path) if file_path else Path("/") / quote(uri, safe="") / f"new{RULES}"


def serve() -> None:
    """Serve one client over standard input and output until it ends the session."""
    collect_rarely()
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # faults are logged at the client
    build_server().start_io()


def build_server() -> Editor:
    """Return a server with all supported requests registered."""
    editor = Editor()
    _register_documents(editor)
    _register_writing(editor)
    _register_pointing(editor)
    return editor


def _register_documents(editor: Editor) -> None:
    @editor.feature(lsp.INITIALIZED)
    def initialized(ls: Editor, _: lsp.InitializedParams) -> None:
        workspace = ls.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace else None
        if watching and watching.dynamic_registration:
            watchers = [lsp.FileSystemWatcher(glob_pattern=pattern) for pattern in _WATCHED]
            options = lsp.DidChangeWatchedFilesRegistrationOptions(watchers)
            method = lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES
            registration = lsp.Registration("files", method, options)
            ls.client_register_capability(lsp.RegistrationParams([registration]))

    @editor.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(ls: Editor, params: lsp.DidOpenTextDocumentParams) -> None:
        ls.write(params.text_document.uri)

    @editor.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(ls: Editor, params: lsp.DidChangeTextDocumentParams) -> None:
        ls.write(params.text_document.uri)

    @editor.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: Editor, params: lsp.DidCloseTextDocumentParams) -> None:
        ls.close(params.text_document.uri)

    @editor.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(ls: Editor, _: lsp.DidSaveTextDocumentParams) -> None:
        ls.reload()

    @editor.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def watched(ls: Editor, _: lsp.DidChangeWatchedFilesParams) -> None:
        ls.reload()


def _register_writing(editor: Editor) -> None:
    options = lsp.CompletionOptions(trigger_characters=list(".=(|{"), resolve_provider=True)

    @editor.feature(lsp.TEXT_DOCUMENT_COMPLETION, options)
    def completion(ls: Editor, params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        answers, name = ls.answers(params.text_document.uri)
        return answers.completion(name, params.position)

    @editor.feature(lsp.COMPLETION_ITEM_RESOLVE)
    def described(ls: Editor, item: lsp.CompletionItem) -> lsp.CompletionItem:
        if not isinstance(item.data, list):
            return item
        uri, *symbol = item.data
        return ls.answers(uri)[0].add_description(item, Symbol(*symbol))

    @editor.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def formatting(ls: Editor, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        answers, name = ls.answers(params.text_document.uri)
        return answers.formatted(name)

    @editor.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def renameable(ls: Editor, params: lsp.PrepareRenameParams) -> lsp.Range:
        answers, name = ls.answers(params.text_document.uri)
        return _require_granted(answers.renameable(name, params.position))

    @editor.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def rename(ls: Editor, params: lsp.RenameParams) -> lsp.WorkspaceEdit:
        answers, name = ls.answers(params.text_document.uri)
        return _require_granted(answers.rename(name, params.position, params.new_name))


def _require_granted(answer: T | Refused) -> T:
    if isinstance(answer, Refused):
        raise RefusedError(answer.reason)
    return answer


def _register_pointing(editor: Editor) -> None:
    @editor.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(ls: Editor, params: lsp.HoverParams) -> lsp.Hover | None:
        answers, name = ls.answers(params.text_document.uri)
        return answers.hover(name, params.position)

    @editor.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def definition(ls: Editor, params: lsp.DefinitionParams) -> list[lsp.Location]:
        answers, name = ls.answers(params.text_document.uri)
        return answers.definition(name, params.position)

    @editor.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def references(ls: Editor, params: lsp.ReferenceParams) -> list[lsp.Location]:
        answers, name = ls.answers(params.text_document.uri)
        return answers.references(name, params.position)


def _refuse_broken_rename(before: RulesSnapshot, after: Files) -> Refused | None:
    """Return why a rename is refused: an unreadable declaration or a new finding; else None."""
    for problem in before.unread:
        return Refused(f"{problem.span} cannot be read, and may say the name: repair it first")
    codes = Counter(problem.code for problem in before.problems)
    for problem in examine(after)[1]:
        codes[problem.code] -= 1
        if codes[problem.code] < 0:
            return Refused(f"it would not be the same rules: {problem.span}: {problem.message}")
    return None


class Positions:
    """Convert between spans of rule texts and ranges of the client."""

    def __init__(self, texts: Mapping[str, str], codec: PositionCodec) -> None:
        self._texts, self._codec = texts, codec
        self._lines: dict[str, list[str]] = {}

    def lines(self, file: str) -> list[str]:
        """Return the lines of a file, without their ends."""
        if file not in self._lines:
            self._lines[file] = normalize_text(self._texts.get(file, "")).split("\n")
        return self._lines[file]

    def range(self, span: Span) -> Range:
        """Return a span's range for the client."""
        start = self._position(span.file, span.line, span.column)
        return Range(start, self._position(span.file, span.end_line, span.end_column))

    def whole(self, file: str) -> Range:
        """Return the range of a whole file."""
        return Range(Position(0, 0), Position(len(self.lines(file)), 0))

    def at(self, file: str, position: Position) -> tuple[int, int]:
        """Return line and column of a place, from 1; a place after the text is the text's end."""
        lines = self.lines(file)
        number = min(position.line, len(lines) - 1)
        line = [f"{lines[number]}\n"]  # the codec needs a character after the end
        server_position = self._codec.position_from_client_units(
            line, Position(0, position.character)
        )
        return number + 1, server_position.character + 1

    def before(self, file: str, position: Position) -> str:
        """Return the text before a place."""
        line, column = self.at(file, position)
        lines = self.lines(file)
        return "\n".join([*lines[: line - 1], lines[line - 1][: column - 1]])

    def _position(self, file: str, line: int, column: int) -> Position:
        lines = self.lines(file)
        text = lines[line - 1] if line <= len(lines) else ""
        return Position(line - 1, self._units(text[: column - 1]))

    def _units(self, text: str) -> int:
        units: int = self._codec.client_num_units(text)
        return units


def folder_of(file: Path, roots: Collection[Path]) -> Path:
    """Return the folder whose rules a file belongs to.

    It is the file's folder, or the highest folder above it that is reached through folders with
    rule files or maps. It is never outside the folders that the editor has open.
    """
    folder = file.parent
    inside = [root for root in roots if root == folder or root in folder.parents]
    rules_folder = folder
    while folder.parent != folder and (not inside or folder not in inside):
        folder = folder.parent
        if not (_holds_rules(folder) or (folder / "maps").is_dir()):
            break
        rules_folder = folder
    return rules_folder


def _holds_rules(folder: Path) -> bool:
    try:
        return any(folder.glob(f"*{RULES}"))
    except OSError:
        return False


def files_of(folder: Path) -> Iterator[Path]:
    """Yield the rule files of a folder, and of each subfolder reached through folders with rule
    files.

    Without this limit, a rule file in a person's home would load the whole home.
    """
    yield from sorted(folder.glob(f"*{RULES}"))
    for subfolder in sorted(folder.iterdir()) if folder.is_dir() else ():
        if subfolder.is_dir() and not subfolder.is_symlink() and _holds_rules(subfolder):
            yield from files_of(subfolder)
