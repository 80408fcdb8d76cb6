"""AutoCount by Excel import: a workbook that a person imports, where there is no API."""
