"""The shipped models, the shipped picture, and the report's style."""
