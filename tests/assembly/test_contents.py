"""A file with other contents is another file, whatever it is called."""

from pathlib import Path

from gateway.assembly.contents import digest
from gateway.assembly.routes import build_routes
from gateway.assembly.sessions import redis_account
from tests.fakes.certificates import write_certificates
from tests.fakes.configuration import PROVIDER, TOP, loaded

TRUSTING = """
[upstreams.wiki]
urls = ["https://wiki.internal"]
tls = { ca = "certs/internal-ca.pem" }
[[routes]]
upstream = "wiki"
[redis]
url = "rediss://redis.internal"
tls = { ca = "certs/internal-ca.pem" }
"""


def test_B131_a_certificate_with_other_contents_is_another_trust(tmp_path: Path) -> None:
    write_certificates(tmp_path / "certs")
    settings = loaded(tmp_path, TOP + PROVIDER + TRUSTING).settings

    def trusted() -> tuple[object, object]:
        [built] = build_routes(settings)
        return built.upstream.trust, redis_account(settings).login.tls

    before = trusted()
    assert trusted() == before
    (tmp_path / "certs").rename(tmp_path / "former")
    write_certificates(tmp_path / "certs")
    after = trusted()
    assert not any(old == new for old, new in zip(before, after, strict=True))


def test_no_file_has_no_contents_and_two_are_told_apart_by_where_one_ends(tmp_path: Path) -> None:
    names = []
    for name, held in (("a", "xy"), ("b", "z"), ("c", "x"), ("d", "yz")):
        (tmp_path / name).write_text(held)
        names.append(str(tmp_path / name))
    assert digest(None, None) == ""
    assert digest(None, names[0]) == digest(names[0], None)
    assert digest(*names[:2]) != digest(*names[2:])
