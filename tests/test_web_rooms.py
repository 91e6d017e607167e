"""Our own pages are joined: all know the same providers, and what is not configured is not there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.lasting import Lasting
from gateway.web_rooms import WebRooms
from tests.fakes.configuration import SOUND, loaded
from tests.fakes.databases import opened
from tests.fakes.furnished import closed, furnished

BY_PASSWORD = '[[providers]]\nid = "local"\nname = "Password"\ntype = "password"\n'


@asynccontextmanager
async def web(folder: Path, text: str) -> AsyncIterator[WebRooms]:
    async with opened(folder) as database:
        rooms = furnished(loaded(folder, text).settings, database, Lasting().tenure())
        try:
            yield rooms._web
        finally:
            await closed(rooms)


async def test_all_pages_start_logins_by_one_story(tmp_path: Path) -> None:
    async with web(tmp_path, SOUND) as rooms:
        signin, account = rooms._sign_in(), rooms._account()
        assert signin._logins is account._logins
        assert [each.id for each in signin._logins.providers] == ["company"]
        assert signin._passwords is None


async def test_there_is_a_way_to_change_a_password_where_there_are_passwords(tmp_path: Path) -> None:
    async with web(tmp_path, SOUND) as rooms:
        assert rooms._password_page()._change is None
    async with web(tmp_path, SOUND + BY_PASSWORD) as rooms:
        assert rooms._password_page()._change is not None
        assert rooms._sign_in()._passwords is not None
