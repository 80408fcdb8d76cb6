"""AutoCount's stand-in itself: its memory, its listings, its positional rows."""

import requests

from tests.connectors.sample_documents import bill_line
from tests.connectors.simulator_processes import Bench


def call(sim, method, path, body=None):
    headers = {"Key-ID": "cp-demo", "API-Key": "acc_demo_9Tq4Lx"}
    return requests.request(method, f"{sim.url}{path}", json=body, headers=headers, timeout=10)


def test_after_a_kill_everything_is_as_it_was(start, autocount, http):
    sim = start("--locked-through", "2026-09-30", target="autocount")
    bench = Bench(autocount, sim, http)
    bench.send(bench.make())
    bench.send(bench.changed(), action="update")
    bench.send(bench.make("NS-2"))
    bench.send(bench.make("NS-2"), action="void")
    sim.control("faults", plan=["timeout_after", "slow"])
    bench.send(bench.make("NS-3"))
    before = sim.show("documents")
    sim.kill()
    with sim.ledger_path.open("ab") as file:
        file.write(b'{"seq": 99, "call": "cre')
    sim.start()
    assert sim.show("documents") == before
    assert sim.show_plan() == ["slow"]
    assert bench.look_up(bench.make("NS-3")).kind == "equal"
    effects = [(one["effect"], one["number"]) for one in sim.ledger() if one.get("stands")]
    assert effects == [
        ("created", "NS-1"),
        ("updated", "NS-1"),
        ("created", "NS-2"),
        ("voided", "NS-2"),
        ("created", "NS-3"),
    ]
    keys = [one["master"]["docKey"] for one in sim.show("documents")]
    bench.send(bench.make("NS-4"))
    assert sim.show("documents")[-1]["master"]["docKey"] not in keys


def test_a_good_answer_has_no_content_and_tells_the_place_and_the_calls_left(autocount_sim):
    sim = autocount_sim
    master = {
        "docNo": "A-1",
        "docDate": "2026-11-19",
        "debtorCode": "300-W001",
        "debtorName": "x",
        "creditTerm": "C.O.D.",
        "salesLocation": "HQ",
    }
    rows = [
        {"productCode": "TEE-BLK-M", "accNo": "500-0000", "qty": 1, "unitPrice": 1},
        {"accNo": "500-0000", "qty": 1, "description": ""},
        {"accNo": "500-0000", "qty": 2, "description": "b", "unitPrice": 1.23456},
    ]
    made = call(sim, "POST", "/1042/INVOICE", {"master": master, "details": rows})
    assert (made.status_code, made.content) == (201, b"")
    assert made.headers["location"].endswith("/1042/invoice?docNo=A-1")
    assert made.headers["x-rate-limit-remaining"] == "99"
    there = call(sim, "GET", "/1042/invoice?docNo=a-1").json()
    told = [row.get("description") for row in there["details"]]
    assert told == [None, "b"], "a row without product, words and price is dropped in silence"
    assert there["details"][1]["unitPrice"] == 1.2346
    put = call(
        sim, "PUT", "/1042/invoice?docNo=A-1", {"details": [{}, {"qty": 5}, {**rows[0], "qty": 9}]}
    )
    assert (put.status_code, put.content) == (204, b"")
    there = call(sim, "GET", "/1042/invoice?docNo=A-1").json()
    assert [row["qty"] for row in there["details"]] == [1, 5, 9]
    call(sim, "PUT", "/1042/invoice?docNo=A-1", {"details": [{}]})
    there = call(sim, "GET", "/1042/invoice?docNo=A-1").json()
    assert [(row["seq"], row["qty"]) for row in there["details"]] == [(0, 1)]
    assert there["master"]["lastModified"] > there["master"]["createdTimeStamp"]


def test_void_unvoid_and_what_is_not_offered(autocount_sim, autocount, http):
    bench = Bench(autocount, autocount_sim, http)
    bench.send(bench.make())
    sim = autocount_sim
    assert call(sim, "POST", "/1042/invoice/void?docNo=NS-1", {}).status_code == 204
    again = call(sim, "POST", "/1042/invoice/void?docNo=NS-1", {})
    assert (again.status_code, again.json()["message"]) == (400, "Invoice is already voided.")
    assert call(sim, "POST", "/1042/invoice/unvoid?docNo=NS-1", {}).status_code == 204
    assert call(sim, "GET", "/1042/invoice?docNo=NS-1").json()["master"]["cancelled"] is False
    for method, path in (
        ("POST", "/1042/creditNote/void"),
        ("PUT", "/1042/receipt"),
        ("GET", "/x"),
    ):
        assert call(sim, method, path).status_code == 404


def test_listings_have_pages_and_filters(start, autocount, http):
    sim = start("--calls-a-minute", "1000", target="autocount")
    bench = Bench(autocount, sim, http)
    for number in range(3):
        bench.send(bench.make(f"NS-{number}"))
    bench.send(bench.make("NS-9", DocDate="2026-11-20", DebtorCode="300-K210"))
    every = call(sim, "GET", "/1042/invoice/listing?page=1").json()
    assert (len(every["data"]), every["totalCount"]) == (4, 4)
    assert call(sim, "GET", "/1042/invoice/listing?page=2").json() == {"data": [], "totalCount": 0}

    def chosen(**wanted):
        body = {"page": 1, "filter": wanted}
        found = call(sim, "POST", "/1042/invoice/listing", body).json()["data"]
        return [one["master"]["docNo"] for one in found]

    assert chosen(docNo={"multiSelect": ["ns-1", "NS-2"]}) == ["NS-1", "NS-2"]
    assert chosen(debtorCode={"from": "300-K", "to": "300-K"}) == ["NS-9"]
    assert chosen(date={"from": "2026-11-20"}) == ["NS-9"]
    assert chosen(date={"to": "2026-11-19"}) == ["NS-0", "NS-1", "NS-2"]


def test_where_a_taken_number_is_overwritten_the_look_before_is_all_there_is(
    start, autocount, http
):
    bench = Bench(autocount, start("--existing", "overwrite", target="autocount"), http)
    bench.send(bench.make())
    assert bench.look_up(bench.changed()).kind == "different"
    assert bench.target.dedupe == "none", "so it is always looked up before a create"
    bench.send(bench.changed())
    assert len(bench.sim.ledger("created")) == 2
    assert len(bench.sim.show("documents")) == 1


def test_a_plan_withholds_exactly_so_many_answers(start, autocount, http):
    bench = Bench(autocount, start("--withhold", "3", "--seed", "7", target="autocount"), http)
    kinds = [bench.send(bench.make(f"NS-{n}")).answers[0].kind for n in range(24)]
    assert kinds.count("uncertain") == 3
    assert len(bench.sim.show("documents")) == 24


def test_a_line_in_the_ledger_has_the_bytes_and_the_document(autocount_sim, autocount, http):
    bench = Bench(autocount, autocount_sim, http)
    bench.send(bench.make(lines=[bill_line()], amount="108.90"))
    (line,) = bench.sim.ledger("created")[-1:]
    assert (line["company"], line["type"], line["total"]) == ("1042", "invoice", "108.90")
    assert '"qty":2.0000' in line["stands"]
