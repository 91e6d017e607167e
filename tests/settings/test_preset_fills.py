import pytest

from gateway.settings.overrides import Override
from gateway.settings.preset_fills import filled, told_once
from gateway.settings.presets import Preset
from gateway.settings.refusal import Finding

PRESETS = {"forge": Preset(name="Forge", issuer="https://forge.example")}


def test_a_preset_fills_what_is_not_written_and_says_so() -> None:
    raw: dict[str, object] = {"providers": [{"id": "a"}, {"id": "b", "preset": "forge", "name": "Ours"}]}
    made, fills = filled(raw, PRESETS)
    assert made["providers"] == [
        {"id": "a"},
        {"id": "b", "preset": "forge", "name": "Ours", "issuer": "https://forge.example"},
    ]
    assert [(each.path, each.origin) for each in fills] == [(("providers", 1, "issuer"), "preset forge")]
    assert raw == {"providers": [{"id": "a"}, {"id": "b", "preset": "forge", "name": "Ours"}]}


@pytest.mark.parametrize(
    "providers", [None, "text", {}, [7], [{"preset": 7}], [{"preset": "unknown"}], [{"preset": ["forge"]}]]
)
def test_what_is_no_provider_with_a_preset_is_left_to_the_schema(providers: object) -> None:
    assert filled({"providers": providers}, PRESETS) == ({"providers": providers}, [])


def test_a_broken_parameter_is_told_and_not_the_issuer_made_of_it() -> None:
    fills = [Override(path=("providers", 0, "issuer"), value="x", origin="preset forge")]
    issuer, domain, elsewhere = (
        Finding(path=path, message="wrong")
        for path in (("providers", 0, "issuer"), ("providers", 0, "domain"), ("providers", 1, "id"))
    )
    assert told_once([issuer, domain, elsewhere], fills) == [domain, elsewhere]
    assert told_once([issuer, elsewhere], fills) == [issuer, elsewhere]
