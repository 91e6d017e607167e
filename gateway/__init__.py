"""Vestibule: an authentication gateway for web apps that know nothing of OAuth."""

__version__ = "0.1.0"
