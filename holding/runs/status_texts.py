"""What the status of a connection says.

Here: how each begins, and the sentence behind those that stop it. Not here: which one it is
(status.py), their help pages (portal/help/texts.toml).
"""

NEW_KEY = (
    "The accounting system does not accept the API key. An "
    "administrator corrects its permissions there or enters a new "
    "key, then tests the connection."
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
NO_QUOTA = (
    "The monthly document quota is used up. Documents wait until next month, or "
    "until the plan is upgraded in the accounting system."
)
LITTLE_QUOTA = "When the month's documents are used up, the rest waits for the next month."


PILL_WORDS = (
    "Never synced",
    "Syncing",
    "Last sync",
    "Failed",
    "Not live yet",
    "Paused",
    "API key rejected",
    "Out of reach",
    "Quota",
    "Key needed",
    "Not connected",
    "Not tested OK",
)
"""How the text of each status begins; each has a help page."""
