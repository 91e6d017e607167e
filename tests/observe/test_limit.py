"""A storm of trouble is counted, not written out."""

from gateway.observe.limit import PER_SECOND, Limit


def test_U27_fifty_lines_a_second_and_a_count_of_the_rest() -> None:
    limit = Limit()
    admitted = [limit.admits(1000.0 + n / 1000) for n in range(200)]
    assert admitted == [True] * PER_SECOND + [False] * 150
    assert not limit.owes(1000.9)
    assert limit.owes(1001.0)
    assert limit.settle() == 150
    assert limit.settle() == 0
    assert limit.admits(1001.0)


def test_U27_each_second_begins_anew_also_when_the_clock_steps_back() -> None:
    limit = Limit(1)
    assert [limit.admits(t) for t in (10.0, 10.5, 11.0, 11.9, 5.0)] == [True, False, True, False, True]
