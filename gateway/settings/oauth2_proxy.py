"""What a configuration of oauth2-proxy says, in our words.

Law: nobody passes who did not pass before. What cannot be said here is told, and where it kept people out
the routes stay closed until somebody decides. Secrets are referred to, never carried over.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.settings.notation import quoted, toml
from gateway.settings.oauth2_proxy_keys import Theirs
from gateway.settings.oauth2_proxy_routes import Governed, routes_of

WEEK = 168 * 3600
"""How long a session of theirs lives where `cookie_expire` does not say."""

LEASE = 600
"""Ours where nothing is said: a session has to last longer."""

_ADMIN = 8081
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - as theirs listens where no address is named
_PLACEHOLDER = "https://gateway.example.com"
_SECONDS = {"h": 3600, "m": 60, "s": 1}
_SPAN = re.compile(r"(\d+)(h|m|s)")
_TENANT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Of theirs, those that need nothing but their name; the others are read below.
_PRESETS = {
    "google": "google",
    "github": "github",
    "bitbucket": "bitbucket",
    "digitalocean": "digitalocean",
    "facebook": "facebook",
}
_AT_A_PLACE = {"gitlab": "gitlab", "gitea": "gitea", "nextcloud": "nextcloud", "adfs": "adfs"}
_USER_HEADERS = (
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
)
_FIELDS = ("claims.subject", "email", "groups", "claims.preferred_username")

Table = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is to be known or decided; *key* is theirs, empty where it is about none."""

    key: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """The text of a gateway.toml, and what is to be known of it."""

    text: str
    notes: tuple[Note, ...]


def migrate(values: Mapping[str, object], *, source: str) -> Migration:
    """Return what *values*, read from *source*, say in our words; it loads once its secrets are there."""
    theirs = Theirs(values)
    top = _top(theirs)
    session = _session(theirs)
    redis = _redis(theirs)
    provider = _provider(theirs)
    headers = _headers(theirs, provider)
    governed = routes_of(theirs)
    callback = f"{top['public_url']}/.gateway/callback/{provider['id']}"
    theirs.tell("", f"register the redirect URI {callback} at the provider")
    if governed.asked and not top.get("trusted_proxies"):
        top["trusted_proxies"] = ["127.0.0.1/32"]
        theirs.tell("upstreams", "name the proxy that asks in trusted_proxies, and read docs/forward-auth.md")
    if any(map(_is_ours, governed.origins)):
        top["admin_listen"] = f"127.0.0.1:{_ADMIN + 1}"
    sections = [*_tables(session, redis), ("[[providers]]", provider), ("[identity.headers]", headers)]
    text = "\n".join(_written(source, top, sections, governed))
    return Migration(text=text, notes=tuple(Note(key=key, text=text) for key, text in theirs.told()))


def _is_ours(origin: str) -> bool:
    """Say whether an app listens where our admin port would."""
    where = urlsplit(origin)
    return where.port == _ADMIN and where.hostname in ("127.0.0.1", "localhost", "::1")


def _top(theirs: Theirs) -> Table:
    where = urlsplit(theirs.text("redirect_url"))
    origin = f"{where.scheme}://{where.netloc}".lower() if where.netloc else _PLACEHOLDER
    if not where.netloc:
        theirs.tell("redirect_url", "is not said: write what the browser types in public_url")
    for key in ("cookie_secret", "cookie_secret_file"):
        if theirs.text(key):
            theirs.tell(key, "stays behind: make var/secret.key, and everybody signs in once more")
    top: Table = {"public_url": origin, "listen": _listen(theirs), "secret": {"file": "var/secret.key"}}
    if proxies := [_network(each) for each in theirs.words("trusted_proxy_ips")]:
        top["trusted_proxies"] = proxies
    elif theirs.flag("reverse_proxy"):
        theirs.tell("reverse_proxy", "believes everybody: name the proxy's address in trusted_proxies")
    cert, key = theirs.text("tls_cert_file"), theirs.text("tls_key_file")
    if cert and key:
        top["tls"] = {"cert": cert, "key": key}
    return top


def _network(text: str) -> str:
    return text if "/" in text else f"{text}/{128 if ':' in text else 32}"


