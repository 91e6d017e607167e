"""Keys and sealed values. The only room that knows jwcrypto."""
