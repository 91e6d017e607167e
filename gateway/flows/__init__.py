"""The stories: login, link, resume, logout."""
