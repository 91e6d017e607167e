"""The OpenID Connect relying party: what we ask of issuers and what we believe."""
