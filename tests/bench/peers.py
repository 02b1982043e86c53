"""Who is measured: this archive, Debian's Orthanc on either database, and as floors dcmtk's storescp and nginx."""

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.local.postgres import EmbeddedPostgres

START_S = 120
WINDOW_S, IDLE = 1.0, 0.1
DICOM_JSON = "application/dicom+json"
GZIP = {"Accept-Encoding": "gzip"}
PIECE_BYTES = 1 << 20
TEMPORARY_REDIRECT = 307
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
NGINX_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
PLUGINS = Path("/usr/share/orthanc/plugins")
ORTHANC, ORTHANC_POSTGRESQL, OURS = "Orthanc", "Orthanc, PostgreSQL", "Bulut PACS"


class Unmeasured(Exception):
    """Why there is no figure: a program is missing, or a peer does not do what is measured."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            raise Unmeasured(f"{process.args!r} ended with {process.wait(0.1)}")
        except subprocess.TimeoutExpired:
            continue
    raise Unmeasured(f"{process.args!r} does not listen on {port}")


class Browser:
    """One connection that is kept, as a viewer keeps it: no delay, gzip taken."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self.root, self.headers = parts.path, headers
        self.connection = HTTPConnection(parts.netloc, timeout=120)
        self.connect()

    def connect(self) -> None:
        self.connection.close()
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> HTTPResponse:
        """An answer without an error; over a new connection when the peer has closed the one that lay idle."""
        for last in (False, True):
            try:
                place = path if path.startswith("http") else self.root + path
                self.connection.request(method, place, body, self.headers | headers)
                answer = self.connection.getresponse()
                break
            except ConnectionError:
                if last:
                    raise
                self.connect()
        if answer.status not in (200, 202, 204, TEMPORARY_REDIRECT):
            raise Unmeasured(f"{path} was answered {answer.status}: {answer.read()[:200]!r}")
        return answer

    def ask(self, path: str, accept: str) -> HTTPResponse:
        """The answer to a GET, where it is told to be."""
        answer = self.exchange("GET", path, None, {"Accept": accept} | GZIP)
        if answer.status == TEMPORARY_REDIRECT:
            answer.read()
            answer = self.exchange("GET", answer.headers["Location"], None, GZIP)
        return answer

    def get(self, path: str, accept: str = DICOM_JSON) -> tuple[bytes, bool]:
        """A body as it was sent, and whether it is gzip."""
        answer = self.ask(path, accept)
        return answer.read(), answer.getheader("Content-Encoding") == "gzip"

    def documents(self, path: str) -> list[dict[str, Any]]:
        """The items of a JSON answer."""
        body, packed = self.get(path)
        found: list[dict[str, Any]] = json.loads((gzip.decompress(body) if packed else body) or b"[]")
        return found

    def size(self, path: str, accept: str) -> int:
        """Bytes of a body that is read and not kept."""
        answer, buffer, total = self.ask(path, accept), bytearray(PIECE_BYTES), 0
        while count := answer.readinto(buffer):
            total += count
        return total

    def post(self, path: str, content_type: str, body: bytes) -> None:
        self.exchange("POST", path, body, {"Content-Type": content_type}).read()


@dataclass
class Peer:
    """A running archive: where it listens, how it is asked, which processes it is."""

    name: str
    process: subprocess.Popen[bytes]
    dicom_port: int = 0
    ae_title: str = ""
    dicomweb: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    database: EmbeddedPostgres | None = None

    def browser(self) -> Browser:
        return Browser(self.dicomweb, self.headers)

    def processes(self) -> list[int]:
        """The process and everything below it, its database too."""
        own = descendants(self.process.pid)
        return own if self.database is None else own + descendants(self.database.process.pid)

    def resident_mib(self) -> float:
        """Proportional set size of all processes, in MiB."""
        return sum(pss_kib(pid) for pid in self.processes()) / 1024

    def cpu_s(self) -> float:
        """Processor time of all processes, in seconds."""
        return sum(cpu_ticks(pid) for pid in self.processes()) / os.sysconf("SC_CLK_TCK")

    def rest(self, windows: int = 1) -> None:
        """Wait until the work that earlier measurements left behind is done, so that each begins alike.

        That is when so many windows have gone by without work.
        """
        deadline = time.monotonic() + START_S
        before, idle = self.cpu_s(), 0
        while time.monotonic() < deadline:
            time.sleep(WINDOW_S)
            now = self.cpu_s()
            idle = idle + 1 if now - before < IDLE * WINDOW_S else 0
            if idle == windows:
                return
            before = now
        raise Unmeasured(f"{self.name} does not come to rest")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)
        if self.database is not None:
            self.database.stop()


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def cpu_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[11]) + int(fields[12])


def pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def start_ours(folder: Path) -> Peer:
    """`pacs up` in a fresh home, without samples."""
    environment = os.environ | {
        "PACS_HOME": str(folder / "home"),
        "PACS_HTTP_PORT": str(free_port()),
        "PACS_DICOM_PORT": str(free_port()),
        "PACS_SAMPLE": "0",
    }
    command = [str(Path(sys.executable).parent / "pacs")]
    process = subprocess.Popen([*command, "up"], env=environment, stdout=(folder / "pacs.log").open("wb"))
    ready_file = folder / "home" / "ready.json"
    deadline = time.monotonic() + START_S
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Unmeasured("pacs up did not become ready: " + (folder / "pacs.log").read_text())
        time.sleep(0.05)
    ready = json.loads(ready_file.read_text())
    token = subprocess.run(
        [*command, "token", "--role", "admin", "--ttl", "2h"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    dicom = ready["dicom"]
    headers = {"Authorization": f"Bearer {token}"}
    return Peer(OURS, process, dicom["port"], dicom["ae_title"], ready["http"] + "/dicomweb", headers)


def start_orthanc(folder: Path, database: EmbeddedPostgres | None = None) -> Peer:
    """Orthanc with SQLite, or a database, and its DICOMweb plug-in; UTF-8 so that it keeps Turkish letters."""
    http, dicom = free_port(), free_port()
    plugins = ["libOrthancDicomWeb.so", *(["libOrthancPostgreSQLIndex.so"] if database else [])]
    configuration = {
        "Name": "bench",
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "HttpPort": http,
        "DicomPort": dicom,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": True,
        "AuthenticationEnabled": False,
        "DefaultEncoding": "Utf8",
        "DicomCheckCalledAet": False,
        "Plugins": [str(PLUGINS / each) for each in plugins],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "PostgreSQL": {"EnableIndex": True, "EnableStorage": False, "ConnectionUri": uri(database) if database else ""},
    }
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration))
    log = (folder / "orthanc.log").open("wb")
    process = subprocess.Popen([need("Orthanc", "orthanc orthanc-dicomweb"), str(file)], stdout=log, stderr=log)
    wait_for_port(http, process)
    name = ORTHANC_POSTGRESQL if database else ORTHANC
    return Peer(name, process, dicom, "ORTHANC", f"http://127.0.0.1:{http}/dicom-web", database=database)


def uri(database: EmbeddedPostgres) -> str:
    """How libpq is told of a server on a socket."""
    parts = dict(each.split("=", 1) for each in database.dsn.split())
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"


def start_orthanc_postgresql(folder: Path) -> Peer:
    """Orthanc with its index in PostgreSQL, the same build of it that ours uses."""
    if not (PLUGINS / "libOrthancPostgreSQLIndex.so").exists():
        install("orthanc-postgresql")
    database = EmbeddedPostgres(folder / "database")
    database.start()
    try:
        return start_orthanc(folder, database)
    except Unmeasured:
        database.stop()
        raise


def start_storescp(folder: Path) -> Peer:
    """dcmtk's receiver, which only writes files."""
    port = free_port()
    (folder / "storescp").mkdir()
    command = [need("storescp", "dcmtk"), "--fork", "-od", str(folder / "storescp"), "+xa", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_port(port, process)
    return Peer("storescp", process, port, "STORESCP")


def start_nginx(folder: Path, root: Path) -> Peer:
    """nginx, which only sends the files below `root`; those that end in .gz as gzip."""
    port = free_port()
    file = folder / "nginx.conf"
    file.write_text(
        f"{'user root;' if os.geteuid() == 0 else ''} daemon off; worker_processes auto; pid {folder}/nginx.pid;\n"
        f"error_log {folder}/nginx.log; events {{}}\n"
        "http {\n  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000;\n"
        + "".join(f"  {each}_temp_path {folder}/nginx-{each};\n" for each in NGINX_FOLDERS)
        + f"  server {{ listen 127.0.0.1:{port}; root {root};\n"
        "    location ~ [.]gz$ { add_header Content-Encoding gzip; } }\n}\n"
    )
    command = [need("nginx", "nginx-light"), "-c", str(file), "-e", f"{folder}/nginx.log"]
    process = subprocess.Popen(command)
    wait_for_port(port, process)
    return Peer("nginx", process, dicomweb=f"http://127.0.0.1:{port}")


def need(program: str, packages: str) -> str:
    """The path of a program. Raises Unmeasured when it is missing and only root could install it."""
    found = shutil.which(program, path=PATH)
    if not found:
        install(packages)
        found = shutil.which(program, path=PATH)
    if not found:
        raise Unmeasured(f"{program} is missing: apt-get install {packages}")
    return found


def install(packages: str) -> None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages.split()]
        for each in (["apt-get", "update", "-qq"], command):
            subprocess.run(each, env=environment, capture_output=True, check=False)
    else:
        raise Unmeasured(f"{packages} is missing: apt-get install {packages}")
