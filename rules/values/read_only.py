"""Values that nobody changes once they are made, of which each record makes several.

Here: read_only, which is `dataclass` to whoever checks types. A frozen dataclass writes each field
through a call, which takes three to six times as long to make; so that nobody assigns a field of
these is held by mypy alone. Not here: all other values, which are frozen as usual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if not TYPE_CHECKING:
    from dataclasses import dataclass

    def read_only(*, frozen: bool, slots: bool, kw_only: bool = False):
        """A dataclass with slots that compares and hashes as a frozen one does."""
        if not frozen:
            raise TypeError("what may change is an ordinary dataclass")
        return dataclass(slots=slots, kw_only=kw_only, unsafe_hash=True)

else:
    from dataclasses import dataclass as read_only


__all__ = ["read_only"]
