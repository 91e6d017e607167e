"""Sessions found by their beginning, so that a sweep reads what is over and not every session."""

from alembic import op

revision = "0006_begun"
down_revision = "0005_stateful"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_sessions_created_at", "sessions", ["created_at"])
