"""Configuration: typed, checked, all faults at once. The only room that knows pydantic."""
