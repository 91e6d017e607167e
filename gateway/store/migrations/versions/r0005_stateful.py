"""Sessions kept here, for `strategy = "stateful"`; and on PostgreSQL, triggers that tell of changes.

SQLite lets every connection see that something was committed. PostgreSQL tells whoever listens to the
channel `vestibule`, and what: a user whose sessions may have changed (`user:ID`), a name that sessions
have (`name:HEX`: a key, or an issuer's `sid` or `sub`, all of them hashes), or, where that would be a
long list, `all`. That a session was seen is no change.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005_stateful"
down_revision = "0004_roles"
branch_labels = None
depends_on = None

_FUNCTIONS = (
    """
    CREATE FUNCTION tell_user() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('vestibule', 'user:' || told)
        FROM (
            SELECT to_jsonb(OLD) ->> TG_ARGV[0] AS told UNION SELECT to_jsonb(NEW) ->> TG_ARGV[0]
        ) AS users
        WHERE told IS NOT NULL;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION tell_users_of_gone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT COUNT(*) FROM (SELECT DISTINCT user_id FROM gone LIMIT 101) AS users) > 100 THEN
            PERFORM pg_notify('vestibule', 'all');
        ELSE
            PERFORM pg_notify('vestibule', 'user:' || user_id)
            FROM (SELECT DISTINCT user_id FROM gone) AS users;
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION tell_name() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        named bytea;
    BEGIN
        EXECUTE format('SELECT ($1).%I', TG_ARGV[0]) INTO named USING NEW;
        PERFORM pg_notify('vestibule', 'name:' || encode(named, 'hex'));
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION tell_all() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('vestibule', 'all');
        RETURN NULL;
    END $$
    """,
)
_TRIGGERS = (
    """
    CREATE TRIGGER sessions_gone AFTER DELETE ON sessions REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION tell_users_of_gone()
    """,
    """
    CREATE TRIGGER sessions_changed
    AFTER UPDATE OF key, user_id, sealed, created_at, ends_at, sid_key, sub_key ON sessions
    FOR EACH ROW EXECUTE FUNCTION tell_user('user_id')
    """,
    """
    CREATE TRIGGER users_changed AFTER UPDATE ON users
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tell_user('id')
    """,
    """
    CREATE TRIGGER users_gone AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION tell_user('id')
    """,
    """
    CREATE TRIGGER user_roles_changed AFTER INSERT OR UPDATE OR DELETE ON user_roles
    FOR EACH ROW EXECUTE FUNCTION tell_user('user_id')
    """,
    """
    CREATE TRIGGER denied_sessions_changed AFTER INSERT OR UPDATE ON denied_sessions
    FOR EACH ROW EXECUTE FUNCTION tell_name('session')
    """,
    """
    CREATE TRIGGER cut_offs_changed AFTER INSERT OR UPDATE ON cut_offs
    FOR EACH ROW EXECUTE FUNCTION tell_name('sessions')
    """,
    *(
        f"""
        CREATE TRIGGER {table}_emptied AFTER TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION tell_all()
        """
        for table in ("sessions", "users", "user_roles")
    ),
)


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("provider", sa.String(255), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("issuer_sid", sa.Text()),
        sa.Column("sid_key", sa.LargeBinary(32), nullable=False),
        sa.Column("sub_key", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id", "created_at"])
    op.create_index("ix_sessions_ends_at", "sessions", ["ends_at"])
    op.create_index("ix_sessions_seen_at", "sessions", ["seen_at"])
    if op.get_bind().dialect.name == "postgresql":
        for statement in (*_FUNCTIONS, *_TRIGGERS):
            op.execute(statement)
