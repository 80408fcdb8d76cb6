"""Measure how fast orders come in: large and small calls, a workbook, and the rule editor."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import IO, TYPE_CHECKING, Any, TypeVar

from bench import rule_bench, shop_bench
from bench.shop_bench import orders, receive
from holding.db.refusal import Refusal
from portal.terminal.command_frame import granted, print_note

if TYPE_CHECKING:
    from sandbox.demo.command import Shop
    from sandbox.demo.shop import Order

Call = TypeVar("Call")

CALLS, A_CALL = 20, 200

ALONE = 200
"""So many calls of one order, at most: fewer where the workers were done before."""

WAITING = 10_000
"""Orders that the workers have to check while those calls are made."""

PACE, PACED = 50, 500
"""Calls a second, whether those before were answered or not, and how many of them."""

QUICK = 0.3
"""Seconds within which 95 of 100 of them should be answered."""

LINES = 32
"""Calls of these that can be under way at once."""

FIRST_ROW = 14_000_001

HEADS = ("Order ID", "Order No", "Status", "Date", "Customer code", "Customer name", "Total",
         "Currency", "Subtotal", "Tax amount", "Rounding", "Paid at", "Created by", "Channel",
         "Version", "Line", "Item code", "Description", "Unit", "Qty", "Unit price",
         "Tax code")  # fmt: skip

TEMPLATE = "orders-quickbooks"

KEYS = 40

WORD = "require"

PATIENCE = 60.0
"""Seconds of a processor that a look may take here."""


def measure_intake(rows: int) -> dict[str, object]:
    """The figures; `rows` are those of the workbook, an order each."""
    with shop_bench.bench_shop("") as shop:
        shop_bench.pause(shop)
        print_note(f"{CALLS} calls of {A_CALL} orders …")
        many = _call_seconds(shop, _calls(shop, CALLS, A_CALL, 11_000_001))
        shop_bench.judged(shop)
        print_note(f"Calls of one order while {WAITING:,} others are checked …")
        receive(shop, orders(shop, WAITING, 12_000_001))
        alone = _while_busy(shop, _calls(shop, ALONE, 1, 13_000_001))
        shop_bench.judged(shop)
        print_note(f"{PACE} calls a second while {WAITING:,} others are checked …")
        receive(shop, orders(shop, WAITING, 15_000_001))
        paced = paced_while_busy(shop, _calls(shop, PACED, 1, 16_000_001))
        shop_bench.judged(shop)
        print_note(f"A workbook of {rows:,} rows …")
        checked, stored, peak = _uploaded(shop, workbook(_yesterday(shop), rows))
    return {
        "intake_200_orders_median_ms": round(1000 * shop_bench.percentile(many, 50)),
        "intake_200_orders_p95_ms": round(1000 * shop_bench.percentile(many, 95)),
        "intake_busy_webhook_median_ms": round(1000 * shop_bench.percentile(alone, 50), 1),
        "intake_busy_webhook_p95_ms": round(1000 * shop_bench.percentile(alone, 95), 1),
        "intake_busy_webhooks": len(alone),
        **figures_of(paced),
        "intake_workbook_check_seconds": round(checked, 1),
        "intake_workbook_seconds": round(checked + stored, 1),
        "intake_workbook_peak_mb": peak,
        "intake_workbook_rows": rows,
    }


def _call_seconds(shop: "Shop", calls: "Iterator[tuple[Order, ...]]") -> list[float]:
    """How long each call took until it was answered."""
    from sandbox.demo.generator import Delivery

    hook, found = shop.hook(), []
    for some in calls:
        given = [Delivery(f"evt_{some[0].id}", "order.paid", some)]
        started = time.perf_counter()
        hook.send(given, shop.place.now)
        found.append(time.perf_counter() - started)
    return found


def _calls(shop: "Shop", calls: int, each: int, first: int) -> "Iterator[tuple[Order, ...]]":
    drawn = orders(shop, calls * each, first)
    return (drawn[at : at + each] for at in range(0, len(drawn), each))


def _while_busy(shop: "Shop", calls: "Iterator[tuple[Order, ...]]") -> list[float]:
    """The same of the calls that were answered before the workers were done."""
    from holding.platform import processes

    for _ in range(shop_bench.WORKERS):
        processes.ring(shop.company_id, "evaluate")
    found: list[float] = []
    for some in calls:
        taken = _call_seconds(shop, iter([some]))
        if not shop_bench.busy(shop):
            break
        found += taken
    if not found:
        raise RuntimeError("the workers were done before the first call")
    return found


def _uploaded(shop: "Shop", raw: bytes) -> tuple[float, float, int | None]:
    """Seconds until it is checked, and from then until all is stored; the most MB of a process."""
    from holding.db.models.columns import UploadState
    from holding.platform import processes
    from holding.uploads import submit
    from sandbox.demo import setup

    peak = _Peak()
    started = time.perf_counter()
    with shop.place.database.write() as session:
        person = setup.colleague(session, shop.company_id, "finance")
        given = (session, person, shop.company_id, setup.SOURCE, "orders.xlsx", raw)
        upload_id = granted(submit.begin(*given, shop.place.now)).upload_id
    processes.ring(shop.company_id, "upload")
    _until(shop, upload_id, UploadState.CHECKED, peak)
    checked = time.perf_counter()
    with shop.place.database.write() as session:
        person = setup.colleague(session, shop.company_id, "finance")
        mine = (session, person, shop.company_id, upload_id)
        granted(submit.confirm(*mine, with_unknown=False, now=shop.place.now))
    processes.ring(shop.company_id, "upload")
    _until(shop, upload_id, UploadState.DONE, peak)
    return checked - started, time.perf_counter() - checked, peak.megabytes


class _Peak:
    """The most memory that any process of this one's has taken, as far as Linux tells."""

    def __init__(self) -> None:
        self.megabytes: int | None = None

    def look(self) -> None:
        """Look at all of them: those that read a workbook are gone soon."""
        for pid in descendants(os.getpid()):
            kilobytes = _read_process_figure(Path(f"/proc/{pid}/status"), "VmHWM:")
            if kilobytes is not None:
                self.megabytes = max(self.megabytes or 0, round(kilobytes / 1024))


