"""The server behind `livefer serve`, the page, and that page as files for any host.

The server needs the extra "web", and writes nothing that it receives.
"""
