"""What shops answer and write, word by word, with what each becomes.

Beside each stands the section of `sources.md` that says so, and its mark there: V read in the
vendor's own pages, K known and not read now, O our own choice. Nothing here is made by a connector
or its stand-in. Here: the two tables. Not here: the test.

A source has no table of the ten classes: it takes no documents, so nothing of ours is refused
there. Its answers are told apart by what has to follow: the key is refused, it was asked too often,
its address is no shop's, or it cannot be read now. Of such answers the sheet holds five facts:
Shopee's and Lazada's errors under a status of 200 with one word each, Shopee's empty `error` and
Lazada's code "0", and that a shop refuses a token that ran out and tells "429 or the source's own
error" (9). All others are marked O: statuses of HTTP that no sheet has to hold. What the sheet does
hold of every shop are the words of a status, and those are the second table.
"""

KEY, BUSY, ADDRESS, AWAY = "key", "busy", "address", "away"

Answer = tuple[str, str, str, int, str, str]
"""Source, section, mark, HTTP status, body as it travels, what follows."""


def _of_shopee(error: str, message: str = "not done") -> str:
    return f'{{"error":"{error}","message":"{message}","request_id":"r1"}}'


def _of_lazada(code: str, message: str = "not done", kind: str = "ISV") -> str:
    return f'{{"code":"{code}","type":"{kind}","message":"{message}","request_id":"q1"}}'


def _of_woocommerce(code: str, message: str, status: int) -> str:
    return f'{{"code":"{code}","message":"{message}","data":{{"status":{status}}}}}'


_PAGE = "<html><body>Bad Gateway</body></html>"
ANSWERS: list[Answer] = [
    ("shopee", "5", "K", 200, _of_shopee("error_auth", "Invalid access_token."), KEY),
    ("shopee", "5", "O", 200, _of_shopee("common.error_auth"), KEY),
    ("shopee", "5", "O", 200, _of_shopee("error_permission"), KEY),
    ("shopee", "5", "O", 200, _of_shopee("invalid_acceess_token"), KEY),
    ("shopee", "5", "O", 403, _of_shopee("error_auth"), KEY),
    ("shopee", "9", "O", 401, "", KEY),
    ("shopee", "9", "O", 429, "", BUSY),
    ("shopee", "9", "O", 200, _of_shopee("error_limit", "Too many requests"), BUSY),
    ("shopee", "9", "O", 200, _of_shopee("error_too_many_request"), BUSY),
    ("shopee", "5", "O", 200, _of_shopee("error_server"), AWAY),
    ("shopee", "5", "O", 200, _of_shopee("error_param", "Wrong parameters"), AWAY),
    ("shopee", "5", "O", 200, _of_shopee("xyzzy"), AWAY),
    ("shopee", "5", "O", 500, "", AWAY),
    ("shopee", "5", "O", 503, _PAGE, AWAY),
    ("shopee", "5", "O", 200, _PAGE, AWAY),
    ("shopee", "5", "O", 200, '{"error":"","response":', AWAY),
    ("shopee", "5", "O", 200, '{"error":"","response":[]}', AWAY),
    ("lazada", "6", "K", 200, _of_lazada("IllegalAccessToken", "The token is illegal"), KEY),
    ("lazada", "6", "O", 200, _of_lazada("InvalidAppKey"), KEY),
    ("lazada", "6", "O", 200, _of_lazada("AppKeyInvalid"), KEY),
    ("lazada", "9", "O", 401, "{}", KEY),
    ("lazada", "6", "O", 403, "", KEY),
    ("lazada", "9", "O", 200, _of_lazada("ApiCallLimit"), BUSY),
    ("lazada", "9", "O", 200, _of_lazada("SellerCallLimit"), BUSY),
    ("lazada", "9", "O", 200, _of_lazada("AppCallLimit", "ban 3 seconds"), BUSY),
    ("lazada", "9", "O", 429, _PAGE, BUSY),
    ("lazada", "6", "O", 200, _of_lazada("E500", "Internal error", "SYSTEM"), AWAY),
    ("lazada", "6", "O", 200, _of_lazada("xyzzy"), AWAY),
    ("lazada", "6", "O", 200, "", AWAY),
    ("lazada", "6", "O", 200, _PAGE, AWAY),
    ("lazada", "6", "O", 502, _of_lazada("0"), AWAY),
    ("lazada", "6", "O", 200, '{"code":"0","data":', AWAY),
    ("shopify", "9", "O", 401, '{"errors":"[API] Invalid API key or access token"}', KEY),
    ("shopify", "4", "O", 403, '{"errors":"read_orders is missing"}', KEY),
    ("shopify", "9", "O", 429, '{"errors":"Exceeded 2 calls per second"}', BUSY),
    ("shopify", "9", "O", 429, "", BUSY),
    ("shopify", "4", "O", 404, '{"errors":"Not Found"}', ADDRESS),
    ("shopify", "4", "O", 404, _PAGE, ADDRESS),
    ("shopify", "4", "O", 402, '{"errors":"Unavailable Shop"}', AWAY),
    ("shopify", "4", "O", 423, '{"errors":"Locked"}', AWAY),
    ("shopify", "4", "O", 500, "", AWAY),
    ("shopify", "4", "O", 503, _PAGE, AWAY),
    ("shopify", "4", "O", 200, _PAGE, AWAY),
    ("shopify", "4", "O", 200, '{"orders":{}}', AWAY),
    ("shopify", "4", "O", 200, '{"orders":[', AWAY),
    (
        "woocommerce",
        "9",
        "O",
        401,
        _of_woocommerce("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", 401),
        KEY,
    ),
    (
        "woocommerce",
        "3",
        "O",
        401,
        _of_woocommerce("woocommerce_rest_authentication_error", "Consumer key is invalid.", 401),
        KEY,
    ),
    ("woocommerce", "3", "O", 403, _PAGE, KEY),
    ("woocommerce", "9", "O", 429, "", BUSY),
    ("woocommerce", "9", "O", 429, _PAGE, BUSY),
    ("woocommerce", "3", "O", 404, _of_woocommerce("rest_no_route", "No route.", 404), ADDRESS),
    ("woocommerce", "3", "O", 404, _PAGE, ADDRESS),
    ("woocommerce", "3", "O", 200, _PAGE, ADDRESS),
    ("woocommerce", "3", "O", 200, '{"orders":[]}', ADDRESS),
    ("woocommerce", "3", "O", 400, _of_woocommerce("rest_invalid_param", "No.", 400), AWAY),
    ("woocommerce", "3", "O", 500, "", AWAY),
    ("woocommerce", "3", "O", 502, _PAGE, AWAY),
    ("woocommerce", "3", "O", 503, "Briefly unavailable for scheduled maintenance.", AWAY),
]

