"""Define the limits of one delivery in bytes, records and lines.

This is a separate module because workbook.py needs it. The simulators use workbook.py, and they
must not import the connector contract, which delivery.py needs.
"""

from typing import Final

MEGABYTE: Final = 1024 * 1024

DELIVERY_BYTES: Final = 20 * MEGABYTE

RECORDS: Final = 5_000
"""Most records of one delivery."""

LINES: Final = 5_000
"""Most lines of one record."""

DELIVERY_LINES: Final = 100_000
"""Most lines of all records of a delivery, and most rows of a workbook."""

ERRORS: Final = 10_000
"""Most errors to collect before the whole delivery is refused."""
