"""What the checker says of rule files, from the command line, with no database anywhere."""

import json
import re
from collections import Counter
from typing import Any

from tests.acceptance.checking import DEPOT, TEA, checked, early, errors, line_of, without
from tests.acceptance.many import run_all
from tests.acceptance.product import Product

# ---- B01 -----------------------------------------------------------------------------------------

STATUSES = """
    draft                wait   wait    wait        wait      ignore
    pending_approval     wait   wait    wait        wait      wait
    approved             wait   ready   ready       wait      ready
    ready_to_pick        wait   ignore  ignore      wait      ready
    partially_delivered  wait   ignore  ignore      ready     ready
    delivered            ready  ready   ignore      ready     ready
    returned             hold   hold    hold        hold      hold
    cancelled            cancel cancel  cancel      cancel    cancel
    ready_to_bill        ready  ready   ready       ready     ready
    exception            hold   hold    hold        hold      hold
"""
"""What each of the ten means for an order, a receipt, a settlement, a delivery and a purchase."""
STATES = {
    "ready": "ready",
    "wait": "waiting",
    "hold": "held",
    "ignore": "ignored",
    "cancel": "dropped",
}
KINDS = {
    # the document, the day, the other party, its field in the document, what else it needs
    "order": ("sales_order", "ordered_on", "customer", "DebtorCode", ""),
    "receipt": ("ar_payment", "received_on", "customer", "DebtorCode", "PaymentMethod PaymentAmt"),
    "settlement": ("ap_invoice", "settled_on", "supplier", "CreditorCode", "AccNo Amount"),
    "delivery": ("delivery_order", "delivered_on", "customer", "DebtorCode", ""),
    "purchase": ("purchase_order", "ordered_on", "supplier", "CreditorCode", ""),
}
AROUND = """\
language 1

role accounts  "Accounts team"

source intake
    currency  MYR
    zone      "Asia/Kuala_Lumpur"
    missing   hold for accounts  say "{field} is blank."

target autocount
    rounding   per line then sum to 0.01
    tolerance  0.00  else hold for accounts
    missing    hold for accounts  say "AutoCount could not tell {field}."
"""
AMOUNT = {"receipt": "amount", "settlement": "net"}
VALUES = {"PaymentMethod": '"BANK"', "AccNo": '"400-0000"'}


def kind_rules(kind: str, words: dict[str, str]) -> str:
    """All that is said of one kind: its fields, the meaning of each status, its document."""
    document, day, party, party_field, more = KINDS[kind]
    lines = kind not in AMOUNT
    said = ("ready", "wait", "cancel", "ignore")
    groups = {word: [status for status in words if words[status] == word] for word in said}
    rows = [f"    {word}  {', '.join(states)}" for word, states in groups.items() if states]
    held = ", ".join(status for status in words if words[status] == "hold")
    fields = [
        "number text key",
        f"status one of {', '.join(words)}",
        f"{day} date dated",
        f"{party} text",
    ]
    fields += [f"lines many {kind}_line"] if lines else [f"{AMOUNT[kind]} money"]
    posted = [f"{party_field} = {party}"]
    posted += [f"{name} = {VALUES.get(name) or AMOUNT[kind]}" for name in more.split()]
    stored = [field.split()[0] for field in fields[1:]]
    text = [f"record {kind} from intake", *(f"    {field}" for field in fields)]
    text += (
        ["", f"record {kind}_line of {kind}", "    pos whole key", "    qty quantity"]
        if lines
        else []
    )
    text += [
        "",
        f"gate {kind}",
        *rows,
        f'    hold {held} for accounts say "{{number}}: somebody looks."',
    ]
    text += ["", f"duplicates of {kind}", "    unique by number in history",
             "    else hold for accounts", '    say "{number} is there."']  # fmt: skip
    text += ["", f"on edit of {kind}", f"    all = {', '.join(stored)}",
             "    | changed | do |", "    | all, not_ready | review by accounts |"]  # fmt: skip
    text += ["", f"on cancel of {kind}", "    | period | do |", "    | - | review by accounts |"]
    text += ["", f'post {kind} to autocount.{document} as "{{number}}"', "    immediately",
             "    we own the rest else review by accounts",
             "    DocNo = document_number", f"    DocDate = {day}"]  # fmt: skip
    text += [f"    {field}" for field in posted]
    text += ["    each line", "        Qty = line.qty"] if lines else []
    return "\n".join(text)


