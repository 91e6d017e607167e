"""What we say about ourselves, with secrets kept out."""