Word = tuple[str, str, str, str, str, str]
"""Source, section, mark, where it stands, the shop's word, ours."""

_PAID = "paid +"
WORDS: list[Word] = [
    ("shopify", "4", "K", "cancelled_at", "2026-11-19T10:00:00+08:00", "cancelled"),
    ("shopify", "4", "V", "financial_status", "refunded", "refunded"),
    ("shopify", "4", "V", "financial_status", "partially_refunded", "refunded_partly"),
    ("shopify", "4", "V", _PAID, "fulfilled", "delivered"),
    ("shopify", "4", "V", _PAID, "partial", "partially_delivered"),
    ("shopify", "4", "V", _PAID, "", "paid"),
    ("shopify", "4", "V", _PAID, "restocked", "paid, restocked"),
    ("shopify", "4", "K", "financial_status", "authorized", "unpaid"),
    ("shopify", "4", "K", "financial_status", "pending", "unpaid"),
    ("shopify", "4", "K", "financial_status", "partially_paid", "unpaid"),
    ("shopify", "4", "K", "financial_status", "voided", "unpaid"),
    ("shopify", "1", "O", "financial_status", "Voided", "Voided, nothing sent"),
    ("shopify", "4", "V", "restock_type", "no_restock", "none"),
    ("shopify", "4", "V", "restock_type", "cancel", "cancelled"),
    ("shopify", "4", "V", "restock_type", "return", "returned"),
    ("shopify", "4", "V", "restock_type", "legacy_restock", "unknown"),
    ("shopee", "5", "V", "order_status", "UNPAID", "unpaid"),
    ("shopee", "5", "V", "order_status", "READY_TO_SHIP", "paid"),
    ("shopee", "5", "V", "order_status", "PROCESSED", "paid"),
    ("shopee", "5", "V", "order_status", "RETRY_SHIP", "paid"),
    ("shopee", "5", "V", "order_status", "SHIPPED", "shipped"),
    ("shopee", "5", "V", "order_status", "TO_CONFIRM_RECEIVE", "delivered"),
    ("shopee", "5", "V", "order_status", "COMPLETED", "delivered"),
    ("shopee", "5", "V", "order_status", "IN_CANCEL", "exception"),
    ("shopee", "5", "V", "order_status", "CANCELLED", "cancelled"),
    ("shopee", "5", "V", "order_status", "TO_RETURN", "exception"),
    ("shopee", "1", "O", "order_status", "Completed", "Completed"),
    ("shopee", "5", "K", "status", "REQUESTED", "pending"),
    ("shopee", "5", "K", "status", "PROCESSING", "pending"),
    ("shopee", "5", "K", "status", "ACCEPTED", "pending"),
    ("shopee", "5", "K", "status", "REFUND_PAID", "refunded"),
    ("shopee", "5", "K", "status", "CLOSED", "closed"),
    ("shopee", "5", "K", "status", "CANCELLED", "cancelled"),
    ("shopee", "5", "K", "status", "JUDGING", "pending"),
    ("lazada", "6", "V", "status", "unpaid", "unpaid"),
    ("lazada", "6", "V", "status", "pending", "paid"),
    ("lazada", "6", "V", "status", "topack", "paid"),
    ("lazada", "6", "V", "status", "packed", "paid"),
    ("lazada", "6", "V", "status", "toship", "paid"),
    ("lazada", "6", "V", "status", "ready_to_ship", "paid"),
    ("lazada", "6", "V", "status", "shipped", "shipped"),
    ("lazada", "6", "V", "status", "delivered", "delivered"),
    ("lazada", "6", "V", "status", "confirmed", "delivered"),
    ("lazada", "6", "V", "status", "canceled", "cancelled"),
    ("lazada", "6", "V", "status", "failed", "exception"),
    ("lazada", "6", "V", "status", "failed_delivery", "exception"),
    ("lazada", "6", "V", "status", "shipped_back", "exception"),
    ("lazada", "6", "V", "status", "shipped_back_failed", "exception"),
    ("lazada", "6", "V", "status", "returned", "refunded"),
    ("lazada", "6", "V", "status", "shipped_back_success", "refunded"),
    ("lazada", "6", "V", "status", "lost_by_3pl", "refunded"),
    ("lazada", "6", "V", "status", "damaged_by_3pl", "refunded"),
    ("lazada", "6", "V", "status", "package_scrapped", "refunded"),
    ("lazada", "1", "O", "status", "Packed", "Packed"),
    *(
        ("woocommerce", "3", "V", "status", word, word)  # told as it is: rules say what it means
        for word in (
            *("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed"),
            "checkout-draft",
        )
    ),
]
