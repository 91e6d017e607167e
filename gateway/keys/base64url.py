"""Base64url without padding (RFC 7515, section 2), where every value has exactly one spelling."""

from base64 import b64decode, b64encode

_TO_URL = bytes.maketrans(b"+/", b"-_")
# What is not of the URL alphabet becomes a byte that strict decoding refuses.
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING = (b"", b"!", b"==", b"=")


def encode(raw: bytes) -> bytes:
    """Return the one spelling of *raw*."""
    return b64encode(raw).rstrip(b"=").translate(_TO_URL)


def decode(text: bytes) -> bytes:
    """Return what *text* spells; raise ValueError where any other text would spell the same.

    Padding, white space, the characters `+` and `/`, and spare bits that are not zero are refused.
    """
    tail = len(text) % 4
    raw = b64decode(text.translate(_FROM_URL) + _PADDING[tail], validate=True)
    if tail and encode(raw[1 - tail :]) != text[-tail:]:
        raise ValueError("spare bits")
    return raw
