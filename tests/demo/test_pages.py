"""Whatever varies on a page is escaped."""

from gateway.demo.pages import HEADERS, links, page, paragraph, table

RUDE = "<script>\"'&"
ESCAPED = "&lt;script&gt;&quot;&#x27;&amp;"


def test_S29_text_never_becomes_markup() -> None:
    for html in (
        page(RUDE),
        page("t", paragraph(RUDE), paragraph(RUDE, kind=RUDE)),
        page("t", table([(RUDE, RUDE)])),
        page("t", links((RUDE, RUDE))),
    ):
        assert RUDE not in html
        assert "<script" not in html
        assert ESCAPED in html


def test_S28_a_page_runs_no_script_and_is_framed_by_nobody() -> None:
    policy = dict(HEADERS)["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_page_is_fit_for_light_and_dark_and_small_screens() -> None:
    html = page("Title")
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport"' in html
    assert "<title>Title</title>" in html
