"""The tables, in portable SQLAlchemy Core.

Laws: no time is read from the database, every `*_at` and `until` is the gateway's own Unix second.
E-mail, name and image are attributes; users are keyed by their id alone, accounts by (provider,
issuer, subject) alone. Session ids and login keys are stored as SHA-256, never as they are.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

REVISIONS = (
    "0001",
    "0002_logout",
    "0003_passwords",
    "0004_roles",
    "0005_stateful",
    "0006_begun",
    "0007_grants",
    "0008_personal_tokens",
    "0009_account_claims",
    "0010_rules",
)
"""Every schema revision there has been, oldest first; a test holds it to the migrations."""

BY_HAND = ""
"""The `source` of a role that an administrator granted; others are provider ids."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def _owner(*, primary_key: bool = False, index: bool | None = None) -> Column[str]:
    return Column(
        "user_id",
        String(64),
        ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
        index=index,
    )


users = Table(
    "users",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("email", Text),
    Column("email_key", Text, unique=True),
    Column("email_verified", Boolean, nullable=False),
    Column("email_by_admin", Boolean, nullable=False),
    Column("name", Text),
    Column("image", Text),
    Column("enabled", Boolean, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("provider", String(255), primary_key=True),
    Column("issuer", Text, primary_key=True),
    Column("subject", String(255), primary_key=True),
    _owner(),
    Column("leading", Boolean, nullable=False),
    Column("email", Text),
    Column("scope", Text, nullable=False),
    Column("access_expires_at", BigInteger),
    Column("claims", JSON, nullable=False),
    Column("linked_at", BigInteger, nullable=False),
    Column("last_login_at", BigInteger, nullable=False),
    Index("ix_accounts_user_id", "user_id"),
)

user_roles = Table(
    "user_roles",
    metadata,
    _owner(primary_key=True),
    Column("role", String(255), primary_key=True),
    Column("source", String(255), primary_key=True),
    Column("rule", String(32), primary_key=True),
)
"""Who has which role: from `source`, and by which rule of the configuration (`rule_of`), empty by hand."""

passwords = Table(
    "passwords",
    metadata,
    _owner(primary_key=True),
    Column("hash", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    _owner(),
    Column("sealed", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False, index=True),
    Column("ends_at", BigInteger, nullable=False, index=True),
    Column("seen_at", BigInteger, nullable=False, index=True),
    Column("address", Text, nullable=False),
    Column("browser", Text, nullable=False),
    Column("provider", String(255), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", String(255), nullable=False),
    Column("issuer_sid", Text),
    Column("sid_key", LargeBinary(32), nullable=False),
    Column("sub_key", LargeBinary(32), nullable=False),
    Index("ix_sessions_user_id", "user_id", "created_at"),
)

denied_sessions = Table(
    "denied_sessions",
    metadata,
    Column("session", LargeBinary(32), primary_key=True),
    Column("until", BigInteger, nullable=False, index=True),
)

spent_logins = Table(
    "spent_logins",
    metadata,
    Column("login", LargeBinary(32), primary_key=True),
    Column("until", BigInteger, nullable=False, index=True),
)

_EVENT = ("event", "outcome", "reason", "actor", "user_id", "session_id", "provider", "route")
_REQUEST = ("client_ip", "request_id", "detail")

# No foreign key: what somebody did outlives them. Ids are never given twice, so a gap shows.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("ts", BigInteger, nullable=False, index=True),
    *[Column(name, Text, nullable=False, index=name == "user_id") for name in _EVENT + _REQUEST],
    sqlite_autoincrement=True,
)

audit_sweeps = Table(
    "audit_sweeps",
    metadata,
    Column("before", BigInteger, primary_key=True, autoincrement=False),
)
"""Before when entries may leave: one row, once a sweep has removed any."""

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("session", LargeBinary(32), primary_key=True),
    Column("public_id", String(32), nullable=False, index=True),
    _owner(index=True),
    Column("provider", String(255), nullable=False),
    Column("sid_key", LargeBinary(32), nullable=False, index=True),
    Column("sub_key", LargeBinary(32), nullable=False, index=True),
    Column("epoch", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
    Column("address", String(64), nullable=False),
    Column("browser", String(255), nullable=False),
    Column("id_token", Text),
)
"""A login that still counts, for people to see and to end. It grants nothing: no session needs its row."""

cut_offs = Table(
    "cut_offs",
    metadata,
    Column("sessions", LargeBinary(32), primary_key=True),
    Column("begun_until", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
)
"""Of the sessions that `sessions` names (a hash), those that began at `begun_until` or before are over."""

personal_tokens = Table(
    "personal_tokens",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("public_id", String(32), nullable=False, unique=True, index=True),
    _owner(index=True),
    Column("name", Text, nullable=False),
    Column("routes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)
"""Of a personal access token only the keyed hash; `routes` are names of routes, a line each."""

# No foreign key: tokens outlive session and user until the issuer was told to forget them.
provider_grants = Table(
    "provider_grants",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("provider", String(255), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", String(255), nullable=False),
    Column("sub_key", LargeBinary(32), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("presented", Integer, nullable=False),
    Column("retry_at", BigInteger, nullable=False),
    Column("dead", Text, nullable=False),
    Column("revoke_at", BigInteger, nullable=False),
    Column("revocations", Integer, nullable=False),
)
"""What an issuer granted with the login of the session `key`; `revocations` were tried since that ended."""

refreshed_grants = Table(
    "refreshed_grants",
    metadata,
    Column("spent", LargeBinary(32), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
)
"""What became of a refresh token, `spent` being a keyed hash of it."""

locks = Table(
    "locks",
    metadata,
    Column("name", LargeBinary(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
)
"""Who works on what, so that no other node does."""
