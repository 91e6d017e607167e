"""`[[roles]]`: roles that somebody has because of what their issuer says."""

from pydantic import Field

from gateway.settings.fields import ClaimPath, Role, Slug, Word
from gateway.settings.table import Table


class RoleGrantSettings(Table):
    """A role for everybody of whom a provider's claim holds one value; asked at each of its logins."""

    role: Role = Field(description="The role that is granted.", examples=["admin"])
    provider: Slug = Field(description="The id of the provider whose word counts.", examples=["company"])
    claim: ClaimPath = Field(
        description="The claim as the issuer calls it, or the dotted path to one inside another.",
        examples=["groups"],
    )
    value: Word = Field(
        description="What the claim is, or holds if it is a list; compared letter by letter.",
        examples=["wiki-admins"],
    )
