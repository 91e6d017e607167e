"""What an upstream receives, and how the bytes get there and back."""
