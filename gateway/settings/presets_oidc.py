"""Presets of OpenID Connect providers; each has a page in docs/providers."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.settings.presets import Preset

_NO_EMAIL = "an Entra tenant may give its users any address: it proves nobody's identity"
_GROUPS = ("openid", "email", "profile", "groups")
# Twitch says no more than who signed in, unless it is asked (OpenID Connect Core 5.5).
_ASKED_OF_TWITCH = (
    '{"id_token":{"email":null,"email_verified":null,"picture":null,"preferred_username":null}}'
)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "google": Preset(
            name="Google",
            issuer="https://accounts.google.com",
            takes=("hosted_domain",),
            hints={"hd": "hosted_domain"},
            signed={"hd": "hosted_domain"},
        ),
        "entra": Preset(
            name="Microsoft",
            issuer="https://login.microsoftonline.com/{tenant}/v2.0",
            needs=("tenant",),
            signed={"tid": "tenant"},
            refuses={"trust_email": _NO_EMAIL},
            steps="entra",
        ),
        "entra-multitenant": Preset(
            name="Microsoft",
            issuer="https://login.microsoftonline.com/organizations/v2.0",
            takes=("tenants",),
            refuses={"trust_email": _NO_EMAIL},
            demands={"tenants": "every organisation has accounts there"},
            steps="entra",
        ),
        "gitlab": Preset(
            name="GitLab",
            issuer="{base_url}",
            needs=("base_url",),
            usual={"base_url": "https://gitlab.com"},
        ),
        "okta": Preset(name="Okta", issuer="https://{domain}", needs=("domain",)),
        "auth0": Preset(name="Auth0", issuer="https://{domain}/", needs=("domain",)),
        "keycloak": Preset(name="Keycloak", issuer="{base_url}/realms/{realm}", needs=("base_url", "realm")),
        "cognito": Preset(
            name="Cognito",
            issuer="https://cognito-idp.{region}.amazonaws.com/{user_pool}",
            needs=("user_pool",),
            keys={"claims": {"groups": "cognito:groups"}},
        ),
        "gitea": Preset(
            name="Gitea", issuer="{base_url}", needs=("base_url",), keys={"scopes": list(_GROUPS)}
        ),
        "forgejo": Preset(
            name="Forgejo", issuer="{base_url}", needs=("base_url",), keys={"scopes": list(_GROUPS)}
        ),
        "nextcloud": Preset(
            name="Nextcloud", issuer="{base_url}", needs=("base_url",), keys={"scopes": list(_GROUPS)}
        ),
        "authentik": Preset(
            name="authentik",
            issuer="{base_url}/application/o/{application}/",
            needs=("base_url", "application"),
        ),
        "authelia": Preset(
            name="Authelia", issuer="{base_url}", needs=("base_url",), keys={"scopes": list(_GROUPS)}
        ),
        "dex": Preset(name="Dex", issuer="{base_url}", needs=("base_url",), keys={"scopes": list(_GROUPS)}),
        "adfs": Preset(
            name="AD FS",
            issuer="{base_url}/adfs",
            needs=("base_url",),
            keys={"scopes": ["openid", "email", "profile", "allatclaims"], "claims": {"name": "unique_name"}},
        ),
        "apple": Preset(
            name="Apple",
            issuer="https://appleid.apple.com",
            takes=("team",),
            keys={
                "client_auth": "signed_client_secret",
                "response_mode": "form_post",
                "scopes": ["openid", "name", "email"],
            },
            demands={"team": "it signs the client secret"},
            steps="apple",
            revokes=False,
        ),
        "login.gov": Preset(
            name="Login.gov",
            issuer="{base_url}/",
            needs=("base_url",),
            usual={"base_url": "https://secure.login.gov"},
            keys={
                "client_auth": "private_key_jwt",
                "scopes": ["openid", "email"],
                "authorization_params": {"acr_values": "urn:acr.login.gov:auth-only"},
            },
            assertion_path="api/openid_connect/token",
            logout_hint=False,
        ),
        "slack": Preset(
            name="Slack",
            issuer="https://slack.com",
            takes=("workspace",),
            hints={"team": "workspace"},
            signed={"https://slack.com/team_id": "workspace"},
            demands={"workspace": "everybody may have a workspace of their own"},
        ),
        "zitadel": Preset(
            name="Zitadel",
            issuer="{base_url}",
            needs=("base_url",),
            demands={"trusted_audiences": "its ID tokens name the project as well as this client"},
            steps="zitadel",
        ),
        "twitch": Preset(
            name="Twitch",
            issuer="https://id.twitch.tv/oauth2",
            keys={
                "client_auth": "client_secret_post",
                "scopes": ["openid", "user:read:email"],
                "authorization_params": {"claims": _ASKED_OF_TWITCH},
                "claims": {"name": "preferred_username"},
            },
            steps="twitch",
        ),
        "hydra": Preset(name="Ory", issuer="{base_url}", needs=("base_url",), keys={"scopes": ["openid"]}),
    }
)
