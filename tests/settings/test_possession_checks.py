from pathlib import Path

import pytest

from tests.fakes.configuration import PROVIDER, ROUTE, TOP, faults_by_key, loaded


@pytest.mark.parametrize(
    ("dpop", "kind", "faults"),
    [
        ("true", "access_token", ["routes[0].forward_token"]),
        ("true", "id_token", []),
        ("false", "access_token", []),
    ],
)
def test_C04_a_token_that_is_bound_to_our_key_is_not_passed_on(
    tmp_path: Path, dpop: str, kind: str, faults: list[str]
) -> None:
    text = f'{TOP}{PROVIDER}dpop = {dpop}\n{ROUTE}forward_token = "{kind}"\n'
    assert list(faults_by_key(tmp_path, text)) == faults


def test_C04_a_token_that_is_bound_to_our_certificate_is_not_passed_on(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    shown = PROVIDER + 'tls = { client_cert = "cert.pem" }\n'
    surely = shown.replace(
        'client_secret = "not-so-secret"', 'client_auth = "tls_client_auth"\nprofile = "fapi2"'
    )
    passed_on = ROUTE + 'forward_token = "access_token"\n'
    assert list(faults_by_key(tmp_path, TOP + surely + passed_on)) == ["routes[0].forward_token"]
    assert faults_by_key(tmp_path, TOP + surely + ROUTE + 'forward_token = "id_token"\n') == {}
    told = [each for each in loaded(tmp_path, TOP + shown + passed_on).warnings if "certificate" in each]
    assert [each.partition(" ")[0] for each in told] == ["routes[0].forward_token"]
    for text in (TOP + shown + ROUTE, TOP + PROVIDER + passed_on):
        assert "certificate" not in str(loaded(tmp_path, text).warnings)
