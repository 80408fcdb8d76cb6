"""The schemas of every connector, as the checks of rule files need them.

This module stands alone so that commands on rule files load no database library.
"""

from connectors import registry
from rules.types.symbol_table import Schemas


def schemas() -> Schemas:
    """Return all document types and record kinds that the connectors know."""
    documents, kinds = registry.schemas()
    return Schemas(documents=documents, kinds=kinds)
