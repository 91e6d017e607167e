"""A new key in processes that serve one address: it opens in all of them before it seals in any.

They take a configuration over at about the same moment, never at the very same: what the first of them
seals with a key that the next does not know yet would be refused there, and its session signed out.
"""

from gateway.settings.schema import Settings

SETTLE = 5.0
"""Seconds from where one process takes a configuration over until all the others have."""


def opening_only(settings: Settings, *, former: Settings) -> Settings | None:
    """Return *settings* as they serve until their new key is known everywhere: the one that seals by
    *former* still does.

    None where the key that is to seal is known already, or where the one before it is no more.
    """
    sealing = former.secret[0]
    if settings.secret[0] in former.secret or sealing not in settings.secret:
        return None
    others = (each for each in settings.secret if each != sealing)
    return settings.model_copy(update={"secret": (sealing, *others)})
