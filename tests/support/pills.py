"""The pill of one document type of a target, as pages show it.

Here: that one. Not here: what pills say (holding/runs/status.py).
"""

from sqlalchemy.orm import Session

from holding.runs.status import Pill, load_pills


def pill(session: Session, company_id: int, connection_id: int, doc_type: str) -> Pill:
    """What stops it now, else how its last run went."""
    place = (connection_id, doc_type)
    return load_pills(session, company_id, [place])[place]
