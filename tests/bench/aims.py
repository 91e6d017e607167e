"""What the gateway is to reach, and how the page tells whether it does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """One figure that has an aim: where both are in the answer to *question*, and how they are told."""

    question: str
    said: str
    found: tuple[str, ...]
    aim: tuple[str, ...]
    unit: str = ""

    @property
    def is_least(self) -> bool:
        return self.aim[0] == "least"


def _aim(question: str, said: str, found: str, aim: str, unit: str = "") -> Aim:
    """Return an aim whose places are written with dots."""
    return Aim(
        question=question, said=said, found=tuple(found.split(".")), aim=tuple(aim.split(".")), unit=unit
    )


AIMS = (
    _aim("proxies", "throughput over nginx's", "ratio.gateway / nginx", "least.gateway / nginx"),
    _aim("proxies", "throughput over Caddy's", "ratio.gateway / caddy", "least.gateway / caddy"),
    *(
        _aim(
            "proxies",
            f"throughput over mod_auth_openidc's, session in {where}",
            f"ratio.gateway / openidc {name}",
            f"least.gateway / openidc {name}",
        )
        for name, where in (("cookie", "its cookie"), ("shared memory", "shared memory"))
    ),
    _aim(
        "posts",
        "requests with a body of 1 KiB: throughput over Caddy's",
        "ratio.gateway / caddy",
        "least.gateway / caddy",
    ),
    _aim(
        "one_connection",
        "one connection: the median over nginx's",
        "added_p50_ms.gateway - nginx",
        "most.gateway - nginx",
        " ms",
    ),
    _aim(
        "thousand_connections",
        "1,000 connections: the 99th percentile over Caddy's",
        "ratio_of_p99.gateway / caddy",
        "most.gateway / caddy",
    ),
    *(
        _aim(
            "large_bodies",
            f"bodies of 1 GiB, {way}: bytes a second over those of {rival}",
            f"ratio.gateway / {rival}, {way}",
            f"least.gateway / {rival}",
        )
        for rival in ("nginx", "nginx with large buffers")
        for way in ("down", "up")
    ),
    *(
        _aim(
            "large_bodies",
            f"100 such bodies at once, {way}: memory grew by",
            f"at_once.{way}.memory_growth_mib",
            "most.memory_growth_mib",
            " MiB",
        )
        for way in ("down", "up")
    ),
    _aim(
        "idle_websockets",
        "{held:,} idle WebSockets: memory of each",
        "kib_each",
        "most.kib_each",
        " KiB",
    ),
    _aim(
        "many_routes",
        "{many:,} routes: throughput over that with {few:,}",
        "ratio.many / few",
        "least.many / few",
    ),
    _aim(
        "million_requests",
        "{counted:,} requests: memory grew by",
        "growth_mib",
        "most.growth_mib",
        " MiB",
    ),
    _aim(
        "two_workers",
        "two workers: processor time of a request over that with one",
        "ratio_of_processor.two workers / one worker",
        "most.two workers / one worker",
    ),
)


def told(figures: Figures) -> Iterator[str]:
    """Yield a table of every figure that was measured and has an aim."""
    yield "| | measured | aim | question |"
    yield "|---|---|---|---|"
    for each in AIMS:
        answer = figures.get(each.question)
        found, aim = _at(answer, each.found), _at(answer, each.aim)
        if answer is None or found is None or aim is None:
            continue
        met = found >= aim if each.is_least else found <= aim
        bound = "at least" if each.is_least else "at most"
        said = each.said.format_map(_counts(answer))
        told = "met" if met else "**missed**"
        yield f"| {said} | {found}{each.unit} | {bound} {aim:g}{each.unit}, {told} | `{each.question}` |"


def _at(answer: Any, places: tuple[str, ...]) -> Any:
    for place in places:
        answer = answer.get(place) if isinstance(answer, Mapping) else None
    return answer


def _counts(answer: Figures) -> Figures:
    """Return what an answer says about how much it was asked of."""
    return {
        "held": answer.get("held", 0),
        "counted": answer.get("requests", {}).get("counted", 0),
        **answer.get("routes", {}),
    }
