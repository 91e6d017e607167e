"""From what is written of an upstream to where it is and how it is asked."""

from gateway.assembly.contents import digest
from gateway.model.upstream import Balance, Health, Limits, Member, Timeouts, Trust, Upstream
from gateway.settings.addresses import UNIX, url
from gateway.settings.upstreams import HealthSettings, UpstreamSettings


def upstream_of(name: str, upstream: UpstreamSettings) -> Upstream:
    """Return the upstream called *name*. Raises OSError where a file of its `tls` cannot be read."""
    timeouts, tls = upstream.timeouts, upstream.tls
    return Upstream(
        name=name,
        members=tuple(_member(each) for each in upstream.urls),
        audience=upstream.audience or name,
        preserve_host=upstream.preserve_host,
        reuse=upstream.reuse,
        timeouts=Timeouts(connect=timeouts.connect, first_byte=timeouts.first_byte, idle=timeouts.idle),
        balance=Balance(upstream.balance),
        health=_health(upstream.health),
        slow_start=upstream.slow_start or 0.0,
        limits=Limits(connections=upstream.limits.connections, queue=upstream.limits.queue),
        trust=Trust(
            ca=tls.ca or "",
            client_cert=tls.client_cert or "",
            client_key=tls.client_key or "",
            server_name=tls.server_name or "",
            digest=digest(tls.ca, tls.client_cert, tls.client_key),
        ),
    )


def _health(health: HealthSettings | None) -> Health | None:
    if health is None:
        return None
    return Health(path=health.path, interval=health.interval, timeout=health.timeout)


def _member(text: str) -> Member:
    if text.startswith(UNIX):
        return Member(socket=text.removeprefix(UNIX))
    where = url(text)
    return Member(tls=where.tls, host=where.host, port=where.port)
