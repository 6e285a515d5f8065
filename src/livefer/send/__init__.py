"""Results to other programs while they are made, and the markers that come back."""
