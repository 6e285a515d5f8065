"""What a table says of each person: figures, key frames, timelines and reports."""
