"""Contradictions among routes that take bearers."""

from collections.abc import Iterator

from gateway.settings.notation import KeyPath
from gateway.settings.refusal import Finding
from gateway.settings.routes import RouteSettings
from gateway.settings.schema import Settings


def bearers(settings: Settings) -> Iterator[Finding]:
    """Yield what makes `bearer` useless or unsafe on a route."""
    for index, route in enumerate(settings.routes):
        path = ("routes", index)
        if not route.takes_bearers:
            if route.forward_bearer:
                yield Finding(
                    path=(*path, "forward_bearer"),
                    message="means nothing where no tokens are taken: Authorization passes untouched",
                    suggestion="leave it out, or add bearer",
                    because=((*path, "bearer"),),
                )
            continue
        if route.access == "public":
            yield Finding(
                path=(*path, "bearer" if route.bearer else "personal_tokens"),
                message='says who calls, and a route with access = "public" never knows',
                suggestion='write access = "authenticated", or leave it out',
                because=((*path, "access"),),
            )
        if route.forward_bearer and route.forward_token and route.token_header.lower() == "authorization":
            yield Finding(
                path=(*path, "forward_bearer"),
                message="sends the client's Authorization along, and forward_token puts another one there",
                suggestion="choose another token_header",
                because=((*path, "forward_token"), (*path, "token_header")),
            )
        if route.personal_tokens and (route.deny.groups or route.deny.claims):
            yield Finding(
                path=(*path, "personal_tokens"),
                message="knows no groups and claims of an issuer, so whom deny refuses by them would pass",
                suggestion="refuse by roles, users or e-mail there",
                because=((*path, "deny"),),
            )
        yield from _issuers(path, route, settings)


def _issuers(path: KeyPath, route: RouteSettings, settings: Settings) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for number, each in enumerate(route.bearer):
        place = (*path, "bearer", number)
        first = seen.setdefault(each.issuer, number)
        if first != number:
            yield Finding(
                path=(*place, "issuer"),
                message=f"is listed already, as bearer[{first}]",
                suggestion="name all audiences in one table",
                because=((*path, "bearer", first, "issuer"),),
            )
        clients = {one.client_id for one in settings.providers if one.issuer == each.issuer}
        if each.typ == "JWT" and clients & set(each.audience):
            yield Finding(
                path=(*place, "audience"),
                message='is our own client_id there: with typ = "JWT" ID tokens would pass for access tokens',
                suggestion="have the issuer name this resource otherwise",
                because=((*place, "typ"), ("providers",)),
            )
