"""From the whole `Settings` to the narrow values that each room takes; only this floor sees both."""
