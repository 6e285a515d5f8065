"""Figures of each person over time: summaries, key frames, timelines and reports."""
