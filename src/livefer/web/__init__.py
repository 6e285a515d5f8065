"""The server behind `livefer serve`: one picture over HTTP, streams over a WebSocket, the page.

Needs the extra "web". Nothing that a visitor sends is written anywhere.
"""