def test_B01_ten_statuses_of_five_kinds_each_have_one_meaning(product: Product) -> None:
    table = {row.split()[0]: row.split()[1:] for row in STATUSES.strip().split("\n")}
    meant = {kind: {status: words[at] for status, words in table.items()}
             for at, kind in enumerate(KINDS)}  # fmt: skip
    text = "\n\n".join([AROUND, *(kind_rules(kind, words) for kind, words in meant.items())]) + "\n"
    open_ = [
        text.replace("approved, ", "", 1),
        re.sub(r"(ignore {2}.*)", r"\1, approved", text, count=1),
    ]
    whole, gap, twice = checked(product, [text, *open_], "--json")
    assert (whole.code, errors(whole)) == (0, []), whole.out
    assert gap.code == twice.code == 1
    assert {code for code, _ in errors(twice)} == {"GAT02"}

    cells = [(kind, status) for kind in KINDS for status in [*table, "shipped by sea"]]
    commands = []
    for kind, status in cells:
        _, day, party, *_ = KINDS[kind]
        body: dict[str, Any] = {"number": "N-1", "status": status}
        body |= {day: "2026-11-18", party: "C-77"}
        body |= {AMOUNT[kind]: "10.00"} if kind in AMOUNT else {"lines": [{"pos": 1, "qty": "2"}]}
        file = product.folder / f"{kind}_{status.split()[0]}.json"
        file.write_text(json.dumps(body), "utf-8")
        at = ["--at", "2026-11-20 02:00:00"]
        commands.append(["try", "rules_0.rules", file.name, "--kind", kind, *at, "--json"])
    found: dict[tuple[str, str], str] = {}
    for (kind, status), one in zip(cells, run_all(product, commands), strict=True):
        (decision,) = one.json["decisions"]
        assert decision["reason"], decision
        found[kind, status] = decision["state"]
    unknown = {(kind, "shipped by sea"): "held" for kind in KINDS}
    stated = {(k, s): STATES[word] for k, words in meant.items() for s, word in words.items()}
    assert found == stated | unknown
    assert len(stated) == 50
    assert set(stated.values()) == set(STATES.values())


# ---- B02, B10: what goes too early, and what comes later ------------------------------------


def test_B02_a_status_that_can_still_change_goes_only_by_the_word_for_it(product: Product) -> None:
    draft, pending, unnamed = (
        early(TEA, "ready    draft"),
        TEA.replace("ready    approved,", "ready    approved, pending_approval,").replace(
            "wait     draft, pending_approval,", "wait     draft,"
        ),
        TEA.replace("    wait     draft, pending_approval,", "    wait     pending_approval,"),
    )
    meant = early(TEA, "early    draft")
    whole, *broken, named = checked(product, [TEA, draft, pending, unnamed, meant], "--json")
    assert (whole.code, errors(whole)) == (0, [])
    assert [one.code for one in broken] == [1, 1, 1]
    assert errors(broken[0]) == [("GAT08", line_of(draft, "ready    draft"))]
    assert errors(broken[1]) == [("GAT08", line_of(pending, "ready    approved, pending"))]
    assert errors(broken[2]) == [("GAT01", line_of(unnamed, "gate order"))]
    (found,) = broken[0].json["findings"]
    assert "'draft' can still change" in found["message"]
    assert "early draft" in found["hint"]
    text = draft.split("\n")[found["span"]["line"] - 1]
    assert text[found["span"]["column"] - 1 :].startswith("draft")
    assert "GAT08" not in dict(errors(named))  # by its name it may go


