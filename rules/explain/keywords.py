"""The words of the language, each in a sentence.

Here: KEYWORDS, for whoever points at one. Not here: names and functions (about.py, library.py), the
full reference (docs/language.md).
"""

from __future__ import annotations

KEYWORDS: dict[str, str] = {
    # what starts a declaration
    "language": "the version of the language that the file is written in",
    "role": "a team that looks after holds and gives approvals",
    "const": "a fixed value with the days from which it counts",
    "source": "where records come from: its currency, its time zone, who owns what it leaves blank",
    "target": "where documents go, with its rounding, and who owns what it cannot tell",
    "record": "what arrives: its fields as they are sent, and fields that are worked out",
    "link": "other records that belong to this one, as a list with a stated end",
    "map": "a table that turns a word of the source into one of the target",
    "units": "the table of units: how many of the base unit one of them holds",
    "gate": "which statuses may go; every status has exactly one answer",
    "check": "what must be true before a document goes, and what happens if it is not",
    "duplicates": "what makes a record one that was there before",
    "approve": "who must agree to exactly what is sent, before it is sent",
    "retry": "what follows each kind of error that a target answers with",
    "post": "a route: one document in a target, with everything about it",
    "sample": "a record with its moment and its world, for tests",
    "test": "a sample, what is different this time, and what must come of it",
    "silence": "a finding of style that is meant so, with the reason",
    # records
    "key": "tells one record from another; lines are matched by theirs over versions",
    "family": "records with the same value belong together and are posted one after the other",
    "dated": "the day of this field decides which values of consts count",
    "optional": "the field may be missing; any other field that is missing holds the record",
    "many": "the lines of the record, each of them a record of its own kind",
    "otherwise": "the value to take where the one before it is missing",
    "known": "whether a value is there; this is a question that holds nobody",
    "where": "only those of the list for which this is so; bare names are fields of the list",
    # gates and checks
    "ready": "may go, if nothing else stops it",
    "wait": "waits, without anybody being called",
    "hold": "a team has to look at it; without an owner nothing is held",
    "ignore": "is never posted",
    "cancel": "the record is given up: unsent it is dropped, once posted a table answers",
    "when": "the rule speaks only of records for which this is so",
    "require": "what must be so; a value that is missing counts as a failure",
    "else": "what happens if it is not so",
    "say": "what people are told; {field} is replaced by its value",
    "clears": "how the hold ends: when it passes, by a team that may release it, or never",
    "warn": "told beside the answer; it stops nothing",
    "reject": "never goes; only a new version of the record is judged again",
    "unique": "what may be there only once, in what came before or in the target",
    "missing": "who owns what is not there, and what they are told",
    "tolerance": "by how much a total of the target may differ, and what happens beyond",
    # routes and what happens afterwards
    "immediately": "it goes as soon as it is ready",
    "daily": "it goes in the run at this time, after the day of the field",
    "after": "it waits until the document of that route is posted and nobody decides about it",
    "bill": "only what is there and not yet on a document is due; the rest does what else says",
    "amount": "the record's own total is not compared with the document, for this reason",
    "they": "fields that people may change in the target after posting",
    "we": "who looks when somebody changes any other field in the target",
    "each": "what follows is said of every line",
    "reversing": "the document takes back one of that route; here stands how it differs",
    "posting": "counts the documents of this record and route: 1, 2, 3",
    "reversed": "the number of the document that is taken back",
    "review": "a team decides what becomes of it",
    "block": "nothing is done in the target",
    "update": "the document is changed in the target",
    "void": "the document is made void in the target",
    "try": "it is tried again so many times, with growing pauses, then the rest of the row counts",
    # tests
    "given": "the sample that the test begins with",
    "with": "what is different this time",
    "then": "what happens after everything ready was posted",
    "expect": "what must come of it; a finding that no expect names fails the test",
    "because": "the rule that gives the answer",
}
"""Word -> what it says, as the end of a sentence that begins with it."""
