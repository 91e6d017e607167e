"""Our own pages and endpoints."""
