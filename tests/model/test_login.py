"""A login under way matches only what it was begun with."""

from dataclasses import replace

from gateway.model.login import LinkIntent, PendingLogin

PENDING = PendingLogin(
    provider="demo",
    issuer="https://issuer",
    client_id="gateway",
    redirect_uri="https://gw/.gateway/callback/demo",
    state="s",
    nonce="n",
    verifier="v",
    return_to="/",
    started_at=1,
)


def test_a_login_is_a_first_one_of_nobody_that_lasts_unless_it_says_otherwise() -> None:
    assert (PENDING.persistent, PENDING.restarted, PENDING.link) == (True, False, None)


def test_two_logins_differ_in_any_part() -> None:
    for part in (
        "provider",
        "issuer",
        "client_id",
        "redirect_uri",
        "state",
        "nonce",
        "verifier",
        "return_to",
    ):
        assert replace(PENDING, **{part: "other"}) != PENDING
    assert replace(PENDING, link=LinkIntent(user_id="u-1", session_id="s-1")) != PENDING
