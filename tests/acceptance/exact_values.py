"""Missing values that match exactly, by a list that was uploaded: accepted together, and posted."""

from tests.acceptance.impact import MAPPINGS, buyer, send
from tests.acceptance.orders import clean, days_ago, priced
from tests.acceptance.pages import until_head, words
from tests.acceptance.parts import read
from tests.acceptance.product import CURRENT_COMPANY, FINANCE, House, Visitor, until

LISTED = (
    b"Customer name,TIN,Active\nTeguh Maju Sdn Bhd,C20998877010,yes\nLama Sdn Bhd,C20998877020,no\n"
)


def exact_values_are_accepted_together_as_their_preview_says(house: House) -> None:
    """One of three new customers matches, one is inactive in the list, one is not in it."""
    finance = house.visitor(FINANCE)
    said = {
        150: ("C-901", "TEGUH MAJU", "C20998877010"),
        151: ("C-902", "Lama Sdn Bhd", "C20998877020"),
        152: ("C-903", "Baru Sdn Bhd", "C20998877030"),
    }
    house.deliver(
        *(
            clean(n, customer=buyer(n, code, name=name, tin=tin), items=priced("10.00"))
            for n, (code, name, tin) in said.items()
        )
    )
    for number in said:
        until_head(finance, number, "On hold")
    assert "2 in all, 2 added, 0 changed, 0 gone" in upload(finance)
    page = finance.get(f"{MAPPINGS}/exact")
    told = words(page)
    assert "1 record becomes ready RM 11.00" in told
    assert "Same TIN, Same name apart from Sdn Bhd" in told
    assert "Lama Sdn Bhd is inactive in AiAccount by the list of" in told
    form = read(page).form_of("acceptexact").fields()
    form["pick"] = form["of"]  # the one that is ticked
    done = send(finance, f"{MAPPINGS}/exact", form, reason="their own list says so")
    assert "1 mapping accepted. 1 record is checked again" in words(done.text)
    until(lambda: "NS-150" in house.created(), "the one that matched")
    parties = {c["number"]: c["document"] for c in house.calls() if c["effect"] == "created"}
    assert parties["NS-150"].get("Customer") == "Teguh Maju Sdn Bhd"
    for number in (151, 152):
        until_head(finance, number, "On hold")
        assert f"NS-{number}" not in house.created()
    again = send(finance, f"{MAPPINGS}/exact", {**form, "op": ""}, reason="once more")
    assert again.status_code == 409
    assert "something changed since they were shown" in words(again.text)
    lists = house.product.run("doctor").stdout
    assert f"list {CURRENT_COMPANY}" in lists
    assert "2 customers from the file customers.csv of" in lists


def upload(visitor: Visitor) -> str:
    """Give the list in on its page; the words of what it answers."""
    path = f"{MAPPINGS}/lists"
    form = read(visitor.get(path)).form_of("givelist").fields()
    wish = {**form, "target": "aiaccount", "kind": "customer", "as_of": days_ago(1)[:10]}
    answer = visitor.session.post(
        visitor.address + path,
        wish,
        files={"file": ("customers.csv", LISTED, "text/csv")},
        headers={"Referer": visitor.address + path},
        timeout=60,
    )
    assert answer.ok, words(answer.text)[:500]
    return words(answer.text)
