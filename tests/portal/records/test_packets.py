"""Evidence packets and notes of auditors: who may, what is refused, what stays out."""

import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import text

from holding.platform import events as chain
from holding.records.packet_contents import event_proof
from holding.records.packet_file import check_packet
from portal.records import packet_pages
from tests.portal.reading import one, plain
from tests.support.databases import unlock

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


def test_versions_and_calls_are_files_which_people_open(visit, database, tmp_path):
    """A whole version has the very hash that was sealed when it came; what may not leave, does not
    leave in them either.
    """
    nurul = visit("nurul")
    answer = nurul.post(PAGE, {"personal": "1"}, status=200)
    whole, bare = parts(answer), parts(nurul.post(PAGE, {}, status=200))
    told = json.loads(whole["packet.json"])
    for version in told["versions"]:
        assert version["whole"]
        raw = whole[f"versions/{version['no']}.json"]
        assert sha256(raw).hexdigest() == version["sha256"]
    sent = [one for one in told["requests"] if one["sent"]]
    assert sent
    for call in sent:
        assert whole[f"calls/{call['id']}-sent.txt"].decode() == call["sent"]["text"]
    assert not [name for name in bare if name.startswith("calls/")]
    for version in json.loads(bare["packet.json"])["versions"]:
        assert json.loads(bare[f"versions/{version['no']}.json"]) == version["body"]
    made = tmp_path / "packet.zip"
    made.write_bytes(answer.get_data())
    assert check_packet(made).faults == ()
    with zipfile.ZipFile(made, "a") as file:
        file.writestr("versions/9.json", b"{}")
    assert "The manifest does not name it." in {one.message for one in check_packet(made).faults}


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
    assert check_packet(made).faults == ()


