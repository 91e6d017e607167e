"""Frozen facts that rooms hand to one another; no I/O, no clock, no framework."""
