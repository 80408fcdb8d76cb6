"""Tabs of which a phone shows only the first: the rest is reached inside the strip."""

import pytest

from tests.browser.conftest import Open

pytestmark = pytest.mark.browser
MANY = """nav => {
    const tab = nav.querySelector('a');
    tab.insertAdjacentHTML('beforeend', '<span class="count">0<span class="vh">open</span></span>');
    for (let no = 0; no < 5; no++) nav.append(tab.cloneNode(true));
}"""


def test_words_for_screen_readers_in_tabs_do_not_widen_the_page(somebody: Open) -> None:
    farah = somebody("farah", width=390)
    farah.go("/c/kedai/holding")
    strip = farah.page.locator("#holdtabs")
    strip.evaluate(MANY)
    assert strip.evaluate("nav => nav.scrollWidth > nav.clientWidth")
    assert farah.page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_long_name_beside_a_moment_keeps_to_the_window(somebody: Open) -> None:
    """Facts of a push name the system, as in “Reference in AutoCount Accounting (Excel import)”."""
    farah = somebody("farah", width=390)
    farah.go("/c/kedai/records/netshop/order/SO-10240?tab=pushes")
    facts = farah.page.locator("#pushes .kv").first
    facts.evaluate("""dl => dl.insertAdjacentHTML('beforeend',
        '<dt>Reference in AutoCount Accounting (Excel import)</dt>'
        + '<dd><time>2026-11-26 18:48</time></dd>')""")
    assert farah.page.evaluate("document.documentElement.scrollWidth") == 390
