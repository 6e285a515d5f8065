"""Data sets for training and evaluation: reading and checking them."""
