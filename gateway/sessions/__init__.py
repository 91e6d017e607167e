"""Sessions: opened, renewed, issued and ended."""
