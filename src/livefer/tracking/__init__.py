"""Detection over time: the faces of a stream found, matched and smoothed."""
