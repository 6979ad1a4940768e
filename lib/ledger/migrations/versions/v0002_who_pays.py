"""Versions of what decides who pays, and which alerts have been told."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds their tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "rule_sets",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("published_at", moment, nullable=False),
        sa.Column("published_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("tables", sa.JSON, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("time", sa.String(10), primary_key=True),
        sa.Column("cost_centre", sa.Text, primary_key=True),
        sa.Column("platform", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("percent", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("told_at", moment, nullable=False),
    )
