"""The upstreams and rules of an oauth2-proxy as routes of ours: none is open that was not open there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.settings.oauth2_proxy_keys import Theirs

CLOSED = "nobody-until-this-is-decided"
"""Stands in `users`, where what kept people out cannot be said."""

# A beginning of paths, without an end and without any other sign of a pattern.
_BEGINNING = re.compile(r"\^(/[A-Za-z0-9/_~-]*[A-Za-z0-9_~-])")
_METHOD = re.compile(r"([A-Z]+)=(.*)")
_KEPT_OUT = (
    "allowed_roles",
    "google_groups",
    "gitlab_groups",
    "gitlab_projects",
    "github_repo",
    "github_users",
    "bitbucket_team",
    "bitbucket_repository",
)
_WITHOUT_ID_TOKENS = ("github", "bitbucket", "digitalocean", "facebook")
_FORWARDED = {
    "forward_token": "access_token",
    "token_header": "X-Forwarded-Access-Token",
    "token_scheme": "off",
}

Table = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Governed:
    """Tables of upstreams and routes; *asked* says that a proxy in front sends the requests itself."""

    upstreams: tuple[tuple[str, Table], ...]
    origins: tuple[str, ...]
    routes: tuple[Table, ...]
    asked: bool


def routes_of(theirs: Theirs) -> Governed:
    """Return where requests lead, and who may pass."""
    rules = _rules(theirs)
    terms = _terms(theirs)
    told = _upstream_terms(theirs)
    upstreams: list[tuple[str, Table]] = []
    origins: list[str] = []
    routes: list[Table] = []
    for path, origin in _places(theirs):
        name = "off" if origin is None else f"app{len(upstreams) + 1}"
        if origin is not None:
            origins.append(origin)
            upstreams.append((f"[upstreams.{name}]", {"urls": [origin], **told}))
        routes.append({"path": path, "upstream": name, **rules, **(terms if origin else {})})
    if not routes:
        theirs.tell("upstreams", "are none: what is written leads to http://127.0.0.1:3000")
        routes = [{"upstream": "http://127.0.0.1:3000", **rules}]
    opened = list(_opened(theirs, routes))
    return Governed(
        upstreams=tuple(upstreams),
        origins=tuple(origins),
        routes=(*routes, *opened),
        asked=any(route["upstream"] == "off" for route in routes),
    )


def _places(theirs: Theirs) -> Iterator[tuple[str, str | None]]:
    """Yield the path and origin of each app; without an origin a proxy in front asks."""
    seen: set[str] = set()
    for text in theirs.words("upstreams"):
        where = urlsplit(text)
        path = where.path.rstrip("/") or "/"
        if where.scheme == "static":
            path = "/"
        elif where.scheme not in ("http", "https"):
            theirs.tell("upstreams", f"{where.scheme}: has no counterpart: let a web server serve the files")
            continue
        if path in seen:
            theirs.tell("upstreams", f"leads from {path} to two places: the first is kept")
            continue
        seen.add(path)
        yield path, None if where.scheme == "static" else f"{where.scheme}://{where.netloc}"


def _rules(theirs: Theirs) -> Table:
    rules = _by_address(theirs)
    if groups := [*theirs.words("allowed_groups"), *theirs.words("keycloak_groups"), *_teams(theirs)]:
        rules["groups"] = groups
    for key in _KEPT_OUT:
        if theirs.words(key):
            theirs.tell(key, "keeps people out by what is not known here: until you decide nobody passes")
            rules["users"] = [CLOSED]
    return rules


def _by_address(theirs: Theirs) -> Table:
    domains = theirs.words("email_domains")
    if theirs.text("authenticated_emails_file"):
        theirs.tell("authenticated_emails_file", "goes into emails of each route: until then nobody passes")
        return {"users": [CLOSED]}
    if "*" in domains:
        return {}
    if not domains or any(each.startswith((".", "*")) for each in domains):
        theirs.tell("email_domains", "says whole domains, one by one: until you name them nobody passes")
        return {"users": [CLOSED]}
    return {"email_domains": [each.lower() for each in domains]}


def _teams(theirs: Theirs) -> list[str]:
    """Return GitHub's teams as the preset names groups: with their organization."""
    organization = theirs.text("github_org")
    teams = theirs.words("github_team")
    whole = [team if ":" in team or not organization else f"{organization}:{team}" for team in teams]
    return [team.replace(":", "/") for team in whole]


def _terms(theirs: Theirs) -> Table:
    terms: Table = {}
    if theirs.flag("proxy_websockets", default=True):
        terms["websocket"] = True
    if theirs.flag("pass_access_token"):
        terms |= {
            "forward_token": "access_token",
            "token_header": "X-Forwarded-Access-Token",
            "token_scheme": "off",
        }
    if theirs.flag("pass_authorization_header"):
        if "forward_token" in terms:
            theirs.tell("pass_authorization_header", "stays behind: a route forwards one token")
        elif theirs.text("provider") in _WITHOUT_ID_TOKENS:
            theirs.tell("pass_authorization_header", "stays behind: this provider gives no ID token")
        else:
            terms |= {"forward_token": "id_token"}
    return terms


def _upstream_terms(theirs: Theirs) -> Table:
    told: Table = {"preserve_host": theirs.flag("pass_host_header", default=True)}
    if waits := theirs.text("upstream_timeout"):
        told["timeouts"] = {"first_byte": waits}
    return told


def _opened(theirs: Theirs, routes: list[Table]) -> Iterator[Table]:
    """Yield the paths that were open to everybody, as far as a beginning of paths says which."""
    taken = {route.get("path", "/") for route in routes}
    for key in ("skip_auth_routes", "skip_auth_regex"):
        for text in theirs.words(key):
            with_method = _METHOD.fullmatch(text)
            method, pattern = with_method.groups() if with_method else ("", text)
            found = _BEGINNING.fullmatch(pattern)
            if found is None or found[1] in taken:
                theirs.tell(
                    key, f"{text} is no plain beginning of a path: open it by a route, or leave it closed"
                )
                continue
            taken.add(found[1])
            opened: Table = {"path": found[1], "upstream": _governing(routes, found[1])["upstream"]}
            yield opened | {"access": "public"} | ({"methods": [method]} if method else {})


def _governing(routes: list[Table], path: str) -> Table:
    """Return the route that governed *path* so far, the first where none did."""
    fitting = [each for each in routes if path.startswith(str(each.get("path", "/")).rstrip("/") + "/")]
    return max(fitting, key=lambda each: len(str(each.get("path", "/"))), default=routes[0])
