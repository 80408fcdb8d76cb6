"""List the lines that name an absolute path of one machine, such as a home directory.

Such a path works for one person only. Exit code 1 when there is a line.

    python tools/machine_paths.py
"""

import re
import subprocess
import sys
from pathlib import Path

MACHINE_PATH = re.compile(r"(?<![\w.:/<>{}~-])/(?:work|root|home/[\w.-]+|Users/[\w.-]+)(?:/|\b)")
NOT_OURS = ("static/vendor/",)


def main() -> int:
    """Print each line with such a path and return the exit code."""
    tracked = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True, text=True)
    places = []
    for name in tracked.stdout.split("\0"):
        path = Path(name)
        if not path.is_file() or name.startswith(NOT_OURS):
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        lines = enumerate(text.splitlines(), 1) if MACHINE_PATH.search(text) else ()
        places += [f"{name}:{at}: {line}" for at, line in lines if MACHINE_PATH.search(line)]
    for place in places:
        print(f"FAILED: {place[:200]}")
    return 1 if places else 0


if __name__ == "__main__":
    sys.exit(main())
