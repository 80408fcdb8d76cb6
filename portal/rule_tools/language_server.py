"""The language server itself: messages in and out, and which rule set each document belongs to.

Here: Editor and serve. A mistake in a rule file is what this is for; a fault of our own goes to the
log of the client, and the server goes on. Not here: the answers (editor_answers.py).
"""

import asyncio
import logging
import traceback
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from grammar.parsing.incremental import collect_rarely
from grammar.version import __version__
from portal.rule_tools.editor_answers import Answers
from portal.rule_tools.open_files import RuleSet, folder_of
from portal.rule_tools.rule_files import RULES
from rules.editing.mentions import Refused, Symbol

T = TypeVar("T")
PAUSE = 0.01
"""Seconds without a further key before what is wrong is told."""
_WATCHED = (f"**/*{RULES}", "**/maps/*.csv")


class RefusedError(JsonRpcException):
    """A wish that cannot be granted, with the reason for the person who had it."""

    CODE = lsp.LSPErrorCodes.RequestFailed.value


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


def _granted(answer: T | Refused) -> T:
    if isinstance(answer, Refused):
        raise RefusedError(answer.reason)
    return answer


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
