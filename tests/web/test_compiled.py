"""Templates: compiled once, and each configuration's own as they render."""

from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from gateway.web import compiled
from gateway.web.compiled import environment

SHIPPED = sorted(path.name for path in Path(compiled.__file__).with_name("templates").iterdir())
FACTS = {"signed_in": True, "return_to": None, "csrf": "t", "name": "", "issuer": "", "others": False}


@pytest.mark.parametrize("name", SHIPPED)
def test_two_configurations_share_what_is_compiled_and_nothing_else(name: str) -> None:
    one, other = environment(prefix="/.one"), environment(prefix="/.other")
    code = one.get_template(name).root_render_func.__code__
    assert other.get_template(name).root_render_func.__code__ is code
    assert one.get_template(name) is not other.get_template(name)


def test_links_lead_where_each_configuration_has_our_paths_whichever_rendered_first() -> None:
    one, other = environment(prefix="/.one"), environment(prefix="/.other")
    pages = [each.get_template("signout.html").render(FACTS) for each in (one, other, one)]
    assert [("/.one/" in page, "/.other/" in page) for page in pages] == [
        (True, False),
        (False, True),
        (True, False),
    ]


def test_S29_what_is_not_said_is_an_error_and_what_is_said_is_escaped() -> None:
    template = environment(prefix="/.gateway").get_template("signout.html")
    with pytest.raises(UndefinedError):
        template.render({})
    assert "<b>" not in template.render({**FACTS, "name": "<b>"})


def test_no_template_is_found_outside_the_package() -> None:
    for name in ("nobody.html", "../pages.py", "../../errors.py"):
        with pytest.raises(TemplateNotFound):
            environment(prefix="/.gateway").get_template(name)
