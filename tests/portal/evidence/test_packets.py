"""Evidence packets and notes of auditors: who may, what is refused, what stays out."""

import io
import json
import re
import zipfile

from sqlalchemy import text

from holding.audit import chain
from holding.evidence.packet_chain import proof
from holding.evidence.packet_check import check
from tests.portal.reading import one, plain

PAGE = "/c/kedai/evidence/netshop/order/SO-10240"


def parts(answer) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(answer.get_data())) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_an_event_is_noted_on_its_page_and_the_note_stays(visit, database):
    nurul = visit("nurul")
    event = one(database, "SELECT max(id) FROM event WHERE record_id IS NOT NULL")
    url = f"/c/kedai/audit/{event}/note"
    assert f"Note on event {event}" in nurul.text(url)
    assert "Write something first." in nurul.post(url, {"text": " "}, status=422).text
    assert "at most 2,000" in nurul.post(url, {"text": "x" * 2001}, status=422).text
    nurul.post(url, {"text": "Seen.", "op": "a"}, status=303)
    nurul.post(url, {"text": "Seen.", "op": "a"}, status=303)
    assert one(database, "SELECT count(*) FROM event WHERE act = 'audit.noted'") == 1
    nurul.get("/c/kedai/audit/999999/note", status=404)
    nurul.post("/c/kedai/audit/999999/note", {"text": "Seen."}, status=404)


def test_a_note_on_a_record_is_of_its_own_company(visit, database):
    nurul, farah = visit("nurul"), visit("farah")
    nurul.post(f"{PAGE}/note", {"text": "Agrees."}, status=303)
    assert "Agrees." in plain(farah.text(PAGE))
    farah.post(f"{PAGE}/note", {"text": "Mine."}, status=403)
    nurul.post("/c/kedai/evidence/netshop/order/SO-1/note", {"text": "x"}, status=404)
    assert "Agrees." in plain(nurul.text("/c/kedai/records/netshop/order/SO-10240?tab=trace"))


def test_without_personal_data_calls_and_documents_stand_by_their_hash(visit, database):
    nurul = visit("nurul")
    bare = parts(nurul.post(PAGE, {"others": "1"}, status=200))
    whole = parts(nurul.post(PAGE, {"personal": "1"}, status=200))
    told, all_told = (json.loads(found["packet.json"]) for found in (bare, whole))
    assert {one["sent"] for one in told["requests"]} == {None}
    assert {one["content"] for one in told["postings"]} == {None}
    assert any(one["sent"] for one in all_told["requests"])
    assert "Personal data" in " ".join(told["left_out"])
    assert one(database, "SELECT count(*) FROM event WHERE act = 'audit.packet'") == 2
    visit("farah").post(PAGE, {}, status=403)


def test_an_approval_stands_as_it_was_sealed(visit, database, tmp_path):
    """Its own hash looks like a key; it is none, and the row can be compared."""
    lim = visit("lim")
    hold = one(database, "SELECT id FROM hold WHERE number = 'SO-10220' AND code = 'APP01'")
    seen = re.findall(r'name="seen" value="([^"]+)"', lim.text(f"/c/kedai/holding/{hold}"))
    form = {"seen": seen, "reason": "fine", "op": "s"}
    lim.post("/c/kedai/holding/approve", form, status=303)
    page = "/c/kedai/evidence/netshop/order/SO-10220"
    file = visit("nurul").post(page, {"personal": "1"}, status=200)
    (approval,) = json.loads(parts(file)["packet.json"])["approvals"]
    assert approval["sealed_row"]["hash"] == approval["hash"]
    assert approval["sealed_row"]["reason"] == "fine"
    made = tmp_path / "packet.zip"
    made.write_bytes(file.get_data())
    assert check(made).faults == ()


ADDRESS = 'Lot 4, "Wisma\\ Seri"\nJalan Ampang'


def test_without_personal_data_no_text_holds_it_however_it_is_written(visit, database, clock):
    with database.write() as session:
        named = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'version'"
        for name in session.scalars(text(named)).all():
            session.execute(text(f"DROP TRIGGER {name}"))
        body = json.dumps({"number": "SO-10240", "address": ADDRESS})
        session.execute(
            text(
                "UPDATE version SET body = :body, reason = :reason WHERE record_id ="
                " (SELECT id FROM record WHERE number = 'SO-10240')"
            ),
            {"body": body, "reason": f"Moved to {ADDRESS}."},
        )
    nurul = visit("nurul")
    nurul.post(f"{PAGE}/note", {"text": f"The buyer is at {ADDRESS}."}, status=303)
    chain.link_due(database, now=clock.now(), whole=True)
    found = parts(nurul.post(PAGE, {}, status=200))
    told, events = (json.loads(found[name]) for name in ("packet.json", "events.json"))
    assert told["versions"][0]["reason"] == "Moved to •••."
    texts = [one["text"] or "" for part in events["stretches"] for one in part["links"]]
    assert all("Wisma" not in json.loads(one)["body"] for one in texts if one)
    assert [one["proved"] for one in events["events"] if one["act"] == "audit.noted"] == [False]
    assert b"Wisma" not in b"".join(found.values())


def test_a_secret_in_an_event_of_another_record_stays_out(database, clock):
    chain.link_due(database, now=clock.now(), whole=True)
    record = one(database, "SELECT id FROM record WHERE number = 'SO-10240'")
    company = one(database, "SELECT company_id FROM record WHERE number = 'SO-10240'")
    with database.read() as session:
        own = proof(session, company, record, noted=(), others=True, hide=str).events
        links = [one for part in own["stretches"] for one in part["links"]]
        other = next(json.loads(one["text"]) for one in links
                     if json.loads(one["text"])["record_id"] not in (record, None))  # fmt: skip
        secret = json.loads(other["body"])["say"]
        found = proof(session, company, record, noted=(), others=True,
                      hide=lambda text: text.replace(secret, "removed")).events  # fmt: skip
    assert secret not in json.dumps(found, ensure_ascii=False)
    (left,) = [one for part in found["stretches"] for one in part["links"] if one.get("removed")][
        :1
    ]
    assert (left["seq"], left["text"]) == (other["seq"], None)
