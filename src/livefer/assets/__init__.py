"""The shipped models, the shipped picture, the report's style, and PyInstaller's hook."""
