"""Serve the lists of pages as downloads: CSV, workbook or JSON, with the page's filter."""
