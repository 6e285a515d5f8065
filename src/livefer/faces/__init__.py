"""Boxes and crops of faces, the views of a face, and whether a crop can be read."""
