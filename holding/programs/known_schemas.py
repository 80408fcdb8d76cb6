"""What rules may know of the outside: documents of the targets, record kinds of the sources.

Here: schemas, for whoever checks, compiles or explains rules. Not here: any schema itself
(connectors). They are gathered each time, in well below a millisecond: what was kept for a process
would hide a connector from who asks after it came.
"""

from connectors import registry
from rules.types.outside_schemas import Schemas


def schemas() -> Schemas:
    """All document types and record kinds that the connectors know."""
    documents, kinds = registry.schemas()
    return Schemas(documents=documents, kinds=kinds)
