"""The service layer: database tables, life cycles and services. Only this package runs SQL."""
