"""When Python looks for objects that hold each other.

Here: not while a batch is worked on. Not here: what a batch is (evaluation, uploads).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_search_for_cycles() -> Iterator[None]:
    """What a batch makes stays until it is stored: looking through it for cycles finds none, and
    was a third of the work. Whoever asks for this makes the batch in a call of its own, so that it
    is gone when looking goes on: else all of it is looked through then.
    """
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()
