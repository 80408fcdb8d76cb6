"""What the formatter makes of rule files, from the command line."""

import random
import re

from tests.acceptance import warm
from tests.acceptance.checking import TEA
from tests.acceptance.many import Ran, run_all
from tests.acceptance.product import Product


def composed(seed: int) -> str:
    """The rules in another order, with other blanks, gaps and comments."""
    dice = random.Random(seed)
    parts = TEA.strip("\n").split("\n\n")
    dice.shuffle(parts)
    lines = []
    for line in "\n\n".join(parts[: dice.randint(3, len(parts))]).split("\n"):
        words = re.split(r'("[^"]*"|#.*)', line)
        spread = [w if at % 2 else re.sub(" +", " " * dice.randint(1, 4), w)
                  for at, w in enumerate(words)]  # fmt: skip
        lines.append("".join(spread))
        going_on = line.rstrip().endswith(",")
        if line and "#" not in line and not dice.randrange(6):
            lines[-1] += f"  # behind {dice.random()}"
        elif line and not going_on and not dice.randrange(8):
            lines.append(dice.choice(("", "# alone", "    # inside", "\n\n")))
    return "\n".join(lines) + "\n"


def comments(text: str) -> list[str]:
    return sorted(found[1] for found in re.findall(r'("[^"\n]*")|(#.*)', text) if found[1])


def test_B27_the_formatter_has_one_output_and_keeps_comments_and_meaning(
    product: Product,
) -> None:
    before = {f"composed_{seed}.rules": composed(seed) for seed in range(15)}
    (product.folder / "was").mkdir()
    for name, text in before.items():
        (product.folder / name).write_text(text, "utf-8")
        (product.folder / "was" / name).write_text(text, "utf-8")
    would, first, again, clean, *_ = run_all(
        product,
        [
            ["fmt", "--check", *before],
            ["fmt", *before],
            ["fmt", *before],
            ["fmt", "--check", *before],
        ],
    )
    assert (would.code, first.code, again.code, clean.code) == (1, 0, 0, 0)
    assert first.out.count("changed ") == 15
    assert again.out + clean.out == ""
    after = {name: (product.folder / name).read_text("utf-8") for name in before}
    assert {name: comments(text) for name, text in after.items()} == {
        name: comments(text) for name, text in before.items()
    }
    assert sum(len(comments(text)) for text in after.values()) > 50
    assert trees_differ(product, list(before)) == []
    file = product.folder / "composed_0.rules"  # what is not the same tree is seen
    file.write_text(f'{after[file.name]}\nrole somebody  "Somebody else"\n', "utf-8")
    assert trees_differ(product, list(before)) == [file.name]
    file.write_text(after[file.name], "utf-8")
    tree = [["check", f"{folder}{name}", "--json"] for name in before for folder in ("", "was/")]
    told = run_all(product, tree)
    for new, old in zip(told[::2], told[1::2], strict=True):
        assert messages(new) == messages(old)

    whole = composed_whole(product)
    same, tests = run_all(product, [["diff", "was.rules", "now.rules"], ["test", "now.rules"]])
    assert whole == TEA
    assert (same.code, same.out.strip()) == (0, "Both versions have the same meaning.")
    assert tests.code == 0


TREES = """
import sys
from pathlib import Path
from importlib import import_module
parse = import_module("grammar.parsing.parser").parse
for name in sys.stdin.read().split():
    was = parse({name: Path("was", name).read_text("utf-8")})
    now = parse({name: Path(name).read_text("utf-8")})
    if was[0] != now[0] or was[1] or now[1]:
        print(name)
"""


def trees_differ(product: Product, names: list[str]) -> list[str]:
    """Files whose tree is another than before they were formatted, as the installed parser says."""
    done = warm.run(
        product.command,
        (),
        cwd=product.folder,
        env=product.environment(),
        said=" ".join(names),
        code=TREES,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def messages(of: Ran) -> list[tuple[str, str]]:
    return sorted((found["code"], found["message"]) for found in of.json["findings"])


def composed_whole(product: Product) -> str:
    """All the rules spread out and formatted: the layout that they had."""
    (product.folder / "was.rules").write_text(TEA, "utf-8")
    spread = re.sub(r"(?m)^( +)(\S+) +(?=[a-z(])", r"\1 \2 ", TEA)
    (product.folder / "now.rules").write_text(spread, "utf-8")
    (done,) = run_all(product, [["fmt", "now.rules"]])
    assert done.code == 0
    return (product.folder / "now.rules").read_text("utf-8")
