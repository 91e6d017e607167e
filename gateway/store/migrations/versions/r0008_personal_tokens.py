"""Personal access tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0008_personal_tokens"
down_revision = "0007_grants"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "personal_tokens",
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("routes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_personal_tokens_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_personal_tokens"),
    )
    op.create_index("ix_personal_tokens_public_id", "personal_tokens", ["public_id"], unique=True)
    op.create_index("ix_personal_tokens_user_id", "personal_tokens", ["user_id"])
