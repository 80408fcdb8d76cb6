"""The schemas of every connector, as the checks of rule files need them.

It is a module of its own because commands on rule files must load no database library.
"""

from connectors import registry
from rules.types.symbol_table import Schemas


def schemas() -> Schemas:
    """Return all document types and record kinds that the connectors know."""
    documents, kinds = registry.schemas()
    return Schemas(documents=documents, kinds=kinds)
