"""Writes the tables of the parser beside the grammar, after a change of it.

python tools/tables.py
"""

from pathlib import Path

from grammar.parsing import parser as parser_tables

if __name__ == "__main__":
    parser_tables.write(Path(parser_tables.__file__).parent)
