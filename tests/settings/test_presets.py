import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.presets import PARAMETERS, Preset
from gateway.settings.providers import ProviderSettings

PRESET = Preset(
    name="Forge",
    issuer="{base_url}/realms/{realm}",
    needs=("base_url", "realm"),
    usual={"base_url": "https://forge.example"},
    keys={"scopes": ["openid", "groups"]},
    hints={"hd": "hosted_domain"},
)


def test_every_parameter_is_a_key() -> None:
    assert set(PARAMETERS) <= set(ProviderSettings.model_fields)


@pytest.mark.parametrize(
    ("written", "issuer"),
    [
        ({"realm": "a"}, "https://forge.example/realms/a"),
        ({"realm": "a", "base_url": "https://own.example"}, "https://own.example/realms/a"),
        ({"base_url": "https://own.example"}, None),
        ({"realm": 7}, None),
    ],
)
def test_the_issuer_is_made_of_parameters(written: dict[str, object], issuer: str | None) -> None:
    assert PRESET.issuer_of(written) == issuer


KEYS = ("name", "issuer", "scopes", "realm", "authorization_params")


@given(st.dictionaries(st.sampled_from(KEYS), st.text()))
def test_what_is_written_is_never_replaced(written: dict[str, object]) -> None:
    assert not PRESET.fills(written).keys() & written.keys()


def test_a_hint_goes_along_where_its_parameter_is_written() -> None:
    assert "authorization_params" not in PRESET.fills({})
    assert PRESET.fills({"hosted_domain": "example.com"})["authorization_params"] == {"hd": "example.com"}
