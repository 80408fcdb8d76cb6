"""Evidence packets and notes of auditors: who may, what is refused, what stays out."""

import io
import json
import zipfile

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
