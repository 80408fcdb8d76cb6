"""Trace one order from webhook to posted: product modules, functions and call depth.

The script fills a temporary home with the tests' sample shop, starts the AiAccount stand-in, and
runs four phases under `sys.setprofile`: webhook, judge, judge a clean order, push. It needs the
test tools. Exit code 1 when a ceiling is exceeded.

    python tools/path_of_one_order.py --max-modules 85 --max-functions 855 --max-depth 30
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

TRACED_FOLDERS = ("grammar", "rules", "connectors", "holding", "portal", "workers")


class CallTrace:
    """Count calls of product functions, record each one's first call and the deepest stack."""

    def __init__(self, root: Path) -> None:
        self._prefix = f"{root}{os.sep}"
        self.calls: Counter[tuple[str, str]] = Counter()
        self.first_calls: list[tuple[str, int, tuple[str, str]]] = []
        self.max_depth = 0
        self._depth = 0
        self._phase = ""
        self._stack: list[str] = []
        self.deepest: list[str] = []

    def run(self, phase: str, function: Callable[[], Any]) -> Any:
        """Call the function under the profiler and print what this phase added."""
        before, calls_before = set(self.calls), sum(self.calls.values())
        self._phase, self._depth, phase_start = phase, 0, self.max_depth
        self.max_depth = 0
        self._stack.clear()
        sys.setprofile(self._on_event)
        try:
            result = function()
        finally:
            sys.setprofile(None)
        new = set(self.calls) - before
        modules = {path for path, _ in new} - {path for path, _ in before}
        calls = sum(self.calls.values()) - calls_before
        print(
            f"{phase:20} calls {calls:6} new functions {len(new):5} "
            f"new modules {len(modules):4} depth {self.max_depth:3}"
        )
        self.max_depth = max(self.max_depth, phase_start)
        return result

    def _on_event(self, frame: Any, event: str, _argument: Any) -> None:
        filename = frame.f_code.co_filename
        if not filename.startswith(self._prefix):
            return
        path = filename[len(self._prefix) :]
        if path.partition(os.sep)[0] not in TRACED_FOLDERS:
            return
        if event == "call":
            self._depth += 1
            key = (path, frame.f_code.co_qualname)
            self._stack.append(f"{path} {key[1]}")
            if self._depth > self.max_depth:
                self.max_depth = self._depth
                if self._depth > len(self.deepest):
                    self.deepest = list(self._stack)
            if key not in self.calls:
                self.first_calls.append((self._phase, self._depth, key))
            self.calls[key] += 1
        elif event == "return":
            self._depth -= 1
            del self._stack[self._depth :]


def trace_order(root: Path, home: Path) -> CallTrace:
    """Send one order through the product and return the trace."""
    os.environ.pop("DATABASE_URL", None)
    os.environ.pop("REDIS_URL", None)
    os.environ |= {
        "CLEARPOST_ENV": "test",
        "CLEARPOST_ALLOW_LOOPBACK": "1",
        "CLEARPOST_HOME": str(home),
    }
    from sample_order import sample_phases  # reads the environment

    trace = CallTrace(root)
    with sample_phases(home) as phases:
        for name, phase in phases:
            trace.run(name, phase)
    return trace


def main() -> int:
    """Print the counts and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--max-modules", type=int, help="highest allowed number of modules on the path"
    )
    parser.add_argument(
        "--max-functions", type=int, help="highest allowed number of functions on the path"
    )
    parser.add_argument("--max-depth", type=int, help="highest allowed depth of product calls")
    parser.add_argument(
        "--deepest", action="store_true", help="print the deepest stack of product calls"
    )
    parser.add_argument(
        "--out", type=Path, help="write phase, depth, module, function, calls as a TSV file"
    )
    options = parser.parse_args()
    root = Path.cwd().resolve()
    sys.path.insert(0, str(root))
    with tempfile.TemporaryDirectory() as home:
        trace = trace_order(root, Path(home))
    modules = {path for path, _ in trace.calls}
    named = [name for _, name in trace.calls if not name.endswith(">")]
    figures = {"modules": len(modules), "functions": len(named), "depth": trace.max_depth}
    calls = sum(trace.calls.values())
    print(f"one order: {figures}, with comprehensions {len(trace.calls)}, calls {calls}")
    if options.deepest:
        print("\n".join(f"{at:3} {frame}" for at, frame in enumerate(trace.deepest, 1)))
    if options.out:
        rows = [
            "\t".join(map(str, (phase, depth, path, name, trace.calls[path, name])))
            for phase, depth, (path, name) in trace.first_calls
        ]
        options.out.write_text("\n".join(rows) + "\n", encoding="utf-8")
    limits = {
        "modules": options.max_modules,
        "functions": options.max_functions,
        "depth": options.max_depth,
    }
    failed = [name for name, limit in limits.items() if limit is not None and figures[name] > limit]
    for name in failed:
        print(f"FAILED: {figures[name]} {name}, the ceiling is {limits[name]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
