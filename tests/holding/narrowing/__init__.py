"""Tests of holding.worklist."""
