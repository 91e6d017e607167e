"""ATTACKS O38: guessing passwords, and asking who there is; U24: hashing beside the traffic."""

import asyncio
import threading
from pathlib import Path
from urllib.parse import urlencode

import pytest

from gateway.errors import TooManyAttempts
from gateway.flows.throttle import Limits, Throttle
from gateway.keys.password import Passwords
from tests.behaviour.test_passwords import ANN, RIGHT, WRONG, place, sign_in
from tests.fakes.raw_client import RawConnection
from tests.fakes.site import PREFIX, site

HUGE = "x" * 1_000_000


async def test_O38_a_password_of_a_megabyte_is_413_and_no_attempt(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        for _ in range(11):
            assert (await sign_in(at, browser, ANN, HUGE)).status == 413
        assert (await sign_in(at, browser)).status == 303


@pytest.mark.parametrize(
    "password",
    ["x" * 1025, "x" * 60_000, RIGHT + "\0", RIGHT + "\0" * 10, RIGHT.upper(), RIGHT + " ", " " + RIGHT],
)
async def test_O38_what_is_not_the_whole_password_is_wrong(tmp_path: Path, password: str) -> None:
    async with place(tmp_path) as at:
        assert (await sign_in(at, at.gate.browser(), ANN, password)).status == 401


async def test_O38_names_that_two_could_mean_are_400(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        page = await browser.navigate(f"{at.ours}/signin")
        twice = [("csrfToken", page.hidden("csrfToken")), ("username", ANN), ("username", "bob@example.com")]
        answer = await browser.request(
            "POST",
            f"{at.ours}/callback/local",
            headers={"Content-Type": "application/x-www-form-urlencoded", "Origin": at.url},
            body=urlencode([*twice, ("password", RIGHT)]).encode(),
        )
        assert answer.status == 400


async def test_O38_guesses_by_the_hundred_side_by_side_get_ten_answers(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        token = gate.token()

        async def guess(number: int) -> int:
            form = {"username": ANN, "password": f"guess number {number}"}
            return (await gate.post(f"{PREFIX}/callback/local", form, token=token)).status

        statuses = await asyncio.gather(*(guess(number) for number in range(100)))
        assert sorted(statuses) == [401] * 10 + [429] * 90
        assert gate.passwords is not None
        assert len(gate.passwords.comparisons) == 10


async def test_O38_stuffing_from_one_address_and_from_everywhere_ends() -> None:
    gate = Throttle(monotonic=lambda: 0.0, limits=Limits(address=100, everybody=300))
    refused = 0
    for number in range(1000):
        try:
            gate.attempt(
                f"user{number}", "192.0.2.1" if number % 2 else f"10.0.{number // 256}.{number % 256}"
            )
        except TooManyAttempts:
            refused += 1
    assert refused == 700


async def test_O38_more_logins_than_can_be_hashed_are_503_and_cost_nobody_an_attempt(tmp_path: Path) -> None:
    async with site(tmp_path, by_password=True) as gate:
        assert gate.passwords is not None
        gate.passwords._most = 0
        form = {"username": ANN, "password": RIGHT}
        for _ in range(12):
            answer = await gate.post(f"{PREFIX}/callback/local", form)
            assert answer.status == 503
            assert (b"Retry-After", b"5") in answer.headers
        gate.passwords._most = 10
        assert (await gate.post(f"{PREFIX}/callback/local", form)).status == 401


async def test_U24_O38_proxied_requests_pass_while_a_password_is_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, begun = threading.Event(), threading.Event()
    honest = Passwords._beside

    async def held(self: Passwords, work: object) -> object:
        def waiting() -> object:
            begun.set()
            go.wait(30)
            return work()  # type: ignore[operator]

        return await honest(self, waiting)

    async with place(tmp_path) as at:
        signed_in = at.gate.browser()
        await sign_in(at, signed_in)
        monkeypatch.setattr(Passwords, "_beside", held)
        knocking = asyncio.create_task(sign_in(at, at.gate.browser(), ANN, WRONG))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        for _ in range(20):  # each passes while the hash cannot end: the order proves it, no clock
            assert (await signed_in.fetch(f"{at.url}/x")).status == 200
        async with await RawConnection.open(at.gate.admin_port) as connection:
            await connection.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert (await connection.answer()).status == 200
        assert not knocking.done()
        go.set()
        assert (await knocking).status == 401
