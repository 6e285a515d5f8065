"""The face detector: its pictures, its teacher, its network, its training and its file."""
