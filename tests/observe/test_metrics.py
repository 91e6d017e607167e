"""What `/metrics` tells, and that nobody can make it grow."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.observe.metrics import Metrics


def read(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
        if not sample.name.endswith(("_created", "_bucket"))
    }


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1.2.3", dropped=lambda: 7)


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return read(metrics)[name, tuple(sorted(labels.items()))]


def test_B149_a_request_is_counted_and_timed(metrics: Metrics) -> None:
    metrics.request(route="app", method="GET", status=200, duration=0.01, upstream=0.004)
    metrics.request(route="app", method="GET", status=200, duration=0.03)
    assert value(metrics, "gateway_http_requests_total", route="app", method="GET", code="200") == 2
    assert value(metrics, "gateway_http_request_duration_seconds_sum", route="app") == pytest.approx(0.04)
    assert value(metrics, "gateway_upstream_duration_seconds_count", route="app") == 1


def test_B149_decisions_are_counted_by_their_words_and_requests_by_their_status(metrics: Metrics) -> None:
    for status in (403, 401):
        metrics.request(
            route="app", method="GET", status=status, duration=0.01, decision="deny", reason="roles"
        )
    for reason in ("allowed", "public", ""):
        decision = "pass" if reason else ""
        metrics.request(
            route="app", method="GET", status=200, duration=0.01, decision=decision, reason=reason
        )
    assert value(metrics, "gateway_auth_decisions_total", route="app", decision="deny", reason="roles") == 2
    assert value(metrics, "gateway_auth_decisions_total", route="app", decision="pass", reason="public") == 1
    assert value(metrics, "gateway_http_requests_total", route="app", method="GET", code="200") == 3
    assert value(metrics, "gateway_http_request_duration_seconds_count", route="app") == 5
    named = [labels for name, labels in read(metrics) if name == "gateway_auth_decisions_total"]
    assert len(named) == 3


def test_B149_sessions_logins_and_stores_are_counted(metrics: Metrics) -> None:
    metrics.login(provider="demo", result="success")
    metrics.renewed()
    metrics.rejected("epoch")
    metrics.lookup_shared()
    metrics.cookie_left(2)
    metrics.store_error()
    metrics.store_call(op="standing", duration=0.002)
    assert value(metrics, "gateway_logins_total", provider="demo", result="success") == 1
    assert value(metrics, "gateway_session_renewals_total") == 1
    assert value(metrics, "gateway_session_rejections_total", reason="epoch") == 1
    assert value(metrics, "gateway_lookups_shared_total") == 1
    assert value(metrics, "gateway_session_cookies_total", pieces="2") == 1
    assert value(metrics, "gateway_store_errors_total") == 1
    assert value(metrics, "gateway_store_duration_seconds_count", op="standing") == 1


def test_B149_what_becomes_of_provider_tokens_is_counted(metrics: Metrics) -> None:
    metrics.token_refresh(provider="demo", outcome="refreshed")
    metrics.token_revocation(provider="demo", outcome="revoked")
    metrics.token_exchange(provider="demo", outcome="refused")
    metrics.claims_refresh(provider="demo", outcome="changed")
    assert value(metrics, "gateway_claims_refreshes_total", provider="demo", outcome="changed") == 1
    assert value(metrics, "gateway_token_refreshes_total", provider="demo", outcome="refreshed") == 1
    assert value(metrics, "gateway_token_revocations_total", provider="demo", outcome="revoked") == 1
    assert value(metrics, "gateway_token_exchanges_total", provider="demo", outcome="refused") == 1


def test_B149_questions_about_tokens_are_counted(metrics: Metrics) -> None:
    metrics.introspection(issuer="https://issuer.example", outcome="active")
    found = value(metrics, "gateway_introspections_total", issuer="https://issuer.example", outcome="active")
    assert found == 1


def test_what_administrators_ask_the_console_for_is_counted(metrics: Metrics) -> None:
    metrics.administered(action="users.disable", outcome="refused")
    assert value(metrics, "gateway_admin_actions_total", action="users.disable", outcome="refused") == 1


def test_what_is_true_now_is_read_when_asked(metrics: Metrics) -> None:
    metrics.in_flight += 2
    metrics.in_flight -= 1
    metrics.websocket_opened()
    metrics.websocket_opened()
    metrics.websocket_closed()
    assert value(metrics, "gateway_requests_in_flight") == 1
    assert value(metrics, "gateway_websockets_open") == 1
    assert value(metrics, "gateway_log_dropped_total") == 7
    assert value(metrics, "gateway_build_info", version="1.2.3") == 1


def test_U29_clients_cannot_make_series(metrics: Metrics) -> None:
    for n in range(1000):
        metrics.request(route="", method=f"BREW{n}", status=400, duration=0.001)
        metrics.request(route="", method="GET", status=1000 + n, duration=0.001)
    labels = {key for key in read(metrics) if key[0] == "gateway_http_requests_total"}
    assert labels == {
        ("gateway_http_requests_total", (("code", "400"), ("method", "other"), ("route", "none"))),
        ("gateway_http_requests_total", (("code", "other"), ("method", "GET"), ("route", "none"))),
    }


def test_B147_two_registries_share_nothing() -> None:
    one, other = Metrics(version="1"), Metrics(version="2")
    one.renewed()
    assert value(one, "gateway_session_renewals_total") == 1
    assert value(other, "gateway_session_renewals_total") == 0
