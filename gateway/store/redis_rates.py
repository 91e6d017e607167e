"""Token buckets on Redis, for all nodes that share it: one script counts, by the server's own clock.

The script is sent with each call. A few hundred bytes are cheaper than what a digest costs where the
server was restarted, or another one took over, and knows no script.
"""

from hashlib import sha256

from gateway.errors import StoreUnavailable
from gateway.store.redis_topology import Topology

_MICRO = 1_000_000
_TAKE = """\
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local per = tonumber(ARGV[1])
local full = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
if full ~= full then full = 0 end
full = math.max(math.min(full, now + per), now) + per / tonumber(ARGV[2])
local ahead = full - now
if ahead <= per + 1 then
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil(ahead / 1000))
end
return string.format('%.0f', ahead)
"""


class RedisBuckets:
    """Counts in *redis*; *scope* names the gateway, so that gateways that share a Redis count apart.

    What is kept of a bucket is the moment at which it is full again, and until then. Names are hashed: they
    hold who calls.
    """

    def __init__(self, redis: Topology, *, scope: str) -> None:
        self._redis = redis
        self._prefix = f"vestibule:{sha256(scope.encode()).hexdigest()[:16]}:rate:"

    async def take(self, bucket: str, *, requests: int, per: float) -> float:
        """Take one request out of *bucket*, which holds *requests* and fills evenly in *per* seconds.

        Returns after how many seconds it is full again. More than *per* says that nothing was left to take,
        and nothing was taken. Raises StoreUnavailable.
        """
        key = self._prefix + sha256(bucket.encode()).hexdigest()[:32]
        [ahead] = await self._redis.ask(("EVAL", _TAKE, 1, key, round(per * _MICRO), requests))
        try:
            return int(ahead) / _MICRO
        except (TypeError, ValueError):
            raise StoreUnavailable("redis answers with no number") from None
