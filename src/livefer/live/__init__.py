"""The live window and its recording."""
