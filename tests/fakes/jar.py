"""A cookie jar that keeps what a browser would, for one https origin and the path `/`."""

from collections.abc import Iterable

from gateway.model.inbound import RawHeaders


class Jar:
    """Cookies by (name, domain), in the order they were first set."""

    def __init__(self) -> None:
        self.cookies: dict[tuple[str, str], str] = {}
        self.attributes: dict[str, dict[str, str]] = {}

    def take(self, lines: Iterable[bytes]) -> None:
        """Obey each Set-Cookie value in turn."""
        for line in lines:
            pair, *rest = line.decode("ascii").split("; ")
            name, _, value = pair.partition("=")
            attributes = dict(part.partition("=")[::2] for part in rest)
            self.attributes[name] = attributes
            key = (name, attributes.get("Domain", ""))
            if attributes.get("Max-Age") == "0":
                self.cookies.pop(key, None)
            else:
                self.cookies[key] = value

    def plant(self, name: str, value: str, *, domain: str = "") -> None:
        self.cookies[(name, domain)] = value

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.cookies]

    def headers(self) -> RawHeaders:
        """Return the `Cookie` line that goes with the next request, if any."""
        if not self.cookies:
            return ()
        line = "; ".join(f"{name}={value}" for (name, _), value in self.cookies.items())
        return ((b"Host", b"gw.example.com"), (b"Cookie", line.encode("latin-1")))
