"""The rules language: text in, frozen nodes and problems out. It knows no record and no disk."""
