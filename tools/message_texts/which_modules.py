"""Which modules say something that people read on pages.

Here: the rooms and modules that are read for texts, and those that are not, with why. Not here:
what of a module is a text (code_texts.py).
"""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


FLOORS = ("connectors", "holding", "portal", "rules")
NO_PAGES = {
    "portal": (
        "backtest",
        "bench",
        "cli",
        "demo",
        "languages",
        "rule_tools",
        "starters",
        "terminal",
        "api",
    ),
    "connectors": ("conformance", "simulators", "transport"),
    "holding": ("store", "tables", "runtime", "integrity", "programs", "evidence"),
    "rules": (
        "checker",
        "codegen",
        "programs",
        "testing",
        "editing",
        "overlaps",
    ),
}
"""Rooms that no page shows a text of: commands, files, checks of rule text."""
ON_PAGES = {
    "portal/starters/catalogue.py",
    "holding/records/packet_contents.py",
    "holding/operations/pruning.py",
    "holding/platform/settings.py",
    "holding/platform/backup.py",
}
"""Modules of those rooms whose texts pages do show: titles of templates, sentences of events."""
NO_MODULES = {
    "rules/expressions/remedies.py",
    *(
        f"rules/expressions/{name}.py"
        for name in ("aggregates", "calls", "compiler", "interpreter")
    ),
    *(f"rules/rulebook/{name}.py" for name in ("name_help", "suggested_names")),
}
"""What files and editors say of rules, clauses that holding tells, and what only a program that did
not pass its checks says.
"""
COMPOSING = {
    *(
        f"rules/phrases/{name}.py"
        for name in ("composed", "expression_words", "list_words", "terms")
    ),
    *(
        f"rules/rulebook/{name}.py"
        for name in (
            *("actions", "book", "coverage", "document_sentences", "rendering"),
            *("route_sentences", "setup_sentences", "table_sentences"),
        )
    ),
}
"""What rules in words are composed of: each text in a call of `composed` or `message`."""
OF_RULE_FILES = {
    *(
        f"grammar/{name}.py"
        for name in (
            *("advice/consequences", "advice/foreign_syntax", "advice/hints"),
            *("advice/slips", "advice/spoken_conditions"),
            *("advice/syntax_errors", "advice/table_errors"),
            *("parsing/build_expressions", "parsing/build_routes"),
            "parsing/build_setup",
            *("parsing/parser", "parsing/table_checks", "text/invisible", "text/vocabulary"),
        )
    ),
    *(f"rules/checker/{path.name}" for path in (ROOT / "rules" / "checker").glob("*.py")),
    *(
        f"rules/types/{name}.py"
        for name in (
            "completion",
            "conversions",
            "functions",
            "inference",
            "left_words",
            "measures",
            "ways_out",
        )
    ),
    *("rules/facts.py", "rules/checker/cases.py", "rules/rulebook/suggested_names.py"),
    *("rules/testing/expectations.py", "rules/testing/runner.py", "rules/values/kinds.py"),
    "rules/values/kinds.py",
}
"""What is said of rule files to who writes them, in a context of its own."""


def modules() -> Iterator[Path]:
    """Those whose texts may stand on pages."""
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            room = path.relative_to(ROOT / floor).parts[0].removesuffix(".py")
            name = path.relative_to(ROOT).as_posix()
            left_out = name in NO_MODULES | COMPOSING
            if name in ON_PAGES or (room not in NO_PAGES[floor] and not left_out):
                yield path


def of_people(path: Path) -> bool:
    """Whether a module speaks of records and people; texts of the rules' grammar stay in pieces."""
    return path.relative_to(ROOT).parts[0] in ("holding", "portal")
