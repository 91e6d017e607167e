"""Which passwords are taken when one is set: long enough, and not what an attacker tries first.

Length and a list of the usual ones, no rules about kinds of characters, no expiry (NIST SP 800-63B).
What a login accepts is not asked here: a password that was taken once stays good.
"""

import re
from collections.abc import Iterable
from importlib.resources import files
from unicodedata import normalize

from gateway.keys.password import LONGEST, prepared

SHORTEST = 12
_SPARE = 3  # characters beside usual words that do not make a password unusual: "password123"
_LEAST_WORD = 3
_LOOKS = str.maketrans("013457@$!", "oleastasi")
_REPEATED = re.compile(r"(.{1,4}?)\1+.{0,3}", re.DOTALL)


class PasswordPolicy:
    """Judges new passwords; *shortest* is the least number of characters."""

    def __init__(self, *, shortest: int = SHORTEST) -> None:
        text = files("gateway.flows").joinpath("common_passwords.txt").read_text(encoding="ascii")
        self._common = frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
        self._shortest = shortest

    def fault(self, password: str, *, names: Iterable[str] = ()) -> str:
        """Return why *password* is not taken, as the end of "the password ...", or an empty string.

        *names* are what its owner is called: e-mail address and name.
        """
        if "\0" in password or prepared(password) is None:
            return f"must be of 1 to {LONGEST} bytes of text without NUL" if password else "is empty"
        folded = normalize("NFKC", password)
        if len(folded) < self._shortest:
            return f"must have at least {self._shortest} characters"
        folded = folded.casefold()
        if _REPEATED.fullmatch(folded):
            return "repeats a few characters"
        if _left_over(folded, self._common) <= _SPARE:
            return "is among those that are tried first"
        if _left_over(folded, self._common | _own_words(names)) <= _SPARE:
            return "is made of the name or the e-mail address of its owner"
        return ""


def _own_words(names: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for name in names:
        folded = normalize("NFKC", name).casefold()
        found |= {folded, *re.split(r"[^\w]+", folded)}
    return frozenset(word for word in found if len(word) >= _LEAST_WORD)


def _left_over(text: str, words: frozenset[str]) -> int:
    """Return how many characters of *text* are in none of *words*, taken one after another at best.

    Words count in look-alikes too: `p4ssw0rd`.
    """
    longest = max(map(len, words), default=0)
    looks = text.translate(_LOOKS)
    least = [0]
    for end in range(1, len(text) + 1):
        starts = range(max(0, end - longest), end)
        whole = (least[start] for start in starts if text[start:end] in words or looks[start:end] in words)
        least.append(min(least[end - 1] + 1, min(whole, default=len(text))))
    return least[-1]
