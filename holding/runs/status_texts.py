"""What the status of a connection says.

Here: how each begins, and the sentence behind those that stop it. Not here: which one it is
(status.py), their help pages (portal/help/texts.toml).
"""

NEW_KEY = (
    "The target does not accept our key. An admin mends its permissions there or stores a new one"
    " (clearpost connection key), then tests it here."
)
KEY_NEEDED = (
    "The connection has another host than the one its key was given for. An admin stores the key"
    " again (clearpost connection key), then tests it here."
)
NOT_CONNECTED = (
    "No person has allowed it in the accounting system yet, or it was disconnected, so nothing is"
    " sent. An admin connects it here."
)
NOT_TESTED = (
    "No connection test has passed with its present settings and key, so nothing is sent. An admin"
    " tests it here and follows the step that failed."
)
ASKED_AGAIN = (
    "It does not respond. Clearpost asks again automatically, and what waits is then sent."
)
NO_QUOTA = "The target takes no more documents this month, unless its plan is changed there."
LITTLE_QUOTA = "When the month's documents are used up, the rest waits for the next month."


PILL_WORDS = (
    "Never synced",
    "Syncing",
    "Last sync",
    "Failed",
    "Not live yet",
    "Paused",
    "Key refused",
    "Out of reach",
    "Quota",
    "Key needed",
    "Not connected",
    "Not tested OK",
)
"""How the text of each status begins; each has a help page."""
