"""What an editor is told: by folder, by place, and after which change."""

from pathlib import Path

import pytest
from lsprotocol import types as lsp
from pygls.workspace import PositionCodec

from portal.editor.language_server import Answers, Positions, RuleSet, files_of, folder_of
from portal.rule_tools.rule_files import examine, read_files
from rules.editing.mentions import Refused

STARTER = Path(__file__).parents[3] / "portal" / "starters" / "netshop-aiaccount"
CODEC = PositionCodec()
CHECKS = "clearing.rules"


def starter() -> RuleSet:
    return RuleSet(STARTER)


def answers(rule_set: RuleSet) -> Answers:
    return Answers(rule_set, CODEC)


def place(rule_set: RuleSet, text: str, within: str, file: str = CHECKS) -> lsp.Position:
    """Where a word stands in the first line that holds a text."""
    lines = rule_set.known.files.rules[file].split("\n")
    number = next(n for n, line in enumerate(lines) if text in line)
    return lsp.Position(number, lines[number].index(within) + 1)


# ---- which files -----------------------------------------------------------------------------


def test_a_rule_set_is_the_highest_folder_that_rules_reach_without_a_gap(tmp_path: Path) -> None:
    for name in ("shop/rules/a.rules", "shop/rules/more/b.rules", "other/maps/x.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    rules = tmp_path / "shop" / "rules"
    assert folder_of(rules / "a.rules", []) == rules
    assert folder_of(rules / "more" / "b.rules", []) == rules
    assert folder_of(rules / "more" / "b.rules", [rules / "more"]) == rules / "more"
    assert folder_of(tmp_path / "other" / "sub" / "new.rules", [tmp_path]) == tmp_path / "other"


def test_a_rule_file_in_a_large_folder_does_not_bring_all_of_it_along(tmp_path: Path) -> None:
    for name in ("a.rules", "near/b.rules", "near/more/c.rules", "far/x/d.rules"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f'role {name[-7]} "A"\n', "utf-8")
    names = [path.relative_to(tmp_path).as_posix() for path in files_of(tmp_path)]
    assert names == ["a.rules", "near/b.rules", "near/more/c.rules"]
    assert set(RuleSet(tmp_path).known.index.roles) == {"a", "b", "c"}
    assert list(files_of(tmp_path / "nowhere")) == []


def test_what_the_editor_holds_counts_and_the_disk_when_it_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a.rules").write_text('role a "A"\n', "utf-8")
    rule_set = RuleSet(tmp_path)
    rule_set.write("a.rules", 'role b "B"\n')
    rule_set.write("new.rules", 'role c "C"\n')
    assert set(rule_set.known.index.roles) == {"b", "c"}
    rule_set.close("new.rules")
    rule_set.close("a.rules")
    assert set(rule_set.known.index.roles) == {"a"}


def test_a_file_that_cannot_be_read_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.rules").write_bytes(b"\xff\xfe")
    rule_set = RuleSet(tmp_path)
    assert "not UTF-8" in rule_set.trouble
    rule_set.write("b.rules", 'role a "A"\n')
    assert set(rule_set.known.index.roles) == {"a"}


def test_a_csv_that_is_open_counts_too() -> None:
    rule_set = starter()
    rule_set.write("maps/debtors.csv", "somebody;else\n")
    codes = {one.code for found in answers(rule_set).diagnostics().values() for one in found}
    assert "MAP11" in codes


# ---- what is wrong ---------------------------------------------------------------------------


def test_findings_are_those_of_the_command() -> None:
    rule_set = starter()
    text = rule_set.known.files.rules[CHECKS]
    head, _, tail = text.rpartition("hold for ")
    broken = f"{head.replace('require', 'requires', 1)}hold for no_{tail}"
    rule_set.write(CHECKS, broken)
    files = rule_set.known.files
    told = {
        (name, one.code, one.message, one.range.start.line + 1)
        for name, found in answers(rule_set).diagnostics().items()
        for one in found
    }
    _, problems = examine(files)
    assert told == {(p.span.file, p.code, f"{p.message}\n{p.hint}", p.span.line) for p in problems}
    assert {"SYN08", "OWN01"} <= {code for _, code, _, _ in told}


def test_a_key_reads_one_declaration_again() -> None:
    rule_set = starter()
    assert not rule_set.known.problems
    before = rule_set.reader.read
    text = rule_set.known.files.rules[CHECKS]
    rule_set.write(CHECKS, text.replace("require", "requires", 1))
    assert rule_set.known.problems
    rule_set.write(CHECKS, f"\n\n{text}")
    assert not rule_set.known.problems
    assert rule_set.reader.read == before + 2  # broken, and mended again


@pytest.mark.parametrize("part", range(3))
def test_no_half_typed_file_breaks_an_answer(part: int) -> None:
    rule_set = starter()
    text = rule_set.known.files.rules["posting.rules"]
    for end in range(part * 60, len(text), 180):
        rule_set.write("posting.rules", text[:end])
        here = answers(rule_set)
        at = lsp.Position(text[:end].count("\n"), end - text.rfind("\n", 0, end) - 1)
        here.diagnostics()
        here.hover("posting.rules", at)
        here.definition("posting.rules", at)
        here.completion("posting.rules", at)
        here.formatted("posting.rules")


# ---- where things are ------------------------------------------------------------------------


def test_columns_are_counted_as_the_client_counts_them() -> None:
    text = 'check "😀" é x\r\nsecond'
    positions = Positions({"a": text}, CODEC)
    assert positions.at("a", lsp.Position(0, 10)) == (1, 10)  # the face is two units of UTF-16
    assert positions.before("a", lsp.Position(0, 9)).endswith("😀")
    assert positions.before("a", lsp.Position(1, 3)) == 'check "😀" é x\nsec'
    assert positions.at("a", lsp.Position(9, 9)) == (2, 7)
    assert positions.at("a", lsp.Position(0, 99)) == (1, 14)


def test_a_name_leads_to_its_declaration_in_another_file_and_a_path_to_its_file() -> None:
    rule_set = starter()
    here = answers(rule_set)
    (found,) = here.definition(CHECKS, place(rule_set, "check ", "order"))
    assert found.uri == (STARTER / "shop.rules").as_uri()
    (csv,) = here.definition(
        "names.rules", place(rule_set, "debtors.csv", "debtors", "names.rules")
    )
    assert csv.uri == (STARTER / "maps" / "debtors.csv").as_uri()
    uses = here.references(CHECKS, place(rule_set, "check one_debtor", "one_debtor"))
    assert {Path(use.uri).name for use in uses} == {CHECKS, "orders_test.rules"}


def test_a_code_in_a_comment_has_its_title() -> None:
    rule_set = starter()
    text = rule_set.known.files.rules[CHECKS]
    rule_set.write(CHECKS, f"# why there is no TAB01 here\n{text}")
    found = answers(rule_set).hover(CHECKS, lsp.Position(0, 20))
    assert found is not None
    assert isinstance(found.contents, lsp.MarkupContent)
    assert "table.gap" in found.contents.value
    assert answers(rule_set).hover(CHECKS, lsp.Position(0, 4)) is None


def test_a_word_of_the_language_says_what_it_means_and_a_name_what_it_is() -> None:
    rule_set = starter()

    def told(text: str, within: str, file: str = CHECKS) -> str:
        found = answers(rule_set).hover(file, place(rule_set, text, within, file))
        return "" if found is None else str(found.contents)

    assert "what must be so" in told("    require", "require")
    assert "must be true before" in told("check one_debtor", "check")
    assert "one document in a target" in told("post order", "post", "posting.rules")
    assert "a field of order" in told("number ", "number", "shop.rules")
    assert told("language 1", "1", "shop.rules") == ""


def test_in_a_declaration_that_cannot_be_read_a_name_leads_where_it_only_can() -> None:
    rule_set = starter()
    text = rule_set.known.files.rules[CHECKS]
    typed = text.replace("    require", "    require known(", 1)
    rule_set.write(CHECKS, typed)
    at = place(rule_set, "require known(", "debtor")
    (found,) = answers(rule_set).definition(CHECKS, at)
    assert Path(found.uri).name == "names.rules"
    hover = answers(rule_set).hover(CHECKS, at)
    assert hover is not None
    assert "looked up in a map" in str(hover.contents)
    elsewhere = place(rule_set, "# ", "# ") if "# " in typed else lsp.Position(0, 0)
    assert answers(rule_set).definition(CHECKS, elsewhere) == []


# ---- changes ---------------------------------------------------------------------------------


def test_a_new_name_is_written_in_all_files() -> None:
    rule_set = starter()
    at = place(rule_set, "check one_debtor", "one_debtor")
    edit = answers(rule_set).rename(CHECKS, at, "debtor_agrees")
    assert isinstance(edit, lsp.WorkspaceEdit)
    assert edit.changes is not None
    assert {Path(uri).name: len(changes) for uri, changes in edit.changes.items()} == {
        CHECKS: 1,
        "orders_test.rules": 1,
    }


@pytest.mark.parametrize(
    ("file", "text", "within", "name", "reason"),
    [
        (CHECKS, "check one_debtor", "order", "sale", "is what netshop calls it"),
        (CHECKS, "check one_debtor", "check", "x", "no name here"),
        ("names.rules", "map debtor", "debtor", "item", "it would not be the same rules"),
        (CHECKS, "check one_debtor", "one_debtor", "on", "is a word of the language"),
    ],
)
def test_a_new_name_that_cannot_be_is_refused(
    file: str, text: str, within: str, name: str, reason: str
) -> None:
    rule_set = starter()
    refused = answers(rule_set).rename(file, place(rule_set, text, within, file), name)
    assert isinstance(refused, Refused)
    assert reason in refused.reason


def test_what_nothing_carries_out_yet_is_no_mistake_and_can_be_renamed() -> None:
    rule_set = RuleSet(STARTER.with_name("orders-autocount"))
    assert rule_set.known.problems == ()
    at = place(rule_set, "check one_debtor", "one_debtor")
    assert isinstance(answers(rule_set).rename(CHECKS, at, "debtor_agrees"), lsp.WorkspaceEdit)


def test_nothing_is_renamed_while_a_declaration_cannot_be_read() -> None:
    rule_set = starter()
    text = rule_set.known.files.rules["posting.rules"]
    rule_set.write("posting.rules", text.replace("immediately", "imediately", 1))
    at = place(rule_set, "check one_debtor", "one_debtor")
    refused = answers(rule_set).rename(CHECKS, at, "debtor_agrees")
    assert isinstance(refused, Refused)
    assert "repair it first" in refused.reason


def test_a_file_gets_its_one_layout_unless_it_has_a_mistake() -> None:
    rule_set = starter()
    text = rule_set.known.files.rules[CHECKS]
    assert answers(rule_set).formatted(CHECKS) == []
    rule_set.write(CHECKS, text.replace("\n", "\r\n"))  # the client keeps its line ends
    assert answers(rule_set).formatted(CHECKS) == []
    rule_set.write(CHECKS, text.replace("    require", "  require"))
    (edit,) = answers(rule_set).formatted(CHECKS)
    assert edit.new_text == text
    assert edit.range.start == lsp.Position(0, 0)
    rule_set.write(CHECKS, text.replace("    require", "  requires"))
    assert answers(rule_set).formatted(CHECKS) == []
    assert read_files([STARTER]).rules  # the disk was left alone
