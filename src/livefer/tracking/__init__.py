"""Detection over time: where the faces of a stream are, whose they are, and their smoothing."""
