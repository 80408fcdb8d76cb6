"""Clearpost holding.worklist: lists and pages about what waits; reads only."""
