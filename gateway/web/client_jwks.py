"""The public halves of our own keys, where each issuer fetches those that it is to know."""

from collections.abc import Mapping

from gateway.errors import NoSuchPage
from gateway.model.answer import Answer
from gateway.web.replies import Replies
from gateway.web.visit import Visit

_KEPT = 300


class ClientJwks:
    """`/client-jwks/{provider}`. *sets* are the JWK sets by provider."""

    def __init__(self, sets: Mapping[str, dict[str, object]], *, replies: Replies) -> None:
        self._sets = sets
        self._replies = replies

    async def show(self, visit: Visit) -> Answer:
        """GET /client-jwks/{provider}: what to register as `jwks_uri` (RFC 7591 2)."""
        found = self._sets.get(visit.tail)
        if found is None:
            raise NoSuchPage("no provider of that name has keys of ours")
        return self._replies.public_document(found, seconds=_KEPT)
