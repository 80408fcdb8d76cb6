"""The language server: what an editor asks about rule files while somebody types.

Here: `serve`. Not here: the answers about the language itself (grammar, rules), reading files.
"""

from portal.editor.server import serve

__all__ = ["serve"]
