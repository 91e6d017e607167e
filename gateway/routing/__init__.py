"""Which route governs a request, and whether the caller may pass."""
