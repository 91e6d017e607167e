"""Every preset by its name."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.settings import presets_oauth, presets_oidc
from gateway.settings.presets import Preset

PRESETS: Mapping[str, Preset] = MappingProxyType({**presets_oidc.PRESETS, **presets_oauth.PRESETS})
