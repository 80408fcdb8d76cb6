"""The process in which rule files are looked at for pages; one argument: the seconds of a look."""

import sys

from holding.rulesets.check_processes import listen

if __name__ == "__main__":
    listen(float(sys.argv[1]))