def test_B10_rules_without_an_answer_to_a_later_edit_are_refused(product: Product) -> None:
    gap = TEA.replace("    | amounts, party, not_ready | locked | block                 |\n", "", 1)
    texts = [
        TEA,
        without(without(TEA, "on edit of order"), 'test "another price'),
        without(without(TEA, "on cancel of order"), 'test "cancelled in a locked'),
        gap,
        TEA.replace("party     = customer, tin, ordered_on", "party     = customer, ordered_on"),
    ]
    whole, *broken = checked(product, texts, "--json")
    assert whole.code == 0
    codes = ["EDT08", "CAN01", "TAB01", "EDT01"]
    for one, text, code in zip(broken, texts[1:], codes, strict=True):
        assert one.code == 1
        (found,) = one.json["findings"]
        assert found["code"] == code
        words = {
            "EDT08": "aiaccount.sales_invoice, but nothing says what a later edit does",
            "CAN01": "order is posted to aiaccount.sales_invoice and can be cancelled",
            "TAB01": "no row for changed = amounts, period = locked",
            "EDT01": "1 field is in no group: tin",
        }
        assert words[code] in found["message"]
        assert found["span"]["line"] in range(1, text.count("\n"))
    offered = broken[2].json["findings"][0]["hint"]
    row = offered.removeprefix("Add: ")
    (mended,) = checked(
        product, [gap.replace("    | approval  ", f"    {row}\n    | approval  ", 1)], "--json"
    )
    assert mended.code == 0
    _nobody_can_activate(product, gap, codes[2])


def _nobody_can_activate(product: Product, rules: str, code: str) -> None:
    """What the check refuses is not taken as a change, so that nobody can publish it."""
    (product.folder / "gap").mkdir()
    (product.folder / "gap" / "tea.rules").write_text(rules, "utf-8")
    company, writer = ("--company", "tea"), "writer@tea.example"
    by = (*company, "--as", writer)
    *_, pushed, published = run_all(
        product,
        [
            ("migrate",),
            ("company", "add", "tea", "--name", "Tea dealer"),
            ("user", "add", writer, *company, "--role", "consultant", "--role", "publisher"),
            ("rules", "push", "gap", *by),
            ("publish", "1", *by),
        ],
    )
    assert pushed.code == published.code == 1, (pushed, published)
    assert code in pushed.out + pushed.err
    assert product.sql("SELECT * FROM ruleset_version")[0] == []


# ---- B15 -----------------------------------------------------------------------------------------

ANSWERS = {
    "duplicate party": "check one_debtor",
    "duplicate invoice": "duplicates of order",
    "partial delivery": "gate order",
    "cancelled order": "on cancel of order",
    "changed price": "on edit of order",
    "UOM mismatch": "units",
    "failed push": "retry aiaccount",
    "manual edit": "post order",
}
"""Exception -> the declaration that answers it."""
LEFT_OUT = {
    "duplicate party": ("check one_debtor", "map debtor_of_tin", 'test "one TIN'),
    "failed push": ("retry aiaccount", 'test "a target that is busy'),
}
"""Answers that may be left out, with what speaks of them: the rest is no mistake, but a risk."""
BY_CONTENT = "    unique by customer as debtor, ordered_on, total in history\n"
"""Without it the same order passes under another number."""


