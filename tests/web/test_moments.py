"""Times are told in words, with their zone."""

from gateway.web.moments import moment_told, second_told


def test_a_time_is_told_as_people_write_it() -> None:
    assert moment_told(0) == "1 Jan 1970, 00:00 UTC"
    assert moment_told(1_800_000_000) == "15 Jan 2027, 08:00 UTC"


def test_what_is_compared_with_logs_is_told_to_the_second() -> None:
    assert second_told(1_800_000_007) == "15 Jan 2027, 08:00:07 UTC"
