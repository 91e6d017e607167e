from gateway.settings import presets_oauth, presets_oidc
from gateway.settings.known_presets import PRESETS


def test_no_name_is_given_twice() -> None:
    assert len(PRESETS) == len(presets_oidc.PRESETS) + len(presets_oauth.PRESETS)
