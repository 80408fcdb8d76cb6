"""Small words of sentences that people read.

Here: counting in words. Not here: any sentence.
"""


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 record`, `37 records`; `many` where an s is not enough: `2 entries`, `2 records are`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
