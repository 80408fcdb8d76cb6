"""Clearpost holding.mapping_files: all mapping tables as one workbook, out and in."""
