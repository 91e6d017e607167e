"""The one spelling of an e-mail address under which two addresses are compared.

Law: normalise first (NFKC), judge afterwards. What only looks like an address, or could be read as
two, has no key and therefore never equals anybody's (CVE-2026-40574, GHSA-c5c4-8r6x-56w3).
"""

import re
from unicodedata import normalize

LONGEST = 254  # RFC 5321 4.5.3.1.3, less the angle brackets

_ADDRESS = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}"  # RFC 5322 atext and dots: no quotes, comments or spaces
    r"@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)


def email_key(email: str) -> str | None:
    """Return the lower-case ASCII key of *email*, or None where it is no plain address.

    Exactly one `@`, ASCII after NFKC, no quotes, comments, white space or control characters, no
    trailing dot. A key is its own key.
    """
    if len(email) > LONGEST:
        return None
    key = normalize("NFKC", email)
    if not key.isascii() or len(key) > LONGEST:
        return None
    key = key.lower()
    return key if _ADDRESS.fullmatch(key) else None
