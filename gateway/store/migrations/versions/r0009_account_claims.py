"""What providers said of accounts is read with every session; PostgreSQL tells when it changes.

A login that brings what is known already is no change.
"""

from alembic import op

revision = "0009_account_claims"
down_revision = "0008_personal_tokens"
branch_labels = None
depends_on = None

_TRIGGERS = (
    """
    CREATE TRIGGER accounts_changed AFTER UPDATE ON accounts
    FOR EACH ROW WHEN (
        (OLD.provider, OLD.issuer, OLD.subject, OLD.user_id, OLD.claims::text)
        IS DISTINCT FROM (NEW.provider, NEW.issuer, NEW.subject, NEW.user_id, NEW.claims::text)
    )
    EXECUTE FUNCTION tell_user('user_id')
    """,
    """
    CREATE TRIGGER accounts_come_and_gone AFTER INSERT OR DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION tell_user('user_id')
    """,
    """
    CREATE TRIGGER accounts_emptied AFTER TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION tell_all()
    """,
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in _TRIGGERS:
            op.execute(statement)
