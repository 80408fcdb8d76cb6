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
"""Most calls with one order; fewer if the workers finish earlier."""

WAITING = 10_000
"""Orders that the workers have to check while those calls are made."""

PACE, PACED = 50, 500
"""Calls a second, whether or not earlier calls were answered, and the number of calls."""

QUICK = 0.3
"""Seconds within which 95 % of these calls should be answered."""

LINES = 32
"""Concurrent calls at most."""

FIRST_ROW = 14_000_001

HEADS = ("Order ID", "Order No", "Status", "Date", "Customer code", "Customer name", "Total",
         "Currency", "Subtotal", "Tax amount", "Rounding", "Paid at", "Created by", "Channel",
         "Version", "Line", "Item code", "Description", "Unit", "Qty", "Unit price",
         "Tax code")  # fmt: skip

TEMPLATE = "orders-quickbooks"

KEYS = 40

WORD = "require"

PATIENCE = 60.0
"""Processor seconds that one check may take here."""


def measure_intake(rows: int) -> dict[str, object]:
    """Return the intake figures; `rows` is the number of rows of the workbook, one order each."""
    with shop_bench.bench_shop("") as shop:
        shop_bench.pause(shop)
        print_note(f"{CALLS} calls of {A_CALL} orders …")
        batch_seconds = _call_seconds(shop, _calls(shop, CALLS, A_CALL, 11_000_001))
        shop_bench.judge_all(shop)
        print_note(f"Calls of one order while {WAITING:,} others are checked …")
        receive(shop, orders(shop, WAITING, 12_000_001))
        busy_seconds = _while_busy(shop, _calls(shop, ALONE, 1, 13_000_001))
        shop_bench.judge_all(shop)
        print_note(f"{PACE} calls a second while {WAITING:,} others are checked …")
        receive(shop, orders(shop, WAITING, 15_000_001))
        paced = paced_while_busy(shop, _calls(shop, PACED, 1, 16_000_001))
        shop_bench.judge_all(shop)
        print_note(f"A workbook of {rows:,} rows …")
        checked, stored, peak = _upload_workbook(shop, workbook(_yesterday(shop), rows))
    return {
        "intake_200_orders_median_ms": round(1000 * shop_bench.percentile(batch_seconds, 50)),
        "intake_200_orders_p95_ms": round(1000 * shop_bench.percentile(batch_seconds, 95)),
        "intake_busy_webhook_median_ms": round(1000 * shop_bench.percentile(busy_seconds, 50), 1),
        "intake_busy_webhook_p95_ms": round(1000 * shop_bench.percentile(busy_seconds, 95), 1),
        "intake_busy_webhooks": len(busy_seconds),
        **figures_of(paced),
        "intake_workbook_check_seconds": round(checked, 1),
        "intake_workbook_seconds": round(checked + stored, 1),
        "intake_workbook_peak_mb": peak,
        "intake_workbook_rows": rows,
    }


def _call_seconds(shop: "Shop", calls: "Iterator[tuple[Order, ...]]") -> list[float]:
    """Return how long each call took until it was answered."""
    from sandbox.demo.generator import Delivery

    hook, seconds = shop.hook(), []
    for call_orders in calls:
        deliveries = [Delivery(f"evt_{call_orders[0].id}", "order.paid", call_orders)]
        started = time.perf_counter()
        hook.send(deliveries, shop.place.now)
        seconds.append(time.perf_counter() - started)
    return seconds


def _calls(shop: "Shop", calls: int, per_call: int, first: int) -> "Iterator[tuple[Order, ...]]":
    call_orders = orders(shop, calls * per_call, first)
    return (call_orders[start : start + per_call] for start in range(0, len(call_orders), per_call))


def _while_busy(shop: "Shop", calls: "Iterator[tuple[Order, ...]]") -> list[float]:
    """Return the seconds of the calls that were answered before the workers were done."""
    from holding.platform import processes

    for _ in range(shop_bench.WORKERS):
        processes.ring(shop.company_id, "evaluate")
    seconds: list[float] = []
    for call_orders in calls:
        call_seconds = _call_seconds(shop, iter([call_orders]))
        if not shop_bench.busy(shop):
            break
        seconds += call_seconds
    if not seconds:
        raise RuntimeError("the workers were done before the first call")
    return seconds


