"""Session records as stores take them."""

from typing import Any

from gateway.model.session import SessionRecord, session_key

NOW = 1_800_000_000


def record(name: str, user_id: str, **changes: Any) -> SessionRecord:
    """Return the record of a session called *name*, begun at `NOW`."""
    fields: dict[str, Any] = {
        "key": session_key(name),
        "user_id": user_id,
        "sealed": f"sealed {name}",
        "created_at": NOW,
        "ends_at": NOW + 1000,
        "seen_at": NOW,
        "address": "192.0.2.1",
        "browser": "Firefox/1",
        "provider": "demo",
        "issuer": "https://issuer.example",
        "subject": "sub-1",
        "issuer_sid": None,
    }
    return SessionRecord(**{**fields, **changes})
