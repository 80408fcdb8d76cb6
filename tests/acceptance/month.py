"""The sample month with every target, played once in a run of the tests and copied.

It takes twenty seconds of a processor, and a demo that finds its companies goes on with them.
Not here: what is true of it (test_demo.py), who works with it (test_clicks.py).
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from tests.acceptance.houses import alone
from tests.acceptance.product import Product, free_environment

WHOLE = int(os.environ.get("CLEARPOST_TARGETS", "0"))
ORDERS = WHOLE or 12
"""So many orders of the month go to every target; `make night` sends all that are plain."""


def copy_of_month(command: Path, home: Path) -> Any:
    """Leave the home of an ended demo there; the counts that it told at its end."""
    folder = command.parents[2] / "sample-month"
    told, kept = folder / "told.json", folder / "kept"
    with alone(folder):
        if not told.exists():
            shutil.rmtree(kept, ignore_errors=True)  # of one that failed
            played = Product(command, folder, free_environment())
            words = ("demo", "--once", "--json", "--keep", str(kept), "--targets", str(ORDERS))
            done = played.run(*words, forks=2, patience=300 + 3 * WHOLE)
            told.write_text(done.stdout, "utf-8")
        shutil.copytree(kept, home)
    return json.loads(told.read_text("utf-8"))
