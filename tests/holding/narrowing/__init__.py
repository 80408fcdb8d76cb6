"""Tests of holding.narrowing."""
