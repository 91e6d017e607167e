"""The request that a proxy in front asks about, where it sends the request itself (forward-auth)."""

from dataclasses import dataclass

from gateway.model.inbound import Inbound


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """`inbound` is the request, understood as if it had come to us.

    `by_status` says that the proxy goes by the status alone (nginx): a redirect would be an error to it.
    """

    inbound: Inbound
    by_status: bool
