import pytest

pytestmark = pytest.mark.browser
R = "/c/kedai/records/netshop/order/SO-10240"
PAGES = {
    "dash": "/c/kedai/",
    "hold": "/c/kedai/holding?open=2",
    "holdone": "/c/kedai/holding/1",
    "appr": "/c/kedai/holding?view=approve",
    "map": "/c/kedai/mappings/missing?cause=2",
    "runs": "/c/kedai/runs",
    "run": "/c/kedai/runs/1",
    "pushes": "/c/kedai/pushes",
    "conn": "/c/kedai/connections/aiaccount",
    "src": "/c/kedai/connections/netshop",
    "find": "/c/kedai/find?q=SO-102",
    "seven": R,
    **{t: f"{R}?tab={t}" for t in ("trace", "lineage", "ruletree", "versions", "rpushes", "raw")},
}
PAGES["rpushes"] = f"{R}?tab=pushes"


def test_shots(somebody):
    import os

    which = os.environ.get("SHOTS", "").split(",")
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            if os.environ.get("ONLY") and f"{width}{scheme}" not in os.environ["ONLY"].split(","):
                continue
            p = somebody("farah", width=width, scheme=scheme)
            for name, url in PAGES.items():
                if which != [""] and name not in which:
                    continue
                p.go(url)
                p.page.screenshot(path=f"/tmp/shots/{name}-{width}-{scheme}.png", full_page=True)
            print(p.said)
