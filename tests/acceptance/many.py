"""Many runs of the installed command in one process, for tests that need dozens of them.

Here: the command is entered as its own script enters it, once for each list of words, so that only
the start of Python (warm.py) is saved. Nothing of the six packages is imported.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.acceptance import warm
from tests.acceptance.product import Product

_LOOP = """
import contextlib, io, json, sys
for line in sys.stdin.read().splitlines():
    words, said = json.loads(line)
    sys.argv, sys.stdin = ["clearpost", *words], io.StringIO(said)
    out, err, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


@dataclass(frozen=True)
class Ran:
    """How one run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The object that it printed."""
        return json.loads(self.out)


def run_all(
    product: Product, commands: Iterable[Sequence[str]], said: Mapping[int, str] | None = None
) -> list[Ran]:
    """Each command in turn; a traceback in any of them fails the test.

    `said` is what some of them read from standard input, by their place.
    """
    typed = said or {}
    wanted = [[list(map(str, words)), typed.get(at, "")] for at, words in enumerate(commands)]
    done = warm.run(
        product.command,
        (),
        cwd=product.folder,
        env=product.environment(),
        said="".join(f"{json.dumps(one)}\n" for one in wanted),
        code=_LOOP,
    )
    found = [Ran(*json.loads(line)) for line in done.stdout.splitlines()]
    assert len(found) == len(wanted), done.stderr
    for words, ran in zip(wanted, found, strict=True):
        assert "Traceback" not in ran.out + ran.err, (words, ran)
    return found
