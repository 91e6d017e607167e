"""What is known of an issuer begins with nothing."""

from gateway.model.issuer_health import FetchedDocument, IssuerHealth


def test_nobody_was_asked_yet() -> None:
    assert FetchedDocument() == FetchedDocument(fetched_at=None, failed_at=None, failures=0)
    assert IssuerHealth() == IssuerHealth(metadata=None, key_set=None, keys=())
