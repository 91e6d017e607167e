"""What the directory's word about a user means for their session, whatever the strategy."""

from dataclasses import replace

from gateway.model.identity import Identity, User, VerifiedLogin
from gateway.model.session import Session, Standing, Validity


def refusal(session: Session, validity: Validity | None) -> str:
    """Return why the directory ends *session*, or an empty string; None: its user is gone."""
    if validity is None:
        return "user_missing"
    if not validity.enabled:
        return "user_disabled"
    if validity.epoch != session.epoch:
        return "epoch"
    return "revoked" if validity.denied else ""


def identity_of(login: VerifiedLogin, user: User) -> Identity:
    """Return who signed in: roles and profile are the user's, groups and claims the login's."""
    return Identity(
        user_id=user.id,
        email=user.email,
        email_verified=user.email_verified,
        name=user.name,
        image=user.image,
        roles=user.roles,
        groups=login.groups,
        claims=login.claims,
    )


def as_read(identity: Identity, read: Standing | User) -> Identity:
    """Return *identity* with the roles and the profile that were just read; itself where it has them.

    Its groups and claims are what its provider said last, where a standing knows that.
    """
    told = read.claims if isinstance(read, Standing) else None
    groups, claims = (identity.groups, identity.claims) if told is None else (told.groups, told.claims)
    if (
        identity.email == read.email
        and identity.email_verified == read.email_verified
        and identity.name == read.name
        and identity.image == read.image
        and identity.roles == read.roles
        and identity.groups == groups
        and identity.claims == claims
    ):
        return identity
    return replace(
        identity,
        email=read.email,
        email_verified=read.email_verified,
        name=read.name,
        image=read.image,
        roles=read.roles,
        groups=groups,
        claims=claims,
    )
