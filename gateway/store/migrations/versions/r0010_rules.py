"""Roles know by which rule a provider granted them, so that each goes with its rule.

Of those granted before nobody knows: the next start takes them, and the next login brings them back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010_rules"
down_revision = "0009_account_claims"
branch_labels = None
depends_on = None

_KEY = ("user_id", "role", "source", "rule")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("user_roles", sa.Column("rule", sa.String(32), nullable=False, server_default=""))
        op.alter_column("user_roles", "rule", server_default=None)
        op.drop_constraint("pk_user_roles", "user_roles", type_="primary")
        op.create_primary_key("pk_user_roles", "user_roles", list(_KEY))
        return
    op.create_table(
        "roles_by_rule",
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("role", sa.String(255), nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("rule", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint(*_KEY, name="pk_user_roles"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_roles_user_id", ondelete="CASCADE"),
    )
    op.execute("INSERT INTO roles_by_rule SELECT user_id, role, source, '' FROM user_roles")
    op.drop_table("user_roles")
    op.rename_table("roles_by_rule", "user_roles")
