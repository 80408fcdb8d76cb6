"""The error envelope, as every refusal wears it.

Here: two shapes of answers. Not here: when they are given.
"""

from typing import Any

from connectors.kit.simulator import Reply


def error(status: int, code: str, message: str, **more: Any) -> Reply:
    """An answer with the error envelope."""
    return Reply(status=status, content={"error": {"code": code, "message": message, **more}})


def forbidden(permission: str) -> Reply:
    """The answer to a key that lacks a permission."""
    message = f"The key lacks the permission {permission}"
    return error(403, "missing_permission", message, permission=permission)
