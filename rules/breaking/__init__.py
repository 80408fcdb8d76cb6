"""Breaking a ruleset part by part, to see whether its tests notice.

Here: `coverage`, in `measure.py`; what counts as a part and how it is broken, in `parts.py`,
`tables.py`, `routes.py` and `values.py`. Not here: running one test (`rules/samples.py`), the
coverage of the usual exceptions (`rules/analyse/exceptions.py`).
"""

from rules.breaking.measure import Covered, coverage
from rules.breaking.part import Part
from rules.breaking.parts import parts

__all__ = ["Covered", "Part", "coverage", "parts"]
