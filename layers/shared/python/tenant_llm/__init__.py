"""The shared layer."""
