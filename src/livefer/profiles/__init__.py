"""What a person's own faces look like to a model, and what a new one means for that person."""
