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