def _read_process_figure(path: Path, name: str) -> int | None:
    """A number of a process; None of one that has ended."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), None)


def _until(shop: "Shop", upload_id: int, wanted: str, peak: "_Peak") -> None:
    from holding.db.models import Upload
    from holding.db.models.columns import UploadState

    def there() -> bool:
        peak.look()
        with shop.place.database.read() as session:
            state = session.query(Upload.state).filter_by(id=upload_id).scalar()
        if state == UploadState.FAILED:
            raise RuntimeError("the workbook could not be read")
        return bool(state == wanted)

    shop_bench.until(there, "workbook", shop_bench.GLANCE_SECONDS)


def _yesterday(shop: "Shop") -> str:
    from datetime import timedelta

    from sandbox.demo.generator import MALAYSIA

    return str(shop.place.now.astimezone(MALAYSIA).date() - timedelta(days=1))


def paced_while_busy(shop: "Shop", calls: "Iterator[tuple[Order, ...]]") -> list[float]:
    """Seconds from when each call was due until it was answered, of calls at a pace: who waits for
    an answer does not send the next one later. Those answered after the workers were done are not
    counted.
    """
    from holding.platform import processes
    from sandbox.demo.generator import Delivery

    hook = shop.hook()
    due = [Delivery(f"evt_{some[0].id}", "order.paid", some) for some in calls]
    for _ in range(shop_bench.WORKERS):
        processes.ring(shop.company_id, "evaluate")
    answered: list[tuple[float, float]] = []

    def send(one: Delivery, at: float) -> None:
        hook.send([one], shop.place.now)
        ended = time.perf_counter()
        answered.append((ended, ended - at))

    worked = at_a_pace(due, send, lambda: shop_bench.busy(shop))
    found = [spent for ended, spent in answered if ended <= worked]
    if not found:
        raise RuntimeError("the workers were done before the first answer")
    return found


def at_a_pace(
    calls: Sequence[Call], send: Callable[[Call, float], None], busy: Callable[[], bool]
) -> float:
    """Send `PACE` of them a second, each with the moment at which it was due, until the workers are
    not busy any more; the last moment at which they were seen to be. Raises what `send` raises.
    """
    began, worked = time.perf_counter(), 0.0
    with ThreadPoolExecutor(LINES) as lines:
        begun = []
        for number, one in enumerate(calls):
            at = began + number / PACE
            time.sleep(max(0.0, at - time.perf_counter()))
            begun.append(lines.submit(send, one, at))
            if number % PACE == 0:
                seen = time.perf_counter()
                if not busy():
                    break
                worked = seen
        for each in begun:
            each.result()
    seen = time.perf_counter()
    return seen if worked and busy() else worked


def figures_of(seconds: Sequence[float]) -> dict[str, object]:
    """What the paced calls came to."""
    quick = sum(one <= QUICK for one in seconds) / len(seconds)
    return {
        "intake_paced_webhook_median_ms": round(1000 * shop_bench.percentile(seconds, 50), 1),
        "intake_paced_webhook_p95_ms": round(1000 * shop_bench.percentile(seconds, 95), 1),
        "intake_paced_webhooks_within_300_ms": round(quick, 3),
        "intake_paced_webhooks": len(seconds),
        "intake_paced_webhooks_per_second": PACE,
    }


def workbook(day: str, rows: int) -> bytes:
    """One sheet with a row for each order of this day, which has one item."""
    from connectors.kit.workbook import write

    money = ("11.00", "MYR", "10.00", "1.00", "0.00", f"{day} 10:00", "Mei Ling", "FPX", 1)
    item = (1, "CUP-GLASS-20", "Glass", "PCS", 2, "5.00", "SST")
    numbers = range(FIRST_ROW, FIRST_ROW + rows)
    told = [(n, f"NS-{n}", "paid", day, "C-101", f"Buyer {n}", *money, *item) for n in numbers]
    return write("Orders", [HEADS, *told])


def descendants(of: int) -> list[int]:
    """The processes that one has started, and those that they have; empty but on Linux."""
    parents = {
        int(path.parent.name): _read_process_figure(path, "PPid:")
        for path in Path("/proc").glob("[0-9]*/status")
    }
    found, new = list[int](), [of]
    while new:
        new = [pid for pid, parent in parents.items() if parent in new]
        found += new
    return found


def measure_editor() -> dict[str, Any]:
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
            spent = sorted(_answer_seconds(server, changed) for changed in _changes(text))
    return _summarize_times(figure, spent)


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


def _answer_seconds(server: "_Server", text: str) -> float:
    started = perf_counter()
    server.told(text)
    return perf_counter() - started


def _changes(text: str) -> list[str]:
    found = []
    at = 0
    for number in range(KEYS):
        at = text.find(WORD, at + len(text) // KEYS) if number else 0
        at = max(at, 0)
        end = at + len(WORD) if number % 2 else text.find("\n", at)
        found += [f"{text[:end]}{'s' if number % 2 else chr(10)}{text[end:]}", text]
    return found


def _summarize_times(figure: str, spent: list[float]) -> dict[str, Any]:
    return {
        f"{figure}_median_ms": round(spent[len(spent) // 2] * 1000, 1),
        f"{figure}_p95_ms": round(spent[len(spent) * 95 // 100] * 1000, 1),
    }


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
    return _summarize_times(figure, sorted(spent[1:]))
