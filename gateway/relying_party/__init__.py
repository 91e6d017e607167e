"""The OpenID Connect relying party: what we ask of issuers and what we believe.

Law: nothing that an issuer or a browser sends chooses an algorithm, a key, an address or a size.
Those come from the `Registration` and from the bounds of this room.
"""
