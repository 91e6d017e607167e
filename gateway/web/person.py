"""How a page calls somebody: by name, else by e-mail, else as the upstreams do."""

from gateway.model.identity import Identity


def display_name(identity: Identity) -> str:
    """Return what to call *identity* on a page; never empty."""
    return identity.name or identity.email or identity.user_id
