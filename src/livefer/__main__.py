"""`python -m livefer` is the `livefer` command."""

from livefer.cli import main

if __name__ == "__main__":
    main()
