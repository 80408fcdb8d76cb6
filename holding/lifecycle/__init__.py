"""Clearpost holding.lifecycle: states, causes, and what a change makes due."""