def _upload_workbook(shop: "Shop", raw: bytes) -> tuple[float, float, int | None]:
    """Return the seconds until it is checked, the seconds from then until it is stored, and the
    peak MB.
    """
    from holding.db.models.columns import UploadState
    from holding.platform import processes
    from holding.uploads import submit
    from sandbox.demo import setup

    peak = _Peak()
    started = time.perf_counter()
    with shop.place.database.write() as session:
        person = setup.find_colleague(session, shop.company_id, "finance")
        begin_arguments = (session, person, shop.company_id, setup.SOURCE, "orders.xlsx", raw)
        upload_id = granted(submit.begin(*begin_arguments, shop.place.now)).upload_id
    processes.ring(shop.company_id, "upload")
    _wait_for_state(shop, upload_id, UploadState.CHECKED, peak)
    checked = time.perf_counter()
    with shop.place.database.write() as session:
        person = setup.find_colleague(session, shop.company_id, "finance")
        confirm_arguments = (session, person, shop.company_id, upload_id)
        granted(submit.confirm(*confirm_arguments, with_unknown=False, now=shop.place.now))
    processes.ring(shop.company_id, "upload")
    _wait_for_state(shop, upload_id, UploadState.DONE, peak)
    return checked - started, time.perf_counter() - checked, peak.megabytes


class _Peak:
    """The most memory that any child process has used, as far as Linux reports it."""

    def __init__(self) -> None:
        self.megabytes: int | None = None

    def look(self) -> None:
        """Read the memory of all children now: processes that read a workbook end soon."""
        for pid in descendants(os.getpid()):
            kilobytes = _read_process_figure(Path(f"/proc/{pid}/status"), "VmHWM:")
            if kilobytes is not None:
                self.megabytes = max(self.megabytes or 0, round(kilobytes / 1024))


def _read_process_figure(path: Path, name: str) -> int | None:
    """Return a number of a process, or None if it has ended."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), None)


def _wait_for_state(shop: "Shop", upload_id: int, expected_state: str, peak: "_Peak") -> None:
    from holding.db.models import Upload
    from holding.db.models.columns import UploadState

    def has_state() -> bool:
        peak.look()
        with shop.place.database.read() as session:
            state = session.query(Upload.state).filter_by(id=upload_id).scalar()
        if state == UploadState.FAILED:
            raise RuntimeError("the workbook could not be read")
        return bool(state == expected_state)

    shop_bench.until(has_state, "workbook", shop_bench.GLANCE_SECONDS)


def _yesterday(shop: "Shop") -> str:
    from datetime import timedelta

    from sandbox.demo.generator import MALAYSIA

    return str(shop.place.now.astimezone(MALAYSIA).date() - timedelta(days=1))


def paced_while_busy(shop: "Shop", calls: "Iterator[tuple[Order, ...]]") -> list[float]:
    """Return seconds from each call's due time until its answer, at a fixed pace.

    A slow answer does not delay the next call, so waiting time counts. Answers after the workers
    were done are not counted.
    """
    from holding.platform import processes
    from sandbox.demo.generator import Delivery

    hook = shop.hook()
    due = [Delivery(f"evt_{some[0].id}", "order.paid", some) for some in calls]
    for _ in range(shop_bench.WORKERS):
        processes.ring(shop.company_id, "evaluate")
    answered: list[tuple[float, float]] = []

    def send(delivery: Delivery, due_at: float) -> None:
        hook.send([delivery], shop.place.now)
        ended = time.perf_counter()
        answered.append((ended, ended - due_at))

    worked = at_a_pace(due, send, lambda: shop_bench.busy(shop))
    seconds = [spent for ended, spent in answered if ended <= worked]
    if not seconds:
        raise RuntimeError("the workers were done before the first answer")
    return seconds


def at_a_pace(
    calls: Sequence[Call], send: Callable[[Call, float], None], busy: Callable[[], bool]
) -> float:
    """Send `PACE` calls a second, each with its due time, until the workers are idle.

    Return the last moment at which they were seen busy. Raise what `send` raises.
    """
    began, last_busy = time.perf_counter(), 0.0
    with ThreadPoolExecutor(LINES) as pool:
        futures = []
        for number, call in enumerate(calls):
            due_at = began + number / PACE
            time.sleep(max(0.0, due_at - time.perf_counter()))
            futures.append(pool.submit(send, call, due_at))
            if number % PACE == 0:
                looked_at = time.perf_counter()
                if not busy():
                    break
                last_busy = looked_at
        for future in futures:
            future.result()
    looked_at = time.perf_counter()
    return looked_at if last_busy and busy() else last_busy


def figures_of(seconds: Sequence[float]) -> dict[str, object]:
    """Return the figures of the paced calls."""
    quick_share = sum(spent <= QUICK for spent in seconds) / len(seconds)
    return {
        "intake_paced_webhook_median_ms": round(1000 * shop_bench.percentile(seconds, 50), 1),
        "intake_paced_webhook_p95_ms": round(1000 * shop_bench.percentile(seconds, 95), 1),
        "intake_paced_webhooks_within_300_ms": round(quick_share, 3),
        "intake_paced_webhooks": len(seconds),
        "intake_paced_webhooks_per_second": PACE,
    }


def workbook(day: str, rows: int) -> bytes:
    """Return a workbook with one sheet and one row for each order of this day, with one item
    each.
    """
    from connectors.kit.workbook import write

    money = ("11.00", "MYR", "10.00", "1.00", "0.00", f"{day} 10:00", "Mei Ling", "FPX", 1)
    item = (1, "CUP-GLASS-20", "Glass", "PCS", 2, "5.00", "SST")
    numbers = range(FIRST_ROW, FIRST_ROW + rows)
    order_rows = [
        (n, f"NS-{n}", "paid", day, "C-101", f"Buyer {n}", *money, *item) for n in numbers
    ]
    return write("Orders", [HEADS, *order_rows])


def descendants(root: int) -> list[int]:
    """Return the process ids of all descendants of a process; empty except on Linux."""
    parents = {
        int(path.parent.name): _read_process_figure(path, "PPid:")
        for path in Path("/proc").glob("[0-9]*/status")
    }
    pids, generation = list[int](), [root]
    while generation:
        generation = [pid for pid, parent in parents.items() if parent in generation]
        pids += generation
    return pids


def measure_editor() -> dict[str, Any]:
    """Return the milliseconds from a change of a rule file to its findings: median and p95.

    The changes are spread over the file: a letter that breaks a rule, an added line, and the
    original. The second file has a thousand checks that apply to some records only.
    """
    from portal.rule_tools.explain_commands import TEMPLATES

    folder = TEMPLATES / TEMPLATE
    text = "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.rules")))
    figures = _time_editor("editor_change", text, folder / "maps")
    guarded = rule_bench.repeat_checks(rule_bench.SHAPES["guarded"], rule_bench.RULES)
    figures |= _time_editor("editor_guarded_1000", guarded, None)
    figures |= _time_portal_checks("portal_guarded_1000", guarded)
    return figures | {"editor_lines": text.count("\n")}


def _time_editor(figure: str, text: str, maps: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="clearpost-editor-") as place:
        file = Path(place) / "all.rules"
        file.write_text(text, "utf-8")
        if maps is not None:
            shutil.copytree(maps, file.parent / "maps")
        with _Server(file) as server:
            server.change_file(text)
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

    def change_file(self, text: str) -> list[Any]:
        """Send a text as the file's content and return the findings of the server."""
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
                findings: list[Any] = params["diagnostics"]
                return findings

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
        decoded: dict[str, Any] = json.loads(pipe.read(length))
        return decoded

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None  # noqa: S101 - both pipes were requested
        return pipe


