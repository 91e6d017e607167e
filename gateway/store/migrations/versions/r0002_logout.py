"""Sign-ins that still hold, and moments before which no session of a kind holds."""

import sqlalchemy as sa
from alembic import op

revision = "0002_logout"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_ins",
        sa.Column("session", sa.LargeBinary(32), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(255), nullable=False),
        sa.Column("sid_key", sa.LargeBinary(32), nullable=False),
        sa.Column("sub_key", sa.LargeBinary(32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("browser", sa.String(255), nullable=False),
        sa.Column("id_token", sa.Text()),
        sa.PrimaryKeyConstraint("session", name="pk_sign_ins"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sign_ins_user_id", ondelete="CASCADE"),
    )
    for column in ("public_id", "user_id", "sid_key", "sub_key", "ends_at"):
        op.create_index(f"ix_sign_ins_{column}", "sign_ins", [column])
    op.create_table(
        "cut_offs",
        sa.Column("sessions", sa.LargeBinary(32), nullable=False),
        sa.Column("begun_until", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sessions", name="pk_cut_offs"),
    )
    op.create_index("ix_cut_offs_until", "cut_offs", ["until"])
