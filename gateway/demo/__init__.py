"""The sample app and the local issuer of `make run`; nothing that production uses."""
