"""Who is the same person: descriptors of faces, and the tracks that are one person's."""
