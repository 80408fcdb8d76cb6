"""The hand-over of a file, the same bytes each time, and taking it back.

Here: the bytes and the moment; a person who says that nothing more of it will be imported, and why.
Not here: who made it (holding/posting/prepare.py), what may be done with the documents of one that
was withdrawn, which have a hold each.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.db.models import ImportFile, Request
from holding.db.models.columns import ImportFileState
from holding.db.refusal import Refusal, plural
from holding.import_files import open_files
from holding.import_files.open_files import OPEN, exported, keep, unknown
from holding.import_files.verdicts import Became, Verdict
from rules.values.canonical import sha256_hex


def hand_over(
    session: Session, actor: Actor, company_id: int, file_id: int, now: datetime
) -> tuple[str, bytes] | Refusal:
    """The file's name and bytes; the first time it is handed over."""
    states = tuple(ImportFileState)
    file = open_files.locked(session, actor, company_id, file_id, states, "download")
    if isinstance(file, Refusal):
        return file
    body = session.scalar(select(Request.body).where(Request.id == file.request_id))
    if body is None or sha256_hex(body) != file.sha256:
        words = f"{file.name} is not what was written: nothing of it may be imported."
        return Refusal("import.changed", words, "Tell who runs Clearpost; withdraw the file.")
    if file.state == ImportFileState.WITHDRAWN:
        words = f"You cannot download {file.name}, because it was withdrawn: {file.reason}"
        return Refusal("import.state", words, "Import nothing of it.")
    _note(session, file, actor, now)
    return file.name, body


def _note(session: Session, file: ImportFile, actor: Actor, now: datetime) -> None:
    again = " again" if file.handed_over_at else ""
    if file.state == ImportFileState.EXPORTED:
        file.state = ImportFileState.HANDED_OVER
        file.handed_over_at, file.handed_over_by_id = now, actor.person_id
    say = f"{actor.name} downloaded {file.name}{again} (SHA-256 {file.sha256[:12]})."
    open_files.tell(session, file, actor, now, "import.handed_over", say)


def withdraw(
    session: Session, actor: Actor, company_id: int, file_id: int, reason: str, now: datetime
) -> str | Refusal:
    """What was done, in words. Each document that nobody knew of is held, and goes again only when
    a person has it retried. Of what was imported only a listing tells what the target has.
    """
    file = open_files.locked(session, actor, company_id, file_id, OPEN, "withdraw")
    if isinstance(file, Refusal):
        return file
    if file.state == ImportFileState.IMPORTED:
        words = f"You cannot withdraw {file.name}, because its outcome was entered already."
        return Refusal("import.state", words, "Compare the listing; it shows what was imported.")
    documents = exported(session, file)
    left = unknown(file, documents)
    if not left:
        words = f"You cannot withdraw {file.name}, because all of its documents are accounted for."
        return Refusal("import.known", words, "Decide on their exceptions instead.")
    words = f"{actor.name} withdrew {file.name}: {reason}"
    verdict = Verdict(became=Became.WITHDRAWN, words=words)
    file.state, file.reason, file.note = ImportFileState.WITHDRAWN, reason, ""
    file.ended_at, file.ended_by_id = now, actor.person_id
    keep(session, file, documents, {one.number: verdict for one in left}, now)
    open_files.tell(session, file, actor, now, "import.withdrawn", words)
    many = plural(len(left), "document needs", "documents need")
    return f"{file.name} is withdrawn. {many} a decision."