def files_form(page: str) -> dict[str, str]:
    """The fields of the form that downloads the files which are shown."""
    form = page[page.index('id="filesform"') :].partition("</form>")[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


def test_the_files_are_shown_with_their_hashes_and_downloaded_exactly_so(visit, database, clock):
    chain.link_due_events(database, now=clock.now(), all_events=True)
    nurul = visit("nurul")
    page = nurul.post(PAGE, {"personal": "1", "others": "1", "do": "files"}, status=200).text
    assert one(database, "SELECT count(*) FROM event WHERE act = 'audit.packet'") == 0
    form = files_form(page)
    clock.advance(600)
    nurul.post(f"{PAGE.replace('40', '20')}/note", {"text": "Of another order."}, status=303)
    chain.link_due_events(database, now=clock.now(), all_events=True)
    for _ in range(2):  # the event of the first download is not in the second
        answer = nurul.post(PAGE, form, status=200)
        assert answer.mimetype == "application/zip"
        assert answer.headers["X-Content-SHA256"] == form["sha256"]
        clock.advance(60)
        chain.link_due_events(database, now=clock.now(), all_events=True)
    table = page[page.index('id="packetfiles"') :]
    for name, raw in parts(answer).items():
        row = table[table.index(f"<code>{name}</code>") :].partition("</tr>")[0]
        assert f"<code>{sha256(raw).hexdigest()}</code>" in row
        assert f"{max(1, round(len(raw) / 1000)):,} KB" in row
    assert f"--sha256 {form['sha256']}" in page
    assert f", {max(1, round(len(answer.data) / 1000)):,} KB</button>" in page


def test_what_changed_since_the_files_were_shown_is_not_downloaded(visit, database, clock):
    nurul = visit("nurul")
    shown = {"personal": "1", "do": "files"}
    form = files_form(nurul.post(PAGE, shown, status=200).text)
    nurul.post(f"{PAGE}/note", {"text": "Seen."}, status=303)
    again = nurul.post(PAGE, form, status=409).text
    assert "Nothing was downloaded." in again
    fresh = files_form(again)
    assert fresh["sha256"] != form["sha256"]
    assert nurul.post(PAGE, fresh, status=200).headers["X-Content-SHA256"] == fresh["sha256"]
    assert one(database, "SELECT count(*) FROM event WHERE act = 'audit.packet'") == 1
    for wrong in ({"at": "2026-11-20"}, {"at": "soon"}, {"head": "-1"}, {"head": "x"},
                  {"at": "2099-01-01T00:00:00.000000Z"}, {"sha256": "0" * 64}):  # fmt: skip
        nurul.post(PAGE, {**fresh, **wrong}, status=409)
    for _ in range(2):  # the session goes on
        clock.advance(1801)
        nurul.get(PAGE)
    late = nurul.post(PAGE, fresh, status=409).text
    assert files_form(late)["at"] != fresh["at"]
    assert one(database, "SELECT count(*) FROM event WHERE act = 'audit.packet'") == 1


def test_a_form_names_a_moment_of_the_last_hour_and_an_end_of_the_chain():
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    form = {"at": "2026-11-20T11:00:00.000000Z", "head": "0", "sha256": "ab"}
    hour = now - timedelta(hours=1)
    assert packet_pages.read_shown_files(form, now) == packet_pages.ShownFiles(hour, 0, "ab")
    wrong = [{"at": "2026-11-20T10:59:59.999999Z"}, {"at": "2026-11-20T12:00:00.000001Z"},
             {"at": "2026-11-20"}, {"head": "-1"}, {"head": ""},
             {"sha256": ""}]  # fmt: skip
    assert [packet_pages.read_shown_files({**form, **one}, now) for one in wrong] == [None] * len(
        wrong
    )


def test_the_files_are_shown_to_who_may_download_them(visit):
    farah = visit("farah")
    farah.post(PAGE, {"do": "files"}, status=403)
    assert 'id="packetfiles"' not in farah.text(PAGE)
    bare = visit("nurul").post(PAGE, {"do": "files"}, status=200).text
    assert set(files_form(bare)) & {"personal", "others"} == set()


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
    chain.link_due_events(database, now=clock.now(), all_events=True)
    found = parts(nurul.post(PAGE, {}, status=200))
    told, events = (json.loads(found[name]) for name in ("packet.json", "events.json"))
    assert told["versions"][0]["reason"] == "Moved to •••."
    texts = [one["text"] or "" for part in events["stretches"] for one in part["links"]]
    assert all("Wisma" not in json.loads(one)["body"] for one in texts if one)
    assert [one["proved"] for one in events["events"] if one["act"] == "audit.noted"] == [False]
    assert b"Wisma" not in b"".join(found.values())


def test_a_secret_in_an_event_of_another_record_stays_out(database, clock):
    chain.link_due_events(database, now=clock.now(), all_events=True)
    record = one(database, "SELECT id FROM record WHERE number = 'SO-10240'")
    company = one(database, "SELECT company_id FROM record WHERE number = 'SO-10240'")
    with database.read() as session:
        of = {"now": clock.now(), "head": chain.chain_head(session, company)}
        own = event_proof(session, company, record, noted=(), others=True, hide=str, **of).events
        links = [one for part in own["stretches"] for one in part["links"]]
        other = next(json.loads(one["text"]) for one in links
                     if json.loads(one["text"])["record_id"] not in (record, None))  # fmt: skip
        secret = json.loads(other["body"])["say"]
        found = event_proof(session, company, record, noted=(), others=True,
                      hide=lambda text: text.replace(secret, "removed"), **of).events  # fmt: skip
    assert secret not in json.dumps(found, ensure_ascii=False)
    (left,) = [one for part in found["stretches"] for one in part["links"] if one.get("removed")][
        :1
    ]
    assert (left["seq"], left["text"]) == (other["seq"], None)


def test_a_posted_document_is_not_said_to_be_ready(visit, database):
    found = parts(visit("nurul").post(PAGE, {"personal": "1"}, status=200))
    (sent,) = json.loads(found["packet.json"])["postings"]
    assert (sent["state"], sent["why"]) == ("posted", "")
    assert "Posted: ready" not in found["packet.html"].decode()


def test_a_call_without_a_status_that_was_answered_says_so(visit, database):
    with database.write() as session:
        unlock(session)
        session.execute(text("UPDATE request SET status = NULL, answer_sha256 = 'ab'"))
    page = parts(visit("nurul").post(PAGE, {"personal": "1"}, status=200))["packet.html"].decode()
    assert "<td>answered</td>" in page
    assert "<td>none</td>" not in page


def test_the_page_is_read_by_people(visit, database):
    """Systems have their titles, names their own letters, and a version that nobody made is the
    source's; what was sealed stays as it is.
    """
    found = parts(visit("nurul").post(PAGE, {}, status=200))
    page = plain(found["packet.html"].decode())
    assert "NetShop order SO-10240" in page
    assert re.search(r"Version 2, [^,]+, by NetShop\. ", page)
    assert "aiaccount" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)
    assert "•••" in page
    assert "\\u2022" not in page
    versions = json.loads(found["packet.json"])["versions"]
    assert [one["by"] for one in versions] == ["NetShop", "NetShop"]
    assert b"aiaccount" in found["events.json"]
