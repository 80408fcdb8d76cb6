"""Compiled rule programs with the data they read, and replays of stored evaluations."""
