"""Presets of OAuth 2.0 providers; each has a page in docs/providers."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.settings.presets import Preset

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "github": Preset(
            name="GitHub",
            issuer="https://github.com/login/oauth",
            takes=("base_url", "organizations"),
            steps="github",
            keys={
                "type": "oauth2",
                "authorization_endpoint": "https://github.com/login/oauth/authorize",
                "token_endpoint": "https://github.com/login/oauth/access_token",
                "userinfo_endpoint": "https://api.github.com/user",
                "client_auth": "client_secret_post",
                "scopes": ["user:email", "read:org"],
                "claims": {"id": "id", "image": "avatar_url"},
                "email_verified_claim": "email_verified",
            },
            at_base={
                "issuer": "{base_url}/login/oauth",
                "authorization_endpoint": "{base_url}/login/oauth/authorize",
                "token_endpoint": "{base_url}/login/oauth/access_token",
                "userinfo_endpoint": "{base_url}/api/v3/user",
            },
        ),
        "bitbucket": Preset(
            name="Bitbucket",
            issuer="https://bitbucket.org",
            steps="bitbucket",
            keys={
                "type": "oauth2",
                "authorization_endpoint": "https://bitbucket.org/site/oauth2/authorize",
                "token_endpoint": "https://bitbucket.org/site/oauth2/access_token",
                "userinfo_endpoint": "https://api.bitbucket.org/2.0/user",
                "scopes": ["account", "email"],
                "claims": {"id": "uuid", "name": "display_name", "image": "links.avatar.href"},
                "email_verified_claim": "email_verified",
            },
        ),
        "discord": Preset(
            name="Discord",
            issuer="https://discord.com",
            keys={
                "type": "oauth2",
                "authorization_endpoint": "https://discord.com/oauth2/authorize",
                "token_endpoint": "https://discord.com/api/oauth2/token",
                "userinfo_endpoint": "https://discord.com/api/users/@me",
                "scopes": ["identify", "email"],
                "claims": {"id": "id", "name": "username"},
                "email_verified_claim": "verified",
            },
        ),
        "facebook": Preset(
            name="Facebook",
            issuer="https://www.facebook.com",
            keys={
                "type": "oauth2",
                "authorization_endpoint": "https://www.facebook.com/dialog/oauth",
                "token_endpoint": "https://graph.facebook.com/oauth/access_token",
                "userinfo_endpoint": "https://graph.facebook.com/me?fields=id,name,email,picture",
                "client_auth": "client_secret_post",
                "scopes": ["public_profile", "email"],
                "claims": {"id": "id", "image": "picture.data.url"},
            },
        ),
        "digitalocean": Preset(
            name="DigitalOcean",
            issuer="https://cloud.digitalocean.com",
            keys={
                "type": "oauth2",
                "authorization_endpoint": "https://cloud.digitalocean.com/v1/oauth/authorize",
                "token_endpoint": "https://cloud.digitalocean.com/v1/oauth/token",
                "userinfo_endpoint": "https://api.digitalocean.com/v2/account",
                "client_auth": "client_secret_post",
                "scopes": ["read"],
                "claims": {"id": "account.uuid", "email": "account.email", "name": "account.name"},
                "email_verified_claim": "account.email_verified",
            },
        ),
    }
)
