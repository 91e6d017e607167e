"""The words that presets and their parameters are written in: none may bend the issuer made of it."""

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from gateway.settings.addresses import IssuerUrl
from gateway.settings.known_presets import PRESETS
from gateway.settings.notation import nearest, one_of
from gateway.settings.refusal import Refused


def _preset(text: str) -> str:
    if text not in PRESETS:
        meant = nearest(text, PRESETS)
        raise Refused("is no preset", f'did you mean "{meant}"?' if meant else one_of(PRESETS))
    return text


def _some(tenants: tuple[str, ...]) -> tuple[str, ...]:
    if not tenants:
        raise Refused("is empty, so nobody could sign in", "name the id of a tenant")
    return tenants


def _bare(pattern: str, message: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise Refused(message)
        return text

    return AfterValidator(check)


PresetName = Annotated[
    str, AfterValidator(_preset), WithJsonSchema({"type": "string", "enum": list(PRESETS)})
]
Domain = Annotated[
    str,
    _bare(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}", "must be a host in small letters, without https://"),
]
TenantId = Annotated[
    str,
    _bare(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "must be the id of one tenant, in small letters"),
]
TenantIds = Annotated[tuple[TenantId, ...], AfterValidator(_some)]
PathSegment = Annotated[
    str, _bare(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}", "must be one segment of a path: letters, digits, - . _")
]
UserPool = Annotated[
    str,
    _bare(r"[a-z]{2}(?:-[a-z]+)+-[0-9]_[A-Za-z0-9]{1,55}", 'must be a pool id such as "eu-west-1_Ab12Cd"'),
]
AppleTeam = Annotated[str, _bare(r"[A-Z0-9]{10}", 'must be a team id of ten characters such as "A1B2C3D4E5"')]
SlackWorkspace = Annotated[
    str, _bare(r"T[A-Z0-9]{2,31}", 'must be the id of one workspace, such as "T0123ABCD"')
]
BaseUrl = Annotated[IssuerUrl, _bare(r".*[^/]", "must not end with a slash")]
