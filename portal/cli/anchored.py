"""The heads of a company's chain that were noted, for commands that look at the trail.

Here: reading the file, or telling why it cannot be read. Not here: writing it (holding/anchors.py).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from portal.cli.frame import ENVIRONMENT, FINDINGS, Stop

if TYPE_CHECKING:
    from holding.chain import Head


def noted_heads(file: Path, company: str) -> "tuple[Head, ...]":
    """All that were noted of a company; a line that is no anchor is itself a finding."""
    from holding.anchors import Anchors

    try:
        return Anchors(file).of(company)
    except OSError as problem:
        raise Stop(f"{file} cannot be read: {problem.strerror}.", code=ENVIRONMENT) from problem
    except ValueError as problem:
        told = "Somebody changed it, or a disk did: compare it with a copy that was kept elsewhere."
        raise Stop(f"The noted heads are damaged: {problem}.", told, FINDINGS) from problem
