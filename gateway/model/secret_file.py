"""How several secrets stand in one text, so that a key can be rotated without touching the configuration.

The law: only a text that begins with our mark is read by lines; any other is one secret as it is,
whatever bytes it holds.
"""

from collections.abc import Sequence

MARK = b"# vestibule keys"
_HEAD = MARK + b", one a line: the first seals, all open. Add one with: gateway keys rotate\n"


def secrets_in(content: bytes) -> tuple[bytes, ...]:
    """Return the secrets of *content* in order; blank lines and comments are none."""
    if not content.startswith(MARK):
        return (content,)
    lines = (line.removesuffix(b"\r") for line in content.split(b"\n"))
    return tuple(line for line in lines if line.strip() and not line.startswith(b"#"))


def written(secrets: Sequence[bytes]) -> bytes:
    """Return the text from which `secrets_in` reads *secrets* back.

    Raises ValueError where one of them cannot stand on a line of its own.
    """
    for secret in secrets:
        if not secret.strip() or secret.startswith(b"#") or b"\n" in secret or b"\r" in secret:
            raise ValueError("not a secret for one line")
    return _HEAD + b"".join(secret + b"\n" for secret in secrets)
