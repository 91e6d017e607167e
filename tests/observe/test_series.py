"""Series as text: what a scraper reads is what was counted, in pieces that let others go first."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gateway.observe.series import histograms, values

names = st.text(max_size=12).filter(lambda text: not any(0xD800 <= ord(each) <= 0xDFFF for each in text))
counts = st.integers(min_value=0, max_value=10**15)


def times_of(rows: dict[str, tuple[list[int], float]]) -> list[tuple[str, list[int], float]]:
    return [(route, counts, total) for route, (counts, total) in rows.items()]


@given(rows=st.dictionaries(st.tuples(names, names), counts, max_size=120))
def test_every_value_is_read_back_whatever_the_labels_hold(rows: dict[tuple[str, str], int]) -> None:
    text = b"".join(values("hits_total", "counter", "Hits.", ("route", "code"), rows.items())).decode()
    [family] = text_string_to_metric_families(text)
    assert (family.name, family.type, family.documentation) == ("hits", "counter", "Hits.")
    read = {(each.labels["route"], each.labels["code"]): each.value for each in family.samples}
    assert read == rows


@given(
    rows=st.dictionaries(
        names, st.tuples(st.lists(counts, min_size=3, max_size=3), st.floats(0, 1e9)), max_size=60
    )
)
def test_a_histogram_is_read_back_with_its_buckets_added(rows: dict[str, tuple[list[int], float]]) -> None:
    text = b"".join(histograms("took_seconds", "Took.", (0.5, 2.0), times_of(rows))).decode()
    [family] = text_string_to_metric_families(text)
    assert family.type == "histogram"
    read = {(each.name, each.labels["route"], each.labels.get("le")): each.value for each in family.samples}
    for route, (buckets, total) in rows.items():
        for bound, count in zip(("0.5", "2.0", "+Inf"), accumulate(buckets), strict=True):
            assert read["took_seconds_bucket", route, bound] == count
        assert read["took_seconds_count", route, None] == sum(buckets)
        assert read["took_seconds_sum", route, None] == total
    assert len(read) == 5 * len(rows)


def test_thousands_of_routes_come_in_thousands_of_pieces_none_of_them_large() -> None:
    rows = {f"/app-{number}": ([1, 2, 3], 0.5) for number in range(10_000)}
    assert max(map(len, histograms("took_seconds", "Took.", (0.5, 2.0), times_of(rows)))) < 64 * 1024
    labelled = [((name,), 1) for name in rows]
    assert max(map(len, values("hits_total", "counter", "Hits.", ("route",), labelled))) < 64 * 1024
