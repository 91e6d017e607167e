"""Whatever varies on a page is escaped."""

from gateway.demo.pages import HEADERS, folded, links, page, paragraph, table

RUDE = "<script>\"'&"
ESCAPED = "&lt;script&gt;&quot;&#x27;&amp;"


def test_S29_text_never_becomes_markup() -> None:
    for html in (
        page(RUDE),
        page("t", paragraph(RUDE), paragraph(RUDE, kind=RUDE)),
        page("t", table([(RUDE, RUDE)])),
        page("t", links((RUDE, RUDE))),
        page("t", folded(RUDE, paragraph(RUDE))),
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


def test_a_long_value_is_whole_and_takes_one_line() -> None:
    assert f'<td class="long"><div>{"x" * 200}</div></td>' in table([("name", "x" * 200)])
    assert "<td><div>short</div></td>" in table([("name", "short")])
