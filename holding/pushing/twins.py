"""Whether a record like the one that is sent has come and nobody has judged it yet.

Here: one term for postings, asked when they are claimed and again with the intent. Not here: which
records are alike, and what follows (the judging that is waited for says so).

A record is due from the moment it is stored until it is judged, and its judging makes due what is
ready and like it (holding/judging/finish.py). So there is no moment between its arrival and the
decision about both in which its original may go.
"""

from sqlalchemy import and_, exists, or_
from sqlalchemy.orm import aliased

from holding.models import LinkKey, Posting, Record
from holding.models.base import NOW

_sent, _twin = aliased(Record), aliased(Record)
_mine, _theirs = aliased(LinkKey), aliased(LinkKey)
_STIRS = or_(_twin.lease_until.is_not(None), _twin.due_at <= NOW)
_BY_VALUE = exists().where(
    _mine.record_id == Posting.record_id,
    ~_mine.name.startswith(LinkKey.OF_LINKS, autoescape=True),
    _theirs.company_id == _mine.company_id,
    _theirs.name == _mine.name,
    _theirs.value == _mine.value,
    _theirs.record_id != _mine.record_id,
    _twin.id == _theirs.record_id,
    _STIRS,
)
_BY_NUMBER = exists().where(
    _sent.id == Posting.record_id,
    _twin.company_id == _sent.company_id,
    _twin.number == _sent.number,
    _twin.source_id == _sent.source_id,
    _twin.type == _sent.type,
    _twin.id != _sent.id,
    _STIRS,
)
TWIN_COMES = and_(Posting.state == "ready", or_(_BY_VALUE, _BY_NUMBER))
"""Postings that are not sent yet, of a record of which a twin is about to be judged."""
