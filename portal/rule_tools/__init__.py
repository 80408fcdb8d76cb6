"""The commands on rule files, which need no database."""
