"""Many inputs at once: on this machine's cores, or on a cluster."""
