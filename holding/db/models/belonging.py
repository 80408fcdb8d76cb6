"""The tables that belong to a source, a record, a posting or a push, by their foreign key column.

It is a module of its own because it needs every other table module. See holding/access/reach.py for
the filters built on these lists.
"""

from typing import Any, Final

from holding.db.models import (
    AcceptedDifference,
    Approval,
    Attempt,
    BacktestResult,
    Cause,
    Connection,
    Dating,
    Delivery,
    Escalation,
    Evaluation,
    Event,
    Hold,
    HookCall,
    LinkKey,
    Note,
    Posting,
    PostingLine,
    PostingUse,
    Pull,
    Push,
    Reading,
    Record,
    Release,
    Request,
    Retry,
    RowSeal,
    Run,
    ShadowVerdict,
    Signal,
    TalliedRecord,
    TallyMark,
    TrialKey,
    Upload,
    UseMark,
    Version,
)

OF_SOURCE: Final[tuple[type[Any], ...]] = (Record, Delivery, Upload, HookCall, Pull)
OF_RECORD: Final[tuple[type[Any], ...]] = (
    *(Posting, Hold, Evaluation, Release, AcceptedDifference, Dating, Retry, Note, Version),
    *(LinkKey, TrialKey, Event, ShadowVerdict, BacktestResult, Escalation),
    *(TalliedRecord, TallyMark, RowSeal),
)
OF_POSTING: Final[tuple[type[Any], ...]] = (Approval, Push, Reading, PostingUse, UseMark)
OF_PUSH: Final[tuple[type[Any], ...]] = (Attempt, PostingLine)
OTHERS: Final[tuple[type[Any], ...]] = (Connection, Cause, Request, Run, Signal)
"""What several records share: a source itself, a cause, a call or file, a run, a signal."""
