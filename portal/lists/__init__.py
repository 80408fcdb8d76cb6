"""The lists of pages as downloads: CSV, workbook or JSON with the same filter."""
