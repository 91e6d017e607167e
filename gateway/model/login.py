"""A login under way, as it travels sealed in the browser's transaction cookie."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkIntent:
    """The signed-in user asked, from the account page, to add another account."""

    user_id: str
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    """The user *user_id* has to meet what the route of that name demands (RFC 9470), and nobody else.

    `insisted` says that the issuer was told to ask them again, whatever it remembers.
    """

    user_id: str
    route: str
    insisted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLogin:
    """Everything the callback must match (RFC 9700 4.7), bound to one browser and one provider.

    `state`, `nonce` and `verifier` are 256 random bits each, base64url. `return_to` is a checked
    target. `restarted` marks a login that the gateway began again by itself. `route` is the name of the
    one whose demands the issuer was asked for, empty for none; `step_up` is there where a signed-in user
    has to prove once more who they are, and names a route of its own.
    """

    provider: str
    issuer: str
    client_id: str
    redirect_uri: str
    state: str
    nonce: str
    verifier: str
    return_to: str
    started_at: int
    persistent: bool = True
    restarted: bool = False
    link: LinkIntent | None = None
    route: str = ""
    step_up: StepUp | None = None
