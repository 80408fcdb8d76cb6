"""Writes the tables of the parser beside the grammar, after a change of it.

python tools/tables.py
"""

from pathlib import Path

from grammar.parsing import parser

if __name__ == "__main__":
    parser.write_tables(Path(parser.__file__).parent)
