"""The language server: JSON-RPC messages, open documents, and the answers to editor requests."""

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
"""Seconds without a further key before what is wrong is told."""

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
    """A wish that cannot be granted, with the reason for the person who had it."""

    CODE = lsp.LSPErrorCodes.RequestFailed.value


@dataclass(frozen=True)
class Known:
    """What a rule set says at one moment."""

    files: Files
    ruleset: Ruleset
    unread: tuple[Problem, ...]
    """What is wrong with the declarations that cannot be read."""
    memory: Memory = field(default_factory=Memory)
    """What is known of its checks from the moments before."""

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """All that is wrong; asked for when it is told, not to complete a word."""
        return findings(self.files, self.ruleset, self.unread, memory=self.memory)

    @cached_property
    def index(self) -> Index:
        """Its declarations by name."""
        return Index(self.ruleset)

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """Every name with its place."""
        return mentions(self.index, self.files.rules)

    def meant(self, file: str, line: int, column: int) -> set[Symbol]:
        """What the name at a place means; where its declaration cannot be read, what the word there
        can only mean.
        """
        found = {mention.symbol for mention in self.at(file, line, column)}
        if found or not self._is_unread(file, line):
            return found
        written = normalize_text(self.files.rules[file]).split("\n")[line - 1]
        said = {w.group() for w in _WORD.finditer(written) if w.start() < column <= w.end() + 1}
        named = {m.symbol for m in self.mentions if m.declares and m.symbol.name in said}
        return named if len(named) == 1 else set()

    def _is_unread(self, file: str, line: int) -> bool:
        here = [problem for problem in self.unread if problem.span.file == file]
        broken = broken_blocks(here, {file: self.files.rules.get(file, "")})
        return any(block.first <= line < block.first + len(block.lines) for block in broken)

    def at(self, file: str, line: int, column: int) -> list[Mention]:
        """The names at a place; a place behind the last letter of one counts."""
        return [
            mention
            for mention in self.mentions
            if mention.span.file == file
            and mention.span.line == line
            and mention.span.column <= column <= mention.span.end_column
        ]


