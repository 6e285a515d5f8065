"""Pictures, videos and cameras: reading and writing them."""