def _answer_seconds(server: "_Server", text: str) -> float:
    started = perf_counter()
    server.change_file(text)
    return perf_counter() - started


def _changes(text: str) -> list[str]:
    changed_texts = []
    position = 0
    for number in range(KEYS):
        position = text.find(WORD, position + len(text) // KEYS) if number else 0
        position = max(position, 0)
        end = position + len(WORD) if number % 2 else text.find("\n", position)
        changed_texts += [f"{text[:end]}{'s' if number % 2 else chr(10)}{text[end:]}", text]
    return changed_texts


def _summarize_times(figure: str, spent: list[float]) -> dict[str, Any]:
    return {
        f"{figure}_median_ms": round(spent[len(spent) // 2] * 1000, 1),
        f"{figure}_p95_ms": round(spent[len(spent) * 95 // 100] * 1000, 1),
    }


def _time_portal_checks(figure: str, text: str) -> dict[str, Any]:
    """Return the figures of the portal's check without tests, in its process with limits."""
    from holding.rulesets.check_processes import RuleChecks

    checks, spent = RuleChecks(PATIENCE), []
    try:
        for number, changed in enumerate([text, *_changes(text)]):
            started = perf_counter()
            files = {"all.rules": f"{changed}\n# {number}\n"}  # a changed text is never cached
            if isinstance(checks.report(files, tests=False, draft_key="bench"), Refusal):
                message = "the check was stopped"
                raise RuntimeError(message)
            spent.append(perf_counter() - started)
    finally:
        checks.end()
    return _summarize_times(figure, sorted(spent[1:]))
