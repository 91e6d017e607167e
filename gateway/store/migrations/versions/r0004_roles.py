"""The audit trail, which only grows at one end and shrinks at the other."""

import sqlalchemy as sa
from alembic import op

revision = "0004_roles"
down_revision = "0003_passwords"
branch_labels = None
depends_on = None

_TEXTS = (
    "event",
    "outcome",
    "reason",
    "actor",
    "user_id",
    "session_id",
    "provider",
    "route",
    "client_ip",
    "request_id",
    "detail",
)

# An entry leaves only once a sweep has said before when, and an INSERT OR REPLACE is no way round:
# it deletes without asking the trigger for deletes.
_SQLITE = (
    """
    CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END
    """,
    """
    CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    WHEN OLD.ts >= COALESCE((SELECT MAX(before) FROM audit_sweeps), 0)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END
    """,
    """
    CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END
    """,
)

# What would replace an entry is an update or refused by the key; emptying the table asks a trigger of its own.
_POSTGRESQL = (
    """
    CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.ts < COALESCE((SELECT MAX(before) FROM audit_sweeps), 0) THEN
                RETURN OLD;
            END IF;
        END IF;
        RAISE EXCEPTION 'the audit trail is append only';
    END $$
    """,
    """
    CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()
    """,
    """
    CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
    """,
)


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        *[sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS],
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_ts", "audit", ["ts"])
    op.create_index("ix_audit_user_id", "audit", ["user_id"])
    op.create_table(
        "audit_sweeps",
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("before", name="pk_audit_sweeps"),
    )
    for trigger in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(trigger)