class RuleSet:
    """One folder of rules; files are called by their path within it.

    What the editor has open counts, not what the disk holds. `trouble` says why files of the disk
    could not be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reader, self.memory = Reader(), Memory()
        self.trouble = ""
        self._disk = Files({}, {})
        self._open: dict[str, str] = {}
        self._uris: dict[str, str] = {}
        self._known: Known | None = None
        self.reload()

    def name(self, path: Path) -> str:
        """What a file is called here."""
        return path.relative_to(self.folder).as_posix()

    def has(self, path: Path) -> bool:
        """Whether a file is one of these, or open as such."""
        if self.folder not in path.parents:
            return False
        name = self.name(path)
        return name in self._disk.rules or name in self._disk.csv or name in self._open

    def uri(self, name: str) -> str:
        """Where a file is, as the client writes it where it told us."""
        return self._uris.get(name) or (self.folder / name).as_uri()

    def reload(self) -> None:
        """Read the disk again; what cannot be read leaves what was read before."""
        self._known, self.trouble = None, ""
        try:
            found = read_files(list(files_of(self.folder))).rules
            self._disk = Files(
                {self.name(Path(k)): v for k, v in found.items()}, read_map_files(self.folder)
            )
        except Stop as stop:
            self.trouble = stop.message

    def write(self, name: str, text: str, uri: str = "") -> None:
        """Take what the editor has for a file, and how it calls it."""
        self._known = None
        self._open[name] = text
        if uri:
            self._uris[name] = uri

    def close(self, name: str) -> None:
        """Take what the disk has for a file."""
        self._open.pop(name, None)
        self.reload()

    @property
    def known(self) -> Known:
        """What the files say now."""
        if self._known is None:
            rules = {k: v for k, v in self._open.items() if k.endswith(RULES)}
            csv = {k: v for k, v in self._open.items() if not k.endswith(RULES)}
            files = Files({**self._disk.rules, **rules}, {**self._disk.csv, **csv})
            self._known = Known(files, *self.reader.parse(files.rules), self.memory)
        return self._known


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
            message="\n".join(
                [problem.message, problem.hint, *map(str.strip, consequence_sentences(problem))]
            ),
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
        first, _, rest = describe_symbol(symbol, self._known.index, schemas()).partition("\n\n")
        item.detail, item.documentation = first or None, rest or None
        return item

    # ---- the word at a place --------------------------------------------------------------------

    def hover(self, file: str, position: lsp.Position) -> lsp.Hover | None:
        """What the name, the word of the language or the code of a finding at a place means."""
        line, column = self._positions.at(file, position)
        meant = self._known.meant(file, line, column) or set(self._said(file, line, column))
        told = [describe_symbol(symbol, self._known.index, schemas()) for symbol in sorted(meant)]
        text = "\n\n".join(filter(None, told))
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.PlainText, text)) if text else None

    def _said(self, file: str, line: int, column: int) -> Iterator[Symbol]:
        """The code of a finding, in a comment too, or the word of the language at a place."""
        lines = self._positions.lines(file)
        for found in _CODE.finditer(lines[line - 1]):
            if found.start() < column <= found.end() + 1 and found.group() in CODES:
                yield Symbol("finding", found.group())
        for token in read_tokens(lines, Span(file, line, 1, line, len(lines[line - 1]) + 1)):
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
        spans = plan_rename(found[0].symbol, name, known.mentions, known.index, schemas())
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
            []
            if tidy in {text, normalize_text(text)}
            else [lsp.TextEdit(self._positions.whole(file), tidy)]
        )


class Editor(LanguageServer):
    """The rule sets that an editor has open."""

    def __init__(self) -> None:
        whole = lsp.TextDocumentSyncKind.Full
        super().__init__("clearpost", __version__, text_document_sync_kind=whole)
        self.sets: dict[Path, RuleSet] = {}
        self._told: dict[str, list[lsp.Diagnostic]] = {}
        self._waiting: dict[Path, asyncio.TimerHandle] = {}

    # ---- documents ------------------------------------------------------------------------------

    def place(self, uri: str) -> tuple[RuleSet, str]:
        """The rule set of a document, and what the document is called there."""
        path = _path(uri)
        open_folders = [*self.workspace.folders] or [self.workspace.root_uri or ""]
        roots = [Path(found) for uri_ in open_folders if (found := to_fs_path(uri_))]
        for known in self.sets.values():
            if known.has(path):
                return known, known.name(path)
        folder = folder_of(path, roots)
        if folder not in self.sets:
            self.sets[folder] = RuleSet(folder)
        return self.sets[folder], self.sets[folder].name(path)

    def answers(self, uri: str) -> tuple[Answers, str]:
        """Who answers about a document, and what the document is called there."""
        rule_set, name = self.place(uri)
        return Answers(rule_set, self.workspace.position_codec), name

    def write(self, uri: str) -> None:
        """Take a document as the editor has it now, and say what is wrong."""
        rule_set, name = self.place(uri)
        rule_set.write(name, self.workspace.get_text_document(uri).source, uri)
        self.soon(rule_set)

    def close(self, uri: str) -> None:
        """Take a document as the disk has it."""
        rule_set, name = self.place(uri)
        rule_set.close(name)
        self.tell(rule_set)

    def reload(self) -> None:
        """Read the disk again."""
        for rule_set in self.sets.values():
            rule_set.reload()
            self.tell(rule_set)

    def soon(self, rule_set: RuleSet) -> None:
        """Say what is wrong once the keys that came together were taken: many keys, one look."""
        waiting = self._waiting.pop(rule_set.folder, None)
        if waiting is not None:
            waiting.cancel()
        loop = asyncio.get_running_loop()
        self._waiting[rule_set.folder] = loop.call_later(PAUSE, self._tell_or_log, rule_set)

    def _tell_or_log(self, rule_set: RuleSet) -> None:
        try:
            self.tell(rule_set)
        except Exception as error:  # noqa: BLE001 - nobody else hears of it here
            self.report_server_error(error, None)

    def tell(self, rule_set: RuleSet) -> None:
        """Publish what is wrong with a rule set, file by file, as far as it is news."""
        if rule_set.trouble:
            self.log(lsp.MessageType.Warning, rule_set.trouble)
        found = Answers(rule_set, self.workspace.position_codec).diagnostics()
        said = {rule_set.uri(name): problems for name, problems in found.items()}
        gone = [u for u in self._told if u not in said and rule_set.folder in _path(u).parents]
        for uri, problems in {**{uri: [] for uri in gone}, **said}.items():
            document = self.workspace.text_documents.get(uri)
            if self._told.get(uri) != problems or document is not None:
                version = document.version if document else None
                self.text_document_publish_diagnostics(
                    lsp.PublishDiagnosticsParams(uri, problems, version)
                )
            self._told[uri] = problems

    # ---- faults of our own ----------------------------------------------------------------------

    def log(self, kind: lsp.MessageType, text: str) -> None:
        """Write to the log of the client."""
        self.window_log_message(lsp.LogMessageParams(kind, text))

    def report_server_error(self, error: Exception, _: object) -> None:
        """Log a fault; the server goes on."""
        if not isinstance(error, RefusedError):
            told = "".join(traceback.format_exception(error))
            self.log(lsp.MessageType.Error, f"A fault of Clearpost itself:\n{told}")


def _path(uri: str) -> Path:
    """The file of a document; one that is not saved yet is alone in a folder that is not there."""
    found = to_fs_path(uri) if uri.startswith("file:") else None
    return Path(found) if found else Path("/") / quote(uri, safe="") / f"new{RULES}"


def serve() -> None:
    """Speak with one client over standard input and output until it says goodbye."""
    collect_rarely()
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # faults go to the log of the client
    server().start_io()


def server() -> Editor:
    """A server with everything that it can be asked."""
    editor = Editor()
    _documents(editor)
    _writing(editor)
    _pointing(editor)
    return editor


def _documents(editor: Editor) -> None:
    @editor.feature(lsp.INITIALIZED)
    def initialized(ls: Editor, _: lsp.InitializedParams) -> None:
        workspace = ls.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace else None
        if watching and watching.dynamic_registration:
            watchers = [lsp.FileSystemWatcher(glob_pattern=pattern) for pattern in _WATCHED]
            options = lsp.DidChangeWatchedFilesRegistrationOptions(watchers)
            method = lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES
            wish = lsp.Registration("files", method, options)
            ls.client_register_capability(lsp.RegistrationParams([wish]))

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


def _writing(editor: Editor) -> None:
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
        return ls.answers(uri)[0].described(item, Symbol(*symbol))

    @editor.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def formatting(ls: Editor, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        answers, name = ls.answers(params.text_document.uri)
        return answers.formatted(name)

    @editor.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def renameable(ls: Editor, params: lsp.PrepareRenameParams) -> lsp.Range:
        answers, name = ls.answers(params.text_document.uri)
        return _granted(answers.renameable(name, params.position))

    @editor.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def rename(ls: Editor, params: lsp.RenameParams) -> lsp.WorkspaceEdit:
        answers, name = ls.answers(params.text_document.uri)
        return _granted(answers.rename(name, params.position, params.new_name))


def _granted(answer: T | Refused) -> T:
    if isinstance(answer, Refused):
        raise RefusedError(answer.reason)
    return answer


def _pointing(editor: Editor) -> None:
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


class Positions:
    """From spans to ranges and back, in the texts of a rule set."""

    def __init__(self, texts: Mapping[str, str], codec: PositionCodec) -> None:
        self._texts, self._codec = texts, codec
        self._lines: dict[str, list[str]] = {}

    def lines(self, file: str) -> list[str]:
        """The lines of a file, without their ends."""
        if file not in self._lines:
            self._lines[file] = normalize_text(self._texts.get(file, "")).split("\n")
        return self._lines[file]

    def range(self, span: Span) -> Range:
        """Where a span is, for the client."""
        start = self._position(span.file, span.line, span.column)
        return Range(start, self._position(span.file, span.end_line, span.end_column))

    def whole(self, file: str) -> Range:
        """All of a file."""
        return Range(Position(0, 0), Position(len(self.lines(file)), 0))

    def at(self, file: str, position: Position) -> tuple[int, int]:
        """Line and column of a place, from 1; one behind the text is its end."""
        lines = self.lines(file)
        number = min(position.line, len(lines) - 1)
        line = [f"{lines[number]}\n"]  # the codec takes what lies behind a line for its last place
        found = self._codec.position_from_client_units(line, Position(0, position.character))
        return number + 1, found.character + 1

    def before(self, file: str, position: Position) -> str:
        """The text before a place."""
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
    """The folder whose rules a file belongs to.

    It is the folder of the file, or the highest one above it that is reached through folders which
    hold rule files or maps themselves; never one outside the folders that the editor has open.
    """
    folder = file.parent
    inside = [root for root in roots if root == folder or root in folder.parents]
    found = folder
    while folder.parent != folder and (not inside or folder not in inside):
        folder = folder.parent
        if not (_holds_rules(folder) or (folder / "maps").is_dir()):
            break
        found = folder
    return found


def _holds_rules(folder: Path) -> bool:
    try:
        return any(folder.glob(f"*{RULES}"))
    except OSError:
        return False


def files_of(folder: Path) -> Iterator[Path]:
    """The rule files of a folder, and of the folders below that hold some without a gap.

    So a rule file in a large folder, such as a person's home, does not bring all of it along.
    """
    yield from sorted(folder.glob(f"*{RULES}"))
    for below in sorted(folder.iterdir()) if folder.is_dir() else ():
        if below.is_dir() and not below.is_symlink() and _holds_rules(below):
            yield from files_of(below)
