"""The language server in this process: documents without a file, and faults of our own."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from portal.editor import language_server
from portal.editor.language_server import Answers, RuleSet

ROLE = 'role a "A"\n'


class Wire:
    """A server, and all that it wrote."""

    def __init__(self, root: Path) -> None:
        self.editor, self.written = language_server.build_server(), list[bytes]()
        self.editor.protocol.set_writer(self)
        self.editor.schedule_findings = self.editor.publish_findings  # no pause in tests
        folder = {"uri": root.as_uri(), "name": "rules"}
        self.ask("initialize", {"capabilities": {}, "workspaceFolders": [folder]})

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None: ...

    def tell(self, method: str, params: Any) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: Any) -> Any:
        self._send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return next(said for said in reversed(list(self.said())) if said.get("id") == 1)

    def _send(self, message: dict[str, Any]) -> None:
        protocol = self.editor.protocol
        protocol.handle_message(
            json.loads(json.dumps(message), object_hook=protocol.structure_message)
        )

    def said(self) -> Iterator[dict[str, Any]]:
        for data in self.written:
            yield json.loads(data.partition(b"\r\n\r\n")[2])

    def params(self, method: str) -> list[Any]:
        return [said["params"] for said in self.said() if said.get("method") == method]

    def open(self, uri: str, text: str) -> None:
        document = {"uri": uri, "languageId": "clearpost", "version": 1, "text": text}
        self.tell(lsp.TEXT_DOCUMENT_DID_OPEN, {"textDocument": document})


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    return Wire(tmp_path)


def at(uri: str) -> dict[str, Any]:
    return {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 6}}


def test_a_document_that_is_not_saved_is_a_rule_set_of_its_own(wire: Wire) -> None:
    wire.open("untitled:Untitled-1", f"{ROLE}roll b\n")
    (told,) = wire.params(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    assert told["uri"] == "untitled:Untitled-1"
    assert "SYN04" in {one["code"] for one in told["diagnostics"]}
    hover = wire.ask(lsp.TEXT_DOCUMENT_HOVER, at("untitled:Untitled-1"))
    assert "a team" in hover["result"]["contents"]["value"]


def test_a_document_is_called_as_the_client_calls_it(wire: Wire, tmp_path: Path) -> None:
    (tmp_path / "a+b.rules").write_text(ROLE, "utf-8")
    uri = f"{tmp_path.as_uri()}/a%2Bb.rules"
    wire.open(uri, ROLE)
    told = wire.params(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    assert [one["uri"] for one in told] == [uri]


def test_a_fault_is_logged_and_the_server_goes_on(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = (tmp_path / "a.rules").as_uri()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(RuleSet, "write", broken)
        wire.open(uri, ROLE)
        patch.setattr(Answers, "hover", broken)
        assert "error" in wire.ask(lsp.TEXT_DOCUMENT_HOVER, at(uri))
    logged = [one["message"] for one in wire.params(lsp.WINDOW_LOG_MESSAGE)]
    assert len(logged) == 2
    assert all(text.startswith("A fault of Clearpost itself") for text in logged)
    assert all("ZeroDivisionError" in text for text in logged)
    assert not wire.params(lsp.WINDOW_SHOW_MESSAGE)

    wire.open(uri, ROLE)
    assert "a team" in wire.ask(lsp.TEXT_DOCUMENT_HOVER, at(uri))["result"]["contents"]["value"]


def test_many_keys_make_one_look_and_a_fault_in_it_is_logged(wire: Wire, tmp_path: Path) -> None:
    rule_set, looked = RuleSet(tmp_path), list[RuleSet]()

    async def scene() -> str:
        heard = asyncio.get_running_loop().create_future()

        def tell(seen: RuleSet) -> None:
            looked.append(seen)
            raise ZeroDivisionError

        wire.editor.publish_findings = tell
        wire.editor.log = lambda _, text: heard.set_result(text)
        for _ in range(5):
            language_server.Editor.schedule_findings(wire.editor, rule_set)
        return await asyncio.wait_for(heard, 30)

    with ThreadPoolExecutor(1) as beside:  # a browser of other tests has a loop in this thread
        assert "ZeroDivisionError" in beside.submit(asyncio.run, scene()).result()
    assert looked == [rule_set]


def test_a_refusal_is_an_answer_and_no_fault(wire: Wire, tmp_path: Path) -> None:
    uri = (tmp_path / "a.rules").as_uri()
    wire.open(uri, ROLE)
    answer = wire.ask(lsp.TEXT_DOCUMENT_RENAME, {**at(uri), "newName": "Two words"})
    assert "is no name" in answer["error"]["message"]
    assert answer["error"]["code"] == lsp.LSPErrorCodes.RequestFailed.value
    wrong = wire.ask(
        lsp.TEXT_DOCUMENT_PREPARE_RENAME, {**at(uri), "position": {"line": 7, "character": 1}}
    )
    assert "no name here" in wrong["error"]["message"]
    assert not wire.params(lsp.WINDOW_LOG_MESSAGE)


def test_what_changes_on_the_disk_is_read_when_the_client_says_so(
    wire: Wire, tmp_path: Path
) -> None:
    uri = (tmp_path / "a.rules").as_uri()
    (tmp_path / "b.rules").write_text('role b "B"\n', "utf-8")
    wire.open(uri, ROLE)
    (tmp_path / "b.rules").write_text("roll b\n", "utf-8")
    wire.tell(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, {"changes": []})
    told = wire.params(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)[-2:]
    codes = {one["uri"]: {found["code"] for found in one["diagnostics"]} for one in told}
    assert codes[(tmp_path / "b.rules").as_uri()] == {"SYN04"}
    (tmp_path / "b.rules").unlink()
    wire.tell(lsp.TEXT_DOCUMENT_DID_SAVE, {"textDocument": {"uri": uri}})
    told = wire.params(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)[-2:]
    assert {one["uri"]: one["diagnostics"] for one in told}[(tmp_path / "b.rules").as_uri()] == []
