"""The part of `clearpost bench` that types in a rule file of a thousand lines, and of a thousand
checks.

Here: a client that speaks to `clearpost lsp` as an editor does, the look that the portal has made
while one writes, and the time from a key to what is wrong. Not here: the server.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from holding.refusal import Refusal
from portal.bench import rule_bench

TEMPLATE = "orders-quickbooks"
KEYS = 40
WORD = "require"
PATIENCE = 60.0
"""Seconds of a processor that a look may take here."""


def measured() -> dict[str, Any]:
    """Milliseconds from a change of the file to its findings: the median and 95 of a hundred.

    The changes lie all over the file: a letter that breaks a rule, a line more, and as it was. The
    second file has a thousand checks that ask some records only.
    """
    from portal.rule_tools.explain_commands import TEMPLATES

    folder = TEMPLATES / TEMPLATE
    text = "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.rules")))
    found = _typed("editor_change", text, folder / "maps")
    guarded = rule_bench.repeated(rule_bench.SHAPES["guarded"], rule_bench.RULES)
    found |= _typed("editor_guarded_1000", guarded, None)
    found |= _checked("portal_guarded_1000", guarded)
    return found | {"editor_lines": text.count("\n")}


def _typed(figure: str, text: str, maps: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="clearpost-editor-") as place:
        file = Path(place) / "all.rules"
        file.write_text(text, "utf-8")
        if maps is not None:
            shutil.copytree(maps, file.parent / "maps")
        with _Server(file) as server:
            server.told(text)
            spent = sorted(_seconds(server, changed) for changed in _changes(text))
    return _told(figure, spent)


def _checked(figure: str, text: str) -> dict[str, Any]:
    """The same of the portal: a look without tests, in its process with limits."""
    from holding.rulesets.check_processes import RuleChecks

    checks, spent = RuleChecks(PATIENCE), []
    try:
        for number, changed in enumerate([text, *_changes(text)]):
            started = perf_counter()
            files = {"all.rules": f"{changed}\n# {number}\n"}  # no look was told before
            if isinstance(checks.report(files, tests=False, whose="bench"), Refusal):
                message = "the look was stopped"
                raise RuntimeError(message)
            spent.append(perf_counter() - started)
    finally:
        checks.end()
    return _told(figure, sorted(spent[1:]))


def _told(figure: str, spent: list[float]) -> dict[str, Any]:
    return {
        f"{figure}_median_ms": round(spent[len(spent) // 2] * 1000, 1),
        f"{figure}_p95_ms": round(spent[len(spent) * 95 // 100] * 1000, 1),
    }


def _changes(text: str) -> list[str]:
    found = []
    at = 0
    for number in range(KEYS):
        at = text.find(WORD, at + len(text) // KEYS) if number else 0
        at = max(at, 0)
        end = at + len(WORD) if number % 2 else text.find("\n", at)
        found += [f"{text[:end]}{'s' if number % 2 else chr(10)}{text[end:]}", text]
    return found


def _seconds(server: "_Server", text: str) -> float:
    started = perf_counter()
    server.told(text)
    return perf_counter() - started


class _Server:
    """A language server with one file open."""

    def __init__(self, file: Path) -> None:
        self.uri, self.folder = file.as_uri(), file.parent.as_uri()
        self.version = 0

    def __enter__(self) -> "_Server":
        command = [sys.executable, "-c", "from portal.cli import main; main()", "lsp"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        root: dict[str, Any] = {"processId": None, "capabilities": {}, "rootUri": self.folder}
        self._send("initialize", root, request=1)
        self._send("initialized", {})
        return self

    def __exit__(self, *_: object) -> None:
        self._send("shutdown", None, request=2)
        self._send("exit", None)
        self._pipe(self.process.stdin).close()
        self.process.wait()
        self._pipe(self.process.stdout).close()

    def told(self, text: str) -> list[Any]:
        """What is wrong with the file once it holds a text."""
        self.version += 1
        document = {"uri": self.uri, "version": self.version}
        if self.version == 1:
            opened = document | {"languageId": "clearpost", "text": text}
            self._send("textDocument/didOpen", {"textDocument": opened})
        else:
            change = {"textDocument": document, "contentChanges": [{"text": text}]}
            self._send("textDocument/didChange", change)
        while True:
            params = self._read().get("params", {})
            if params.get("version") == self.version:
                found: list[Any] = params["diagnostics"]
                return found

    def _send(self, method: str, params: Any, *, request: int = 0) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        body = json.dumps(message | ({"id": request} if request else {})).encode()
        pipe = self._pipe(self.process.stdin)
        pipe.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        pipe.flush()

    def _read(self) -> dict[str, Any]:
        pipe, length = self._pipe(self.process.stdout), 0
        while line := pipe.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        if not length:
            message = "the language server ended"
            raise RuntimeError(message)
        found: dict[str, Any] = json.loads(pipe.read(length))
        return found

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None  # noqa: S101 - it was asked for
        return pipe
