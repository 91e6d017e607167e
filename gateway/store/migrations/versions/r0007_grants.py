"""Provider tokens kept beside sessions, and locks so that one node refreshes them for all."""

import sqlalchemy as sa
from alembic import op

revision = "0007_grants"
down_revision = "0006_begun"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_grants",
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(255), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("sub_key", sa.LargeBinary(32), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("presented", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=False),
        sa.Column("dead", sa.Text(), nullable=False),
        sa.Column("revoke_at", sa.BigInteger(), nullable=False),
        sa.Column("revocations", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_provider_grants"),
    )
    op.create_table(
        "refreshed_grants",
        sa.Column("spent", sa.LargeBinary(32), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("spent", name="pk_refreshed_grants"),
    )
    op.create_index("ix_refreshed_grants_until", "refreshed_grants", ["until"])
    op.create_table(
        "locks",
        sa.Column("name", sa.LargeBinary(32), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_locks"),
    )
    op.create_index("ix_locks_until", "locks", ["until"])
