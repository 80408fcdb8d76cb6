"""One record as users read it: rows, trace, story, lineage and evidence packet."""
