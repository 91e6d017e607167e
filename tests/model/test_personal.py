import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.personal import EVERYWHERE, PersonalToken, looks_right, minted


def token(*routes: str) -> PersonalToken:
    return PersonalToken(
        public_id="0" * 16, user_id="u_ann", name="n", routes=routes, created_at=0, expires_at=9
    )


def test_a_token_is_for_the_routes_that_it_names() -> None:
    assert token("/api").opens("/api")
    assert not token("/api").opens("/api/admin")
    assert token(EVERYWHERE).opens("/anything")


@given(st.binary(min_size=32, max_size=32))
def test_every_token_has_one_look_and_a_checksum(seed: bytes) -> None:
    raw = minted(lambda _: seed)
    assert looks_right(raw)
    assert len(raw) == 53
    assert not looks_right(raw[:-1] + ("A" if raw[-1] != "A" else "B"))


@pytest.mark.parametrize("raw", ["", "vst_", "vst_" + "0" * 49, "vst_" + "0" * 48, "VST_" + "0" * 49])
def test_other_text_does_not_look_like_one(raw: str) -> None:
    assert looks_right(raw) is (raw == minted(lambda _: bytes(32)))


@given(st.text(max_size=60))
def test_any_text_can_be_asked_about(raw: str) -> None:
    assert looks_right(raw) in (True, False)
