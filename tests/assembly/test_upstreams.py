"""Every key of an upstream reaches whoever obeys it."""

from pathlib import Path

from gateway.assembly.routes import build_routes
from gateway.model.upstream import Balance, Health, Limits, Member
from tests.fakes.configuration import SOUND, loaded


def test_several_members_arrive_with_how_they_share(tmp_path: Path) -> None:
    wiki = """[upstreams.wiki]
urls = ["http://10.0.0.5", "unix:/run/wiki.sock"]
balance = "hash:user"
slow_start = "30s"
health = { path = "/up?deep", interval = "1s", timeout = "500ms" }
limits = { connections = 8, queue = 0 }
"""
    text = SOUND.replace("http://127.0.0.1:3000", "wiki") + wiki
    upstream = build_routes(loaded(tmp_path, text).settings)[0].upstream
    assert upstream.members == (Member(host="10.0.0.5", port=80), Member(socket="/run/wiki.sock"))
    assert (upstream.balance, upstream.slow_start) == (Balance.HASH_USER, 30.0)
    assert upstream.health == Health(path="/up?deep", interval=1.0, timeout=0.5)
    assert upstream.limits == Limits(connections=8, queue=0)
