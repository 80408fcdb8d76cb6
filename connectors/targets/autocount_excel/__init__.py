"""AutoCount by Excel import: a workbook that a person imports there, where there is no API."""
