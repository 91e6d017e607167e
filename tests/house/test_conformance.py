"""The list of conformance modules is whole, honest and fresh."""

import pytest

from tests.house.conformance_matrix import SUITE, Plan, document, function_of, plans, written_in

ROOT = SUITE.parents[1]


def test_the_list_is_fresh() -> None:
    assert (ROOT / "docs/conformance.md").read_text(encoding="utf-8") == document(), "run make docs"


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan.key)
def test_every_module_has_a_test_or_a_reason_and_never_both(plan: Plan) -> None:
    for module in plan.modules:
        assert module.test or module.declined or module.later, f"{module.name}: neither test nor reason"
        assert not (module.test and module.later), f"{module.name} has a test: take it out of what is later"


def test_every_test_is_of_a_published_module() -> None:
    named = {plan.key: {function_of(module.name) for module in plan.modules} for plan in plans()}
    written = {path.stem.removeprefix("test_") for path in SUITE.glob("test_*.py")}
    assert written <= named.keys()
    for key in written:
        assert set(written_in(key)) <= named[key]
