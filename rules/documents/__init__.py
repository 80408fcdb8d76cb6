"""Build the document for a target and prove its amounts, codes and units."""
