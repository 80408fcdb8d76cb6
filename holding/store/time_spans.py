"""The time between two moments of a row, in seconds, as both databases tell it.

Here: one function for a select. Not here: what is measured (holding/workload/latency.py).
"""

from typing import Any

from sqlalchemy import Float
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class seconds_between(FunctionElement[float]):  # noqa: N801 - it stands in a select as a function does
    """So long after the first moment the second one was, to the millisecond.

    Two moments of each of many rows take the program longer to read than one number.
    """

    type = Float()
    inherit_cache = True
    name = "seconds_between"


@compiles(seconds_between)
def _seconds_between(element: seconds_between, compiler: SQLCompiler, **options: Any) -> str:
    first, second = (compiler.process(one, **options) for one in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"round((julianday({second}) - julianday({first})) * 86400, 3)"
    return f"CAST(EXTRACT(EPOCH FROM ({second}) - ({first})) AS FLOAT)"
