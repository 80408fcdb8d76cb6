"""The register of finding codes: family and two digits -> dotted name.

Each code has a page in `docs/findings/`; a test holds register and pages together. A code keeps
its meaning for ever: a finding that goes away leaves its number unused.
"""

CODES: dict[str, str] = {
    # parser: what can be said about one declaration alone
    "SYN01": "syntax.unexpected",
    "SYN02": "syntax.line_ends_early",
    "SYN03": "syntax.incomplete",
    "SYN04": "syntax.no_declaration",
    "SYN05": "syntax.clause_alone",
    "SYN06": "syntax.declaration_indented",
    "SYN07": "syntax.reserved_word",
    "SYN08": "syntax.unknown_word",
    "SYN09": "syntax.missing_clause",
    "SYN10": "syntax.quotes",
    "SYN11": "syntax.foreign_sign",
    "SYN12": "syntax.tab",
    "SYN13": "syntax.operator",
    "SYN14": "syntax.number_form",
    "SYN15": "syntax.date_form",
    "SYN16": "syntax.currency_sign",
    "SYN17": "syntax.comment_form",
    "SYN18": "syntax.semicolon",
    "SYN19": "syntax.text_open",
    "SYN20": "syntax.no_such_date",
    "SYN21": "syntax.too_deep",
    "SYN22": "syntax.and_or_mixed",
    "SYN23": "syntax.status_spelling",
    "SYN40": "syntax.not_in_this_version",
    "SYN41": "syntax.language_version",
    # checker: what needs the whole ruleset
}
