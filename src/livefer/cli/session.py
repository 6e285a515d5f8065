"""The session of a live command: what its options open, and what it says at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from livefer.cli.console import note, print_without_landmarks
from livefer.cli.outputs import TableName, words_for
from livefer.errors import ConfigError
from livefer.live.session import Session
from livefer.recognizer import Recognizer
from livefer.send.addresses import open_sender, read_address
from livefer.send.markers import MarkerReceiver
from livefer.send.messages import session_start
from livefer.tables.schema import STARTED, STARTED_S
from livefer.tables.writing import open_table


def open_session(
    recognizer: Recognizer,
    tables: Sequence[TableName],
    send: Sequence[str],
    markers: str | None,
    offset_s: float,
    landmarks: bool,
) -> Session:
    """Open the tables and receivers of a live command, which leaving the session closes."""
    if landmarks:
        if not tables:
            raise ConfigError(
                "--landmarks adds columns to a table: add --csv, --jsonl or --parquet"
            )
        print_without_landmarks(recognizer)
    if markers is not None and not (tables or send):
        raise ConfigError("--markers has no place for markers: add --csv OUT.CSV or --send")
    to = [read_address("--send", url) for url in send]
    back = None if markers is None else read_address("--markers", markers, "udp", "osc")
    model = str(recognizer.classifier.name)
    start = session_start(time.monotonic(), recognizer.classes, model, offset_s)
    metadata = {
        **recognizer.metadata(),
        STARTED: start.iso,
        STARTED_S: f"{start.started_s:.4f}",
        "livefer.offset_s": f"{offset_s:g}",
    }
    with ExitStack() as stack:  # closes what is open, where the next one cannot be opened
        senders = []
        for address in to:
            senders.append(open_sender(address, start))
            stack.callback(senders[-1].close)
        receiver = None
        if back is not None:
            receiver = MarkerReceiver(back)
            stack.callback(receiver.close)
        # The last to be opened: each replaces an older table when it is closed.
        sinks = [
            stack.enter_context(
                open_table(
                    *(table.path, recognizer.classes, metadata, landmarks),
                    live=True,
                    kind=table.kind,
                )
            )
            for table in tables
        ]
        session = Session(start, sinks, senders, receiver)
        stack.pop_all()
    return session


def print_end(
    done: str, tables: Sequence[TableName], others: Sequence[Path], session: Session
) -> None:
    """Print on stderr what was done and written, and how much went to each receiver.

    done: words before the files; "" where an error follows
    others: files beside the tables
    """
    files = [words_for(path) for path in (*others, *(table.path for table in tables))]
    wrote = f"wrote {', '.join(files)}" if files else ""
    line = "; ".join(filter(None, (done, wrote)))
    for words in filter(None, (line, *session.lines())):
        note(words)
