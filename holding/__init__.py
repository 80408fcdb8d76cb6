"""Clearpost holding: tables, life cycles and services. Only this package runs SQL."""
