"""What forked workers find done: imports, mappers, the grammar. For the server of forks only."""

from sqlalchemy.orm import configure_mappers

from holding.rulesets.admission import examine
from tests.support.house import RULES

configure_mappers()
examine({"shop.rules": RULES.replace("TIMING", "immediately")})
