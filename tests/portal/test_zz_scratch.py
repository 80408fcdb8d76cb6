import pytest, os
from sqlalchemy import event
pytestmark = pytest.mark.sqlite
def test_q(visit, database):
    farah = visit("farah")
    for url in os.environ["URLS"].split():
        seen = []
        event.listen(database.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
        farah.text(url)
        print("=====", url, len(seen))
        for s in seen: 
            import re
            t=" ".join(s.split()); m=re.search(r"FROM (\w+)", t); print("  ", t[:60], "...FROM", (m[1] if m else ""), t[-90:])
        break
