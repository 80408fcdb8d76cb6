"""How much may come in at once, by whatever way: bytes, records, lines.

Here: the figures. Not here: counting what came (delivery_counts.py), what one workbook may grow to
(sheet_tables.py), what the portal takes in a form (portal/web/config.py).
"""

from typing import Final

MEGABYTE: Final = 1024 * 1024
DELIVERY_BYTES: Final = 20 * MEGABYTE
RECORDS: Final = 5_000  # of one delivery
LINES: Final = 5_000  # of one record
DELIVERY_LINES: Final = 100_000  # of all records of a delivery, as the rows of a workbook
ERRORS: Final = 10_000  # that are collected before a delivery is given up
