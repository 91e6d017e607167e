"""The names of our own cookies: which are ours, so that no upstream ever sees or sets one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieNames:
    """Names and attributes of our cookies, for one `public_url`.

    `base` is the configured name, `secure` whether the gateway is on https, `domain` the cookie
    domain or None. A browser enforces the prefixes (RFC 6265bis 4.1.3): `__Host-` without a
    domain, `__Secure-` with one; neither can be kept on plain http. `hostname` is that of
    `public_url`, for whose parent domains an earlier configuration may have set cookies.
    """

    base: str
    secure: bool
    domain: str | None = None
    same_site: str = "Lax"
    hostname: str = ""

    @property
    def prefix(self) -> str:
        if not self.secure:
            return ""
        return "__Secure-" if self.domain else "__Host-"

    @property
    def session(self) -> str:
        return self.prefix + self.base

    @property
    def host_prefix(self) -> str:
        """The prefix of cookies that never carry a domain: transactions, CSRF, logouts."""
        return "__Host-" if self.secure else ""

    @property
    def login(self) -> str:
        """What every transaction cookie's name begins with."""
        return f"{self.host_prefix}{self.base}-login-"

    @property
    def csrf(self) -> str:
        return f"{self.host_prefix}{self.base}-csrf"

    @property
    def recent_logins(self) -> str:
        return f"{self.host_prefix}{self.base}-logins"

    @property
    def logout(self) -> str:
        """The cookie of a logout that went on to the issuer."""
        return f"{self.host_prefix}{self.base}-logout"

    def owns(self, name: bytes) -> bool:
        """Say whether a cookie called *name* is ours in any variant, piece or earlier spelling."""
        lowered = name.lower()
        for prefix in (b"__host-", b"__secure-"):
            lowered = lowered.removeprefix(prefix)
        base = self.base.lower().encode()
        if lowered == base:
            return True
        if not lowered.startswith(base):
            return False
        rest = lowered[len(base) :]
        return (
            rest in (b"-csrf", b"-logins", b"-logout")
            or rest.startswith(b"-login-")
            or (rest[:1] == b"." and rest[1:].isdigit())
        )
