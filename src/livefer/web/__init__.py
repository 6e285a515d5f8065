"""The server behind `livefer serve`: single pictures over HTTP, streams over WebSocket, the page.

Needs the extra "web". Writes nothing that it receives.
"""
