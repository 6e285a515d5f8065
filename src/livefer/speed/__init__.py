"""How fast livefer is on this machine."""
