"""Statements are held whatever else the machine does: what a slow store does is held in the attack rows."""

import pytest


@pytest.fixture(autouse=True)
def unhurried(patient: None) -> None:
    """Give stores the time that a busy machine takes, in every test here."""