def test_B15_the_eight_exceptions_each_have_a_rule_or_a_risk(product: Product) -> None:
    texts = {"whole": TEA}
    for exception, declarations in LEFT_OUT.items():
        texts[exception] = TEA
        for begin in declarations:
            texts[exception] = without(texts[exception], begin)
    by_number = without(TEA, 'test "the same order under another number')
    texts["duplicate invoice"] = by_number.replace(BY_CONTENT, "")
    ways = ((), ("--strict",), ("--json",))
    runs = {way: checked(product, texts.values(), "--coverage", *way) for way in ways}

    cells = runs["--json",][0].json["coverage"]
    assert {cell["exception"]: cell["state"] for cell in cells} == dict.fromkeys(
        ANSWERS, "answered"
    )
    for cell in cells:
        first = line_of(TEA, f"\n{ANSWERS[cell['exception']]}") + 1
        lines = TEA.split("\n")[first - 1 : cell["line"]]
        assert lines, cell
        assert "" not in lines, cell  # the line stands in that declaration
    (depot,) = run_all(product, [["check", str(DEPOT), "--coverage", "--json"]])
    kinds = Counter(cell["record"] for cell in depot.json["coverage"])
    assert len(kinds) >= 6
    assert set(kinds.values()) == {len(ANSWERS)}, "eight for each kind of record"
    for number, name in enumerate(texts):
        calm, strict, told = (runs[way][number] for way in ways)
        risks = {cell["exception"] for cell in told.json["coverage"] if cell["state"] == "open"}
        assert risks == {name} - {"whole"}
        assert (calm.code, told.code) == (0, 0)
        assert strict.code == (1 if risks else 0), strict.out
        assert ("COV01" in strict.out) == bool(risks)
        (risk,) = [row for row in calm.out.splitlines() if "RISK" in row] or [""]
        assert not risks or (name in risk and len(risk.split("RISK")[1].split()) > 5)


# ---- B17 -----------------------------------------------------------------------------------------

HOLD = """\
    hold     returned   for accounts     say "The goods of {number} came back: settle it first."
"""
CHECK = """\
    else     hold for accounts
    say      "The period of {ordered_on} is locked."
    clears   when it passes
"""
NOT_COMPLETE = (
    # what exists there, what somebody wrote, code, the piece where it is told, the hint
    (HOLD, "    hold     returned\n", "SYN02", "    hold     returned", "hold for ROLE"),
    (HOLD, HOLD.replace("for accounts", ""), "SYN01", 'say "The goods', "hold for ROLE"),
    (HOLD, HOLD.split("say")[0] + "\n", "SYN02", "", 'say "…"'),
    (CHECK, CHECK.replace("hold for accounts", "hold"), "SYN02", "", "hold for ROLE"),
    (CHECK, CHECK.replace("hold for accounts", "hold for nobody"), "OWN01",
     "for nobody", "accounts"),
    (CHECK, CHECK.replace('    say      "The period of {ordered_on} is locked."\n', ""), "SYN09",
     "clears   when it passes\n\nduplicates", "say"),
    (CHECK, CHECK.replace("    clears   when it passes\n", ""), "SYN03", "", "clears when"),
    (CHECK, CHECK.replace("when it passes", "by nobody"), "OWN01", "by nobody", "accounts"),
)  # fmt: skip


def test_B17_a_hold_names_its_reason_its_owner_and_what_clears_it(product: Product) -> None:
    texts = [TEA.replace(right, wrong, 1) for right, wrong, *_ in NOT_COMPLETE]
    runs = checked(product, texts, "--json")
    for one, text, (right, _, code, piece, hint) in zip(runs, texts, NOT_COMPLETE, strict=True):
        assert one.code == 1
        (found,) = one.json["findings"]
        assert found["code"] == code
        assert hint in found["hint"], found
        first = line_of(TEA, right)
        assert first <= found["span"]["line"] <= first + 3
        assert found["span"]["column"] > 1
        if piece.strip():
            assert found["span"]["line"] == line_of(text, piece)
    whole, drawn = checked(product, [TEA, texts[0]])
    assert whole.code == 0
    assert "SYN02" in drawn.out
    assert "hint" in drawn.out


# ---- B19 -----------------------------------------------------------------------------------------


# ---- B20 -----------------------------------------------------------------------------------------


# ---- B27 -----------------------------------------------------------------------------------------
