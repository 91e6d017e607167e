"""Introspection, joined: who we are where issuers are asked about tokens, and who asks.

The calls have connections of their own, so that however many tokens come, logins find theirs free.
"""

from collections.abc import Mapping

from gateway.assembly.bearers import trusted
from gateway.assembly.providers import claims_named, client_keys, client_tls, registration
from gateway.errors import Fault, SettingsInvalid
from gateway.lasting import Tenure
from gateway.model.bearer import Introspection, Trusted
from gateway.model.event import Clock
from gateway.relying_party.backchannel import BackChannel
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.introspection import IntrospectionCounts, Introspector
from gateway.relying_party.jwks import KeySource
from gateway.relying_party.opaque_token import OpaqueTokens
from gateway.relying_party.registration import Registration
from gateway.settings.bearers import BearerSettings
from gateway.settings.schema import Settings


def clients(settings: Settings) -> Mapping[Trusted, Registration]:
    """Return who we are at each issuer that is asked about tokens. Raises SettingsInvalid."""
    made: dict[Trusted, Registration] = {}
    faults: list[Fault] = []
    named = claims_named(settings)
    for index, route in enumerate(settings.routes):
        for number, bearer in enumerate(route.bearer):
            if bearer.introspection is None:
                continue
            place = f"routes[{index}].bearer[{number}].introspection"
            asked = trusted(settings, bearer, named=named)
            try:
                made[asked] = _client(settings, asked, bearer, place)
            except SettingsInvalid as error:
                faults.extend(error.faults)
    if faults:
        raise SettingsInvalid(faults)
    return made


def _client(settings: Settings, trusted: Trusted, bearer: BearerSettings, place: str) -> Registration:
    """Return our registration for asking: its own, else that of the provider with the same issuer."""
    asked = bearer.introspection
    if asked is None or asked.client_id is None:
        return registration(next(each for each in settings.providers if each.issuer == trusted.issuer))
    return Registration(
        id=trusted.issuer,
        name=trusted.issuer,
        issuer=trusted.issuer,
        client_id=asked.client_id,
        client_secret=asked.client_secret.get_secret_value() if asked.client_secret else None,
        client_auth=asked.client_auth,
        algorithms=trusted.algorithms,
        keys=client_keys(asked.keys, place=place),
        content_encryption=tuple(asked.content_encryption),
        tls=client_tls(asked.tls, place=place),
    )


class IntrospectionRooms:
    """Who asks issuers about tokens; kept from one configuration to the next while nothing changes there."""

    def __init__(
        self,
        clients: Mapping[Trusted, Registration],
        *,
        tenure: Tenure,
        counts: IntrospectionCounts,
        clock: Clock,
    ) -> None:
        self._clients = clients
        self._tenure = tenure
        self._counts = counts
        self._clock = clock

    def tokens(self, trusted: Trusted, asked: Introspection, *, keys: KeySource) -> OpaqueTokens:
        """Return who has the issuer judge the tokens of one route; all routes share who asks it."""
        client = self._clients[trusted]

        def make() -> Introspector:
            http = self._http(client)
            channel = BackChannel(client, http=http, clock=self._clock)
            return Introspector(
                asked, channel=channel, http=http, keys=keys, counts=self._counts, clock=self._clock
            )

        self._http(client)  # claimed by each configuration, whoever made the introspector
        introspector = self._tenure.claim(("introspection", asked, client), make)
        return OpaqueTokens(trusted, introspector=introspector, clock=self._clock)

    def _http(self, client: Registration) -> IssuerHttp:
        tls = client.tls
        return self._tenure.claim(
            ("introspection", tls),
            lambda: IssuerHttp(tls=None if tls is None else tls.context()),
            close=IssuerHttp.close,
        )
