"""What we remember: users, accounts, endings. The only room that knows SQL."""
