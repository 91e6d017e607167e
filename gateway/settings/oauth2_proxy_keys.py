"""The keys of an oauth2-proxy, each read at most once; those that nobody reads are told."""

from collections.abc import Iterator, Mapping

_WITHOUT = "has no counterpart: left out"
_ELSEWHERE = {
    "proxy_prefix": "stays behind: our own pages are below /.gateway (prefix)",
    "login_url": "is found by discovery",
    "redeem_url": "is found by discovery",
    "profile_url": "is found by discovery",
    "validate_url": "has no counterpart: ID tokens are verified by their signature",
    "oidc_jwks_url": "is found by discovery",
    "user_id_claim": "is always sub",
    "whitelist_domains": "has no counterpart: a login leads back to hosts that routes name alone",
    "skip_jwt_bearer_tokens": "is said by bearer on a route (docs/machine-clients.md)",
    "extra_jwt_issuers": "are said by bearer on a route (docs/machine-clients.md)",
    "skip_auth_preflight": "has no counterpart: a preflight passes on public and optional routes alone",
    "trusted_ips": "has no counterpart: networks restricts a route and opens none",
    "htpasswd_file": 'has no counterpart: see type = "password" in docs/providers.md',
    "pass_basic_auth": "has no counterpart: apps are told in headers and by the assertion",
    "basic_auth_password": "has no counterpart: apps are told in headers and by the assertion",
    "cookie_secure": "is always so on https",
    "cookie_httponly": "is always so",
    "cookie_path": "is always /",
    "insecure_oidc_allow_unverified_email": "changes nothing: only a verified address counts in rules",
    "insecure_oidc_skip_issuer_verification": "is refused here: an ID token names its issuer",
    "insecure_oidc_skip_nonce": "is refused here: an ID token has the nonce of its login",
    "skip_oidc_discovery": "has no counterpart: the issuer's metadata is read",
    "ssl_insecure_skip_verify": "is refused here: name the issuer's authority in providers.tls.ca",
    "ssl_upstream_insecure_skip_verify": "is refused here: name the app's authority in upstreams.NAME.tls.ca",
    "metrics_address": "stays behind: /metrics is at admin_listen, beside /readyz",
    "ping_path": "stays behind: /livez and /readyz are at admin_listen",
    "ready_path": "stays behind: /livez and /readyz are at admin_listen",
    "real_client_ip_header": "is always X-Forwarded-For or Forwarded, of trusted_proxies",
    "backend_logout_url": "is found by discovery: federated=1 at the sign-out goes on to the issuer",
}
# What changes nothing here, so that there is nothing to tell.
# fmt: off
_SILENT = frozenset((
    "approval_prompt", "code_challenge_method", "cookie_csrf_per_request", "cookie_csrf_expire",
    "flush_interval", "footer", "banner", "custom_sign_in_logo", "skip_provider_button",
    "show_debug_on_error", "custom_templates_dir", "force_https", "request_logging", "auth_logging",
    "standard_logging", "request_logging_format", "auth_logging_format", "encode_state",
    "standard_logging_format", "logging_filename", "logging_max_size", "logging_max_age",
    "logging_local_time", "logging_max_backups", "logging_compress", "silence_ping_logging",
    "session_cookie_minimal", "errors_to_info_log", "exclude_logging_paths", "display_htpasswd_form",
    "redis_connection_idle_timeout", "force_json_errors", "api_routes",
))
# fmt: on


class Theirs:
    """What was written, and what is to be told of it in the order in which it turned up."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = {key.replace("-", "_"): value for key, value in values.items()}
        self._read: set[str] = set()
        self._told: list[tuple[str, str]] = []

    def has(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str) -> str:
        """Return a text, empty where there is none."""
        value = self._value(key, str)
        return value.strip() if isinstance(value, str) else ""

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self._value(key, bool)
        return value if isinstance(value, bool) else default

    def words(self, key: str) -> list[str]:
        """Return a list of texts, which may be written as one with commas, and under a name without the s."""
        value = self._value(key, list | str)
        if value is None and key.endswith("s"):
            value = self._value(key.removesuffix("s"), list | str)
        if isinstance(value, str):
            value = value.split(",")
        return [each.strip() for each in value if isinstance(each, str)] if isinstance(value, list) else []

    def tell(self, key: str, text: str) -> None:
        """Tell *text*, a sentence that goes on from *key*."""
        self._told.append((key, text))

    def told(self) -> Iterator[tuple[str, str]]:
        """Yield what was told, then what is written and was never asked for."""
        yield from self._told
        for key in self._values:
            if key not in self._read and key not in _SILENT:
                yield key, _ELSEWHERE.get(key, _WITHOUT)

    def _value(self, key: str, kind: object) -> object:
        self._read.add(key)
        value = self._values.get(key)
        if value is None or isinstance(value, kind):  # type: ignore[arg-type]
            return value
        self.tell(key, "is of another type than it should be: left out")
        return None
