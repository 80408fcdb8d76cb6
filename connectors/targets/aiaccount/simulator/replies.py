"""The error envelope, as every refusal wears it.

Here: the shapes of answers. Not here: when they are given.
"""

from collections.abc import Mapping
from typing import Any

from connectors.kit.simulator import Reply

Fault = Mapping[str, Any]
"""One entry of `errors`: a line, its column, what is wrong there."""


def error(status: int, code: str, message: str, **more: Any) -> Reply:
    """An answer with the error envelope."""
    return Reply(status=status, content={"error": {"code": code, "message": message, **more}})


def forbidden(permission: str) -> Reply:
    """The answer to a key that lacks a permission."""
    message = f"The key lacks the permission {permission}"
    return error(403, "missing_permission", message, permission=permission)


def fault(line: int, column: str, code: str, value: object, message: str) -> dict[str, Any]:
    """One entry of `errors`."""
    return {
        "line": line,
        "column": column,
        "code": code,
        "value": "" if value is None else str(value),
        "message": message,
    }
