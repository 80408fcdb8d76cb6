"""An editor at work: `clearpost lsp`, spoken to by a real client over its standard input."""

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

from tests.acceptance.conftest import STARTER
from tests.acceptance.product import Product

PATIENCE = 60
MIXED_UP = "check late_night on order\n    require totl < 10.00\n    else    warn\n"
UNTIDY = '    say "Late."\n    clears never\n'


class Client:
    """One editor with one folder open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = LanguageClient("a test", "1")
        self.told: dict[str, lsp.PublishDiagnosticsParams] = {}
        self.logged: list[str] = []
        self.news = asyncio.Event()
        self.versions: dict[str, int] = {}

        def published(params: lsp.PublishDiagnosticsParams) -> None:
            self.told[params.uri] = params
            self.news.set()

        def log(params: lsp.LogMessageParams) -> None:
            self.logged.append(params.message)

        self.client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(published)
        self.client.feature(lsp.WINDOW_LOG_MESSAGE)(log)

    async def start(self, command: Path, env: dict[str, str]) -> lsp.InitializeResult:
        await self.client.start_io(str(command), "lsp", env=env)
        folder = lsp.WorkspaceFolder(self.folder.as_uri(), "rules")
        params = lsp.InitializeParams(lsp.ClientCapabilities(), workspace_folders=[folder])
        answer = await self.client.initialize_async(params)
        self.client.initialized(lsp.InitializedParams())
        return answer

    async def stop(self) -> None:
        await self.client.shutdown_async(None)
        self.client.exit(None)
        await self.client.stop()

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> None:
        self.versions[name] = 1
        item = lsp.TextDocumentItem(self.uri(name), "clearpost", 1, text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))

    def type(self, name: str, text: str) -> None:
        self.versions[name] += 1
        document = lsp.VersionedTextDocumentIdentifier(self.versions[name], self.uri(name))
        change = lsp.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(document, [change]))

    async def findings(self, name: str) -> dict[str, tuple[int, str]]:
        """Code -> line and text, of what is said about the file as it was typed last."""
        uri, version = self.uri(name), self.versions.get(name)

        async def heard() -> None:
            while uri not in self.told or self.told[uri].version != version:
                self.news.clear()
                await self.news.wait()

        await asyncio.wait_for(heard(), PATIENCE)
        found = self.told[uri].diagnostics
        return {str(one.code): (one.range.start.line + 1, one.message) for one in found}

    async def hears(self, name: str, code: str) -> None:
        """Wait for a finding in a file that is not open, which has no version to wait for."""

        async def heard() -> None:
            while code not in await self.findings(name):
                self.news.clear()
                await self.news.wait()

        await asyncio.wait_for(heard(), PATIENCE)

    def at(self, name: str, text: str, typed: str) -> dict[str, Any]:
        """The place behind a text of a file, as requests name it."""
        before = text[: text.index(typed) + len(typed)]
        line = before.rpartition("\n")[2]
        position = lsp.Position(before.count("\n"), len(line))
        return {"text_document": lsp.TextDocumentIdentifier(self.uri(name)), "position": position}


def run(scene: Callable[[Client], Any], product: Product) -> None:
    """Play a scene in a copy of the starter rules."""
    folder = product.folder / "rules"
    shutil.copytree(STARTER, folder)

    async def played() -> None:
        client = Client(folder)
        await client.start(product.command, product.environment())
        await scene(client)
        await client.stop()

    with ThreadPoolExecutor(1) as alone:  # a browser of other tests keeps its loop in this thread
        alone.submit(asyncio.run, played()).result()


def test_editor_tells_while_somebody_types_and_survives_what_is_typed(product: Product) -> None:
    """Findings as in `clearpost check`, over all files of the folder; no half file ends it."""
    text = (STARTER / "clearing.rules").read_text("utf-8")

    async def scene(editor: Client) -> None:
        editor.open("clearing.rules", text)
        assert await editor.findings("clearing.rules") == {}
        typed = text + MIXED_UP + UNTIDY
        editor.type("clearing.rules", typed)
        found = await editor.findings("clearing.rules")
        line = typed[: typed.index("totl")].count("\n") + 1
        assert found["NAM01"] == (line, "order has no field 'totl'\nDid you mean 'total'?")

        (editor.folder / "clearing.rules").write_text(typed, "utf-8")
        listed = product.run("check", str(editor.folder), "--plain", code=1).stdout
        assert f"line {line} column" in listed
        assert "NAM01: order has no field 'totl'. Hint: Did you mean 'total'?" in listed

        for end in range(len(text), len(typed), 4):  # as it is typed, a few letters at a time
            editor.type("clearing.rules", typed[:end])
        editor.type("clearing.rules", "\x00\ud7ff{|" * 50)
        assert any(code.startswith("SYN") for code in await editor.findings("clearing.rules"))
        editor.type("clearing.rules", "")
        assert await editor.findings("clearing.rules") == {}
        # what one file declared is missed in another, which is not open
        lacking = (STARTER / "shop.rules").read_text("utf-8").replace("\nrole ", "\n# role ")
        editor.open("shop.rules", lacking)
        await editor.hears("posting.rules", "OWN01")
        assert editor.logged == []

    run(scene, product)


def test_editor_completes_explains_finds_renames_and_lays_out(product: Product) -> None:
    """What is offered, what a name means and where it is, a new name in all files, one layout."""
    text = (STARTER / "clearing.rules").read_text("utf-8")
    typed = text + MIXED_UP + UNTIDY

    async def scene(editor: Client) -> None:
        client = editor.client
        editor.open("clearing.rules", typed)

        place = editor.at("clearing.rules", typed, "check late_night on order\n    require tot")
        offered = await client.text_document_completion_async(lsp.CompletionParams(**place))
        assert isinstance(offered, list | tuple)
        names = {item.label: item for item in offered}
        assert {"total", "period", "debtor", "round"} <= set(names)
        assert "say" not in names
        total = await client.completion_item_resolve_async(names["total"])
        assert total.detail == "total: money, a field of order"
        place = editor.at("clearing.rules", typed, "totl < 10.00\n    else    ")
        offered = await client.text_document_completion_async(lsp.CompletionParams(**place))
        assert isinstance(offered, list | tuple)
        assert {"warn", "hold", "reject"} <= {item.label for item in offered}

        place = editor.at("clearing.rules", typed, "check one_deb")
        hover = await client.text_document_hover_async(lsp.HoverParams(**place))
        assert hover is not None
        assert "passes only if" in str(hover.contents)
        sources = await client.text_document_references_async(
            lsp.ReferenceParams(lsp.ReferenceContext(include_declaration=True), **place)
        )
        assert {one.uri for one in sources or ()} == {
            editor.uri("clearing.rules"),
            editor.uri("orders_test.rules"),
        }
        there = editor.at("clearing.rules", typed, "check one_debtor on ord")
        found = await client.text_document_definition_async(lsp.DefinitionParams(**there))
        assert isinstance(found, list | tuple)
        declared = (STARTER / "shop.rules").read_text("utf-8").split("\n")
        assert [one.uri for one in found] == [editor.uri("shop.rules")]
        assert declared[found[0].range.start.line].startswith("record order")

        refused = ""
        try:
            await client.text_document_rename_async(lsp.RenameParams(new_name="sale", **there))
        except JsonRpcException as error:
            refused = str(error)
        assert "what netshop calls it" in refused
        edit = await client.text_document_rename_async(
            lsp.RenameParams(new_name="debtor_agrees", **place)
        )
        assert edit is not None
        assert set(edit.changes or {}) == {one.uri for one in sources or ()}
        for uri, changes in (edit.changes or {}).items():
            path = Path(uri.removeprefix("file://"))
            path.write_text(_changed(path.read_text("utf-8"), changes), "utf-8")
        product.run("test", str(editor.folder))
        assert "debtor_agrees" in (editor.folder / "orders_test.rules").read_text("utf-8")

        document = lsp.TextDocumentIdentifier(editor.uri("clearing.rules"))
        tidy = await client.text_document_formatting_async(
            lsp.DocumentFormattingParams(document, lsp.FormattingOptions(4, insert_spaces=True))
        )
        assert tidy
        (editor.folder / "clearing.rules").write_text(typed, "utf-8")
        product.run("fmt", str(editor.folder))
        assert _changed(typed, tidy) == (editor.folder / "clearing.rules").read_text("utf-8")
        assert editor.logged == []

    run(scene, product)


def _changed(text: str, changes: Any) -> str:
    lines = text.split("\n")
    for change in sorted(changes, key=lambda c: (c.range.start.line, c.range.start.character))[
        ::-1
    ]:
        start, end = change.range.start, change.range.end
        lines.append("") if end.line == len(lines) else None
        before = lines[start.line][: start.character]
        after = lines[end.line][end.character :] if end.line < len(lines) else ""
        lines[start.line : end.line + 1] = (before + change.new_text + after).split("\n")
    return "\n".join(lines)
