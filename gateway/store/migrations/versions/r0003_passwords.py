"""Passwords: a hash for each user who has one."""

import sqlalchemy as sa
from alembic import op

revision = "0003_passwords"
down_revision = "0002_logout"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "passwords",
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_passwords"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_passwords_user_id", ondelete="CASCADE"),
    )
