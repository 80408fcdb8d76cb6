"""The messages of pages: `python tools/messages.py` writes them into portal/languages.

Here: messages.pot, and each catalogue brought in line with it: what is new is empty, what changed
is fuzzy, what is gone leaves. Not here: which texts there are (message_texts), how templates become
messages (portal/languages), any translation.
"""

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from message_texts.page_texts import messages  # noqa: E402
from message_texts.rule_texts import of_rule_files, parts  # noqa: E402

from portal.languages.choice import ENGLISH, FINDINGS_CONTEXT, LANGUAGES, RULES_CONTEXT  # noqa: E402

FOLDER = ROOT / "portal" / "languages"
POT = FOLDER / "messages.pot"
PARTS = {
    "pages": ("portal/templates",),
    "labels": (
        "portal/web",
        "holding/access/actors.py",
        "holding/db/refusal.py",
        "holding/platform/states.py",
        "holding/records/",
        "connectors/contract/errors.py",
        "holding/runs/status.py",
        "rules/values/",
    ),
    "help": ("portal/help",),
    "portal": ("portal",),
    "holding": ("holding",),
    "rules": ("rules",),
    "connectors": ("connectors",),
}
"""Where messages come from, what people see most first: the order of the catalogues."""
MANY = 100
"""So many new messages are no changed ones: what each of them resembles is not looked for."""
HEAD = "# The messages of Clearpost; tools/messages.py writes this file, translators fill it in."
UNSAID = tuple(
    f'"{name}:'
    for name in (
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Generated-By",
        "Report-Msgid-Bugs-To",
        "Last-Translator",
        "Language-Team",
        "Project-Id-Version",
    )
)


def part_of(files: set[str]) -> str:
    """The first part that one of these files belongs to."""
    return next(
        name for name, starts in PARTS.items() if any(one.startswith(starts) for one in files)
    )


def template() -> Catalog:
    """All messages as the template of catalogues, in an order that changes with them alone."""
    made = Catalog(project="Clearpost", header_comment=HEAD, fuzzy=False)
    order = list(PARTS)
    found = messages()
    listed = sorted(
        found.items(),
        key=lambda pair: (order.index(part_of(pair[1])), max(pair[1]), str(pair[0])),
    )
    for message, files in listed:
        made.add(message, locations=[(name, 0) for name in sorted(files)])
    for message, files in sorted(parts(found).items(), key=str):
        made.add(message, locations=[(name, 0) for name in sorted(files)], context=RULES_CONTEXT)
    for message, files in sorted(of_rule_files().items(), key=str):
        made.add(message, locations=[(name, 0) for name in sorted(files)], context=FINDINGS_CONTEXT)
    return made


def put_down(made: Catalog, path: Path) -> None:
    """Write a catalogue without what changes by itself, such as the day."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, made, width=100, omit_header=False, include_lineno=False, sort_output=False)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    kept = [one for one in lines if not one.startswith(UNSAID)]
    path.write_text("".join(kept), "utf-8")


def main() -> None:
    """Write the template, and bring each catalogue in line with it."""
    made = template()
    put_down(made, POT)
    for code, language in LANGUAGES.items():
        if code == ENGLISH:
            continue
        path = FOLDER / language.folder / "LC_MESSAGES" / "messages.po"
        if path.exists():
            with path.open("rb") as file:
                found = read_po(file, locale=language.folder)
        else:
            found = Catalog(locale=language.folder, project="Clearpost", fuzzy=False)
        found.header_comment = HEAD
        found._num_plurals, found._plural_expr = 1, "0"  # CLDR gives Malay two that are alike
        known = {(one.id, one.context) for one in found}
        new = sum((one.id, one.context) not in known for one in made)
        found.update(made, no_fuzzy_matching=new > MANY, update_creation_date=False)
        found.obsolete.clear()
        put_down(found, path)
        done = sum(bool(one.id and any(one.string or "") and not one.fuzzy) for one in found)
        print(f"{language.name}: {done} of {len(found)} messages")


if __name__ == "__main__":
    main()
