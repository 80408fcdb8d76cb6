"""Which modules say something that people read on pages.

Here: the rooms and modules that are read for texts, and those that are not, with why. Not here:
what of a module is a text (code_texts.py).
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


FLOORS = ("connectors", "holding", "portal", "rules")
NO_PAGES = {
    "portal": ("backtest", "cli", "editor", "languages", "rule_tools", "terminal", "api"),
    "connectors": ("transport",),
    "holding": ("db", "programs"),
    "rules": ("checker", "codegen", "testing", "editing", "program"),
}
"""Folders whose texts no page shows: commands, files, checks of rule text."""
ON_PAGES = {"holding/db/refusal.py"}
"""Modules of those folders whose texts pages do show."""
NO_MODULES = {
    *(
        f"holding/operations/{name}.py"
        for name in (
            "approval_invariants",
            "content_invariants",
            "invariants",
            "journal_and_ledgers",
        )
    ),
    "holding/platform/processes.py",
    "holding/platform/redis_guard.py",
    "portal/web/permissions.py",
    "holding/records/packet_file.py",
    "rules/expressions/remedies.py",
    "rules/rulebook/suggested_names.py",
}
"""What commands, files and editors report, and what only operators read."""
COMPOSING = {
    "rules/phrases.py",
    *(
        f"rules/rulebook/{name}.py"
        for name in (
            *("actions", "book", "coverage", "hold_entries"),
            *("route_sentences", "setup_sentences"),
        )
    ),
}
"""What rules in words are composed of: each text in a call of `composed` or `message`."""
ALSO_PLAIN = {"rules/rulebook/book.py", "rules/rulebook/hold_entries.py"}
"""Modules that compose sentences and hold whole texts, too."""
OF_RULE_FILES = {
    *(
        f"grammar/{name}.py"
        for name in (
            *("advice/consequences", "advice/hints", "advice/syntax_errors"),
            *("parsing/build_expressions", "parsing/builder", "parsing/parser"),
            *("text/characters", "text/vocabulary"),
        )
    ),
    *(f"rules/checker/{path.name}" for path in (ROOT / "rules" / "checker").glob("*.py")),
    *(f"rules/types/{name}.py" for name in ("functions", "inference", "symbol_table")),
    *("rules/facts.py", "rules/rulebook/suggested_names.py"),
    *("rules/testing/expectations.py", "rules/testing/runner.py", "rules/values/kinds.py"),
}
"""What is reported about rule files to their author, in a context of its own."""


LEFT_OUT = {
    "grammar/text/characters.py": {"mistaken"},
    "holding/platform/backup.py": {
        *("BY_HAND", "REASON", "TOO_OLD", "_AT", "_OF_VERSION", "_dump", "_no_copy", "_occupied"),
        *("_other_backup", "_other_schema", "_put_dump", "_put_file", "_run", "back_up"),
        *(
            "_log_restore",
            "before_migration",
            "check_version",
            "migrate",
            "restore",
            "version_refusal",
        ),
    },
    "holding/operations/sealed_rows.py": {"_compared", "_record_breaks", "_trail"},
    "holding/platform/sealed_tables.py": {
        *("ACCOUNT", "COUNTED", "DERIVED", "INDEX", "LOCK", "TRIAL", "WORK"),
        *("OF_COMPANY", "OF_RECORD", "TABLES_LEFT_OUT"),
    },
    "holding/platform/settings.py": {"_mail", "_one_of", "_optional"},
    "holding/records/packet_contents.py": {"event_proof"},
    "portal/starters/catalogue.py": {"_ITSELF", "_limited"},
    "rules/expressions/compiler.py": {"Calls", "Interpreter"},
    "rules/expressions/lists.py": {"_empty_gap"},
    "rules/rulebook/book.py": {"_ANSWERS", "_BUILT_IN", "_Writer", "_whatever", "edit_row"},
    "rules/rulebook/hold_entries.py": {"tests_of", "unanswered_sentence", "unanswered_topics"},
    "rules/testing/runner.py": {
        *("_CLEARS", "_allowed", "_approvals", "_checks", "_consts", "_document", "_duplicates"),
        *("_gates", "_going", "_maps", "_of_lines", "_owners", "_units", "field_parts"),
        *("other_values", "route_parts", "table_parts"),
    },
}
"""Functions and constants whose texts no page shows, in modules that hold texts of pages, too."""


def source_of(path: Path) -> str:
    """Return the text of a module without what is left out."""
    text = path.read_text("utf-8")
    names = LEFT_OUT.get(path.relative_to(ROOT).as_posix())
    if not names:
        return text
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node]
        if names & {getattr(one, "name", getattr(one, "id", "")) for one in targets} or (
            isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") in names
        ):
            decorators = [one.lineno for one in getattr(node, "decorator_list", [])]
            for number in range(min([node.lineno, *decorators]), (node.end_lineno or 0) + 1):
                lines[number - 1] = "\n"
    return "".join(lines)


def modules() -> Iterator[Path]:
    """Those whose texts may stand on pages."""
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            room = path.relative_to(ROOT / floor).parts[0].removesuffix(".py")
            name = path.relative_to(ROOT).as_posix()
            left_out = name in NO_MODULES | (COMPOSING - ALSO_PLAIN)
            if name in ON_PAGES or (room not in NO_PAGES[floor] and not left_out):
                yield path


def of_people(path: Path) -> bool:
    """Whether a module speaks of records and people; texts of the rules' grammar stay in pieces."""
    return path.relative_to(ROOT).parts[0] in ("holding", "portal")