def _listen(theirs: Theirs) -> str:
    plain, secure = theirs.text("http_address"), theirs.text("https_address")
    chosen = (secure or ":443") if theirs.has("tls_cert_file") else plain or "127.0.0.1:4180"
    if chosen.startswith("unix://"):
        return f"unix:{chosen.removeprefix('unix://')}"
    address = chosen.rpartition("://")[2]
    return f"{_EVERYWHERE}{address}" if address.startswith(":") else address


def _session(theirs: Theirs) -> Table:
    lasts = _seconds(theirs, "cookie_expire") or WEEK
    session: Table = {"max_age": lasts}
    lease = _seconds(theirs, "cookie_refresh")
    if 0 < lease < lasts:
        session["lease"] = lease
    elif lasts <= LEASE:
        session["lease"] = max(1, lasts // 2)
    if cookie := _cookie(theirs):
        session["cookie"] = cookie
    return session


def _cookie(theirs: Theirs) -> Table:
    cookie: Table = {}
    name = theirs.text("cookie_name").removeprefix("__Host-").removeprefix("__Secure-")
    if name and "." not in name:
        cookie["name"] = name
    if same_site := theirs.text("cookie_samesite"):
        cookie["same_site"] = same_site
    domains = [each.lstrip(".") for each in theirs.words("cookie_domains")]
    if len(domains) == 1:
        cookie["domain"] = domains[0]
    elif domains:
        theirs.tell("cookie_domains", "are several, and a cookie has one: choose session.cookie.domain")
    return cookie


def _seconds(theirs: Theirs, key: str) -> int:
    """Return a span such as `168h0m0s` in seconds, 0 where none is written."""
    text = theirs.text(key)
    parts = _SPAN.findall(text)
    if text and "".join(map("".join, parts)) != text:
        theirs.tell(key, "is no span in hours, minutes and seconds: left out")
        return 0
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


def _redis(theirs: Theirs) -> Table:
    if theirs.text("session_store_type") != "redis":
        return {}
    url = _redis_url(theirs)
    redis: Table = {"url": url}
    if name := theirs.text("redis_username"):
        redis["username"] = name
    if theirs.text("redis_password"):
        redis["password"] = {"env": "OAUTH2_PROXY_REDIS_PASSWORD"}
        theirs.tell("redis_password", "is asked for in OAUTH2_PROXY_REDIS_PASSWORD: set it before the start")
    if ca := theirs.text("redis_ca_path"):
        redis["tls"] = {"ca": ca}
    return redis


def _redis_url(theirs: Theirs) -> str:
    master = theirs.text("redis_sentinel_master_name") or "mymaster"
    sentinels = _places(theirs.words("redis_sentinel_connection_urls"))
    cluster = _places(theirs.words("redis_cluster_connection_urls"))
    if theirs.flag("redis_use_sentinel") and sentinels:
        return f"redis+sentinel://{sentinels}/{master}"
    if theirs.flag("redis_use_cluster") and cluster:
        return f"redis+cluster://{cluster}"
    written = urlsplit(theirs.text("redis_connection_url"))
    if written.username or written.password:
        theirs.tell("redis_connection_url", "holds credentials: write redis.username and redis.password")
    number = written.path if written.path.strip("/") else "/0"
    return f"{written.scheme or 'redis'}://{written.netloc.rpartition('@')[2] or '127.0.0.1:6379'}{number}"


def _places(urls: Iterable[str]) -> str:
    return ",".join(urlsplit(each).netloc.rpartition("@")[2] for each in urls)


def _provider(theirs: Theirs) -> Table:
    kind = theirs.text("provider") or "google"
    provider: Table = {"id": kind.removesuffix("-oidc").replace(".", "-")}
    if name := theirs.text("provider_display_name"):
        provider["name"] = name
    provider |= _issuer(theirs, kind)
    provider["client_id"] = theirs.text("client_id") or "gateway"
    provider["client_secret"] = _client_secret(theirs)
    if scope := theirs.text("scope"):
        provider["scopes"] = scope.split()
    asked = {key: value for key in ("prompt", "acr_values") if (value := theirs.text(key))}
    if asked:
        provider["authorization_params"] = asked
    return provider


def _issuer(theirs: Theirs, kind: str) -> Table:
    issuer = theirs.text("oidc_issuer_url")
    if kind in _PRESETS:
        found: Table = {"preset": _PRESETS[kind]}
        if kind == "github" and (organization := theirs.text("github_org")):
            found["organizations"] = [organization]
        return found
    if kind in ("azure", "entra-id"):
        tenant = theirs.text("azure_tenant") or urlsplit(issuer).path.strip("/").partition("/")[0]
        if not _TENANT.fullmatch(tenant):
            theirs.tell("azure_tenant", "is no tenant's id: write it in tenant, or take entra-multitenant")
            tenant = "00000000-0000-0000-0000-000000000000"
        return {"preset": "entra", "tenant": tenant}
    place = issuer or _origin(theirs.text("login_url"))
    if kind in _AT_A_PLACE:
        where = place or ("https://gitlab.com" if kind == "gitlab" else "https://login.example.com")
        return {"preset": _AT_A_PLACE[kind], "base_url": where.removesuffix("/")}
    if kind not in ("oidc", "keycloak-oidc"):
        theirs.tell("provider", f"{kind} is not known: it is taken for an OpenID Connect issuer")
    if not issuer:
        theirs.tell("oidc_issuer_url", "is not said: write the issuer exactly as its metadata spells it")
    return {"issuer": issuer or "https://login.example.com"}


def _origin(text: str) -> str:
    where = urlsplit(text)
    return f"{where.scheme}://{where.netloc}" if where.netloc else ""


def _client_secret(theirs: Theirs) -> Table:
    if file := theirs.text("client_secret_file"):
        return {"file": file}
    if theirs.text("client_secret"):
        theirs.tell("client_secret", "is asked for in OAUTH2_PROXY_CLIENT_SECRET: set it before the start")
    return {"env": "OAUTH2_PROXY_CLIENT_SECRET"}


def _headers(theirs: Theirs, provider: Table) -> Table:
    """Return what apps are told, and let *provider* keep the claims that it is made of."""
    named: list[str] = list(_USER_HEADERS) if theirs.flag("pass_user_headers", default=True) else []
    if theirs.flag("set_xauthrequest"):
        named += [name.replace("X-Forwarded-", "X-Auth-Request-") for name in _USER_HEADERS]
    fields = dict(zip(named, _FIELDS * 2, strict=False))
    claims: Table = {}
    if groups := theirs.text("oidc_groups_claim"):
        claims["groups"] = groups
    if email := theirs.text("oidc_email_claim"):
        claims["email"] = email
    if claims and "preset" in provider:
        theirs.tell("", "claims of theirs stay behind: the preset knows where they are")
    if "preset" in provider:  # a table of claims would take the place of the preset's
        fields = {name: "id" if field.startswith("claims.") else field for name, field in fields.items()}
        fields = {name: field for name, field in fields.items() if not name.endswith("-Username")}
        if fields:
            theirs.tell("", "X-Forwarded-User is the gateway's own id of a user, no longer the provider's")
    elif fields:
        claims |= {"subject": "sub", "preferred_username": "preferred_username"}
    if claims and "preset" not in provider:
        provider["claims"] = claims
    if theirs.flag("prefer_email_to_user"):
        fields |= {name: "email" for name in fields if name.endswith("-User")}
    return {**fields, "X-User-Id": "id"}


def _tables(session: Table, redis: Table) -> Iterator[tuple[str, Table]]:
    cookie = session.pop("cookie", None)
    if redis:
        session |= {"strategy": "stateful", "store": "redis"}
    yield "[session]", session
    if isinstance(cookie, dict):
        yield "[session.cookie]", cookie
    if redis:
        yield "[redis]", redis


def _written(
    source: str, top: Table, sections: Iterable[tuple[str, Table]], governed: Governed
) -> Iterator[str]:
    yield f"# Made from {source} by `gateway migrate oauth2-proxy`, which also told what this does not say."
    yield from _lines(top)
    for head, table in (*sections, *governed.upstreams, *(("[[routes]]", each) for each in governed.routes)):
        yield ""
        yield head
        yield from _lines(table)
    yield ""


def _lines(table: Table) -> Iterator[str]:
    return (f"{quoted(key)} = {toml(value)}" for key, value in table.items())
