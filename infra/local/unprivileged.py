"""Gives up root and becomes another program, which PostgreSQL insists on. Run as a script by `infra.local.postgres`.

Whoever is not root uses `end_with_parent` alone.

`python unprivileged.py UID GID REACH PROGRAM ARGUMENT…`: with REACH `any` the program keeps CAP_DAC_OVERRIDE, for
a home or an installation that lies under a folder only root may enter; with `own` it keeps nothing.

Source: capabilities(7), section "Ambient capability set".
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def become(uid: int, gid: int, *, reach_any_folder: bool) -> None:
    """Raises PermissionError when this process may not change its user."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, int(reach_any_folder), 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if reach_any_folder:
        keep = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        sets = (ctypes.c_uint32 * 6)(keep, keep, keep, 0, 0, 0)  # effective, permitted, inheritable; low word first
        # Where a container has dropped the capability both calls fail, and the program runs without it.
        libc.capset(header, sets)
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def end_with_parent() -> None:
    """Ask the kernel for a fast stop of PostgreSQL when the thread that started this process has died."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def main(arguments: list[str]) -> None:
    uid, gid, reach, *command = arguments
    become(int(uid), int(gid), reach_any_folder=reach == "any")
    end_with_parent()  # a change of user takes it back
    os.execv(command[0], command)  # noqa: S606 - becoming the program is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
