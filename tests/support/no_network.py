"""Runs a command without a network: Linux kills each of its processes that opens a socket.

    python no_network.py REPORT.json [--serves] COMMAND...

A seccomp filter allows sockets between processes (AF_UNIX) only. It works below every library, so
native code is caught as well, before the first request to a name server. With --serves, TCP sockets
are allowed and connect() is forbidden: a server may listen, and that is all.

The report holds the command's exit code, and the command lines of the processes it left running.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

CANNOT = 77
"""The exit code on a system without such a filter."""
_WAIT_S = 20.0  # for processes that end soon after, such as multiprocessing's resource tracker

_PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 22, 36, 38
_SECCOMP_MODE_FILTER = 2
_LOAD, _AND, _IF_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06  # linux/bpf_common.h
_KILL, _ALLOW = 0x80000000, 0x7FFF0000  # SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW
# Offsets in seccomp_data: the call's number, its architecture and its first two arguments.
_NUMBER, _ARCHITECTURE, _DOMAIN, _KIND = 0, 4, 16, 24
# AUDIT_ARCH_*, and the numbers of socket() and connect().
_SYSTEMS = {"x86_64": (0xC000003E, 41, 42), "aarch64": (0xC00000B7, 198, 203)}


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def forbid_sockets(serves: bool) -> None:
    """Install the filter for this process and all its children to come."""
    architecture, open_socket, connect = _SYSTEMS[platform.machine()]
    unix, stream = int(socket.AF_UNIX), int(socket.SOCK_STREAM)
    lines: list[tuple[int, int, str, str]] = [
        (_LOAD, _ARCHITECTURE, "", ""),
        (_IF_EQUAL, architecture, "", "kill"),
        (_LOAD, _NUMBER, "", ""),
        *([(_IF_EQUAL, connect, "kill", "")] if serves else []),
        (_IF_EQUAL, open_socket, "", "allow"),
        (_LOAD, _DOMAIN, "", ""),
        (_IF_EQUAL, unix, "allow", "" if serves else "kill"),
    ]
    if serves:
        lines += [(_LOAD, _KIND, "", ""), (_AND, 0xF, "", ""), (_IF_EQUAL, stream, "allow", "kill")]
    targets = {"kill": len(lines), "allow": len(lines) + 1}
    lines += [(_RETURN, _KILL, "", ""), (_RETURN, _ALLOW, "", "")]
    code = b"".join(
        number.to_bytes(2, sys.byteorder)
        + bytes(targets[name] - i - 1 if name else 0 for name in (then, otherwise))
        + value.to_bytes(4, sys.byteorder)
        for i, (number, value, then, otherwise) in enumerate(lines)
    )
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(lines), code)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def children() -> dict[int, str]:
    """Return the process ids and command lines of this process's children."""
    found = {}
    for folder in Path("/proc").glob("[1-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(folder.name)] = line.decode(errors="replace")
    return found


def left_running(wait_s: float) -> list[str]:
    """Return the command lines of children that do not end in time; orphans are children, too.

    They are killed then.
    """
    end = time.monotonic() + wait_s
    with suppress(ChildProcessError):  # none is left
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.02)
    left = children()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return list(left.values())


def main() -> None:
    """Run the command under the filter and write the report."""
    report, *command = sys.argv[1:]
    serves = command[0] == "--serves"
    try:
        forbid_sockets(serves)
    except (OSError, KeyError) as error:
        sys.stderr.write(f"no seccomp filter here: {error}\n")
        raise SystemExit(CANNOT) from None
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, lambda number, frame: None)  # Ctrl-C is for the command
    code = subprocess.Popen(command[serves:]).wait()
    left = left_running(_WAIT_S)
    Path(report).write_text(json.dumps({"code": code, "left": left}), encoding="utf-8")


if __name__ == "__main__":
    main()
