"""Training: the only folder that imports torch (install with the `train` extra)."""
