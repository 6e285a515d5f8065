"""Boxes and crops of faces, the views of a face, and whether a face can be read."""
