"""Rule files that are checked from the command line, each as a file of its own."""

from collections.abc import Iterable
from pathlib import Path

from tests.acceptance.conftest import STARTER
from tests.acceptance.many import Ran, run_all
from tests.acceptance.product import Product

TEA = Path(__file__).with_name("tea.rules").read_text("utf-8")
DEPOT = STARTER.with_name("orders-autocount")
READY = "    ready    approved, ready_to_pick, delivered, ready_to_bill\n"
TEMPLATES = sorted(
    path
    for path in STARTER.parent.iterdir()
    if (path / "maps").is_dir() and not (path / "pair.toml").exists()
)
"""The folders that hold a whole template; a pair reads the rest of its files from another one."""


def checked(product: Product, texts: Iterable[str], *options: str) -> list[Ran]:
    """Each text as a rule file of its own, checked."""
    return ran(product, "check", texts, *options)


def ran(product: Product, command: str, texts: Iterable[str], *options: str) -> list[Ran]:
    """A command on each text as a rule file of its own."""
    commands = []
    for number, text in enumerate(texts):
        file = product.folder / f"rules_{number}.rules"
        file.write_text(text, "utf-8")
        commands.append([command, file.name, *options])
    return run_all(product, commands)


def without(text: str, begin: str) -> str:
    """The text without the one declaration that begins so."""
    parts = text.split("\n\n")
    kept = [part for part in parts if not part.startswith(begin)]
    assert len(kept) == len(parts) - 1, begin
    return "\n\n".join(kept)


def line_of(text: str, piece: str) -> int:
    """The line on which a piece of text begins."""
    return text[: text.index(piece)].count("\n") + 1


def errors(of: Ran) -> list[tuple[str, int]]:
    return [(each["code"], each["span"]["line"]) for each in of.json["findings"]]


def early(text: str, row: str) -> str:
    """The rules with drafts let through by a row."""
    text = text.replace(
        "    wait     draft, pending_approval,", "    wait     pending_approval,", 1
    )
    return text.replace(READY, f"{READY}    {row}\n", 1)
