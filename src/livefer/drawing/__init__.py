"""Pictures of results: boxes, labels, bars and heat maps."""
