"""Commands on rule files and the language server: they need no database."""
