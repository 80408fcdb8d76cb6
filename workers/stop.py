"""The word to stop, which a signal may bring at any moment.

Here: telling it and waiting for it without a lock. Not here: who asks, and what then ends.
"""

import os
import select


class Stop:
    """Like `threading.Event`, whose lock the very code may hold that a signal interrupts: its
    handler would then wait for itself for ever.
    """

    def __init__(self) -> None:
        self._told = False
        self._reads, self._writes = os.pipe()
        os.set_blocking(self._writes, False)

    def set(self) -> None:
        """Stop, from now on."""
        if not self._told:
            self._told = True
            os.write(self._writes, b".")

    def is_set(self) -> bool:
        """Whether it was told."""
        return self._told

    def wait(self, seconds: float) -> bool:
        """Wait until it is told, but no longer than this; whether it was."""
        select.select([self._reads], [], [], seconds)
        return self._told
