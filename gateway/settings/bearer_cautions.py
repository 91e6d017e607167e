"""What may stand where a route takes bearers, and its author should still know."""

from collections.abc import Iterator

from gateway.settings.routes import RouteSettings


def bearer_cautions(index: int, route: RouteSettings) -> Iterator[str]:
    """Yield what a token may leave out that a rule goes by, and what no rule holds it to."""
    if route.bearer:
        for key in ("groups", "claims", "emails", "email_domains"):
            if getattr(route.deny, key):
                yield (
                    f"routes[{index}].deny.{key} refuses only whose token says so, and access tokens often "
                    "leave that out: allow by groups, claims or scopes, or refuse by roles or users"
                )
    for number, bearer in enumerate(route.bearer):
        if not bearer.audience:
            yield (
                f"routes[{index}].bearer[{number}] names no audience: every token of its issuer is taken, "
                "whatever app it was made for"
            )
