"""`python -m livefer` is the `livefer` command."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command; Ctrl-C ends it without a traceback, wherever it comes.

    In an app that PyInstaller has made, this also is what `analyze` starts its processes with.
    """
    try:
        if getattr(sys, "frozen", False):
            from multiprocessing import freeze_support

            freeze_support()
        from livefer.cli import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left to end in good order


if __name__ == "__main__":
    main()
