"""Who is measured: this archive, Debian's Orthanc, and dcmtk's storescp as a floor for receiving."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

START_S = 120
WINDOW_S, IDLE = 1.0, 0.1


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
            raise SystemExit(f"{process.args!r} ended with {process.wait(0.1)}")
        except subprocess.TimeoutExpired:
            continue
    raise SystemExit(f"{process.args!r} does not listen on {port}")


@dataclass
class Peer:
    """A running archive: where it listens, how it is asked, which processes it is."""

    name: str
    process: subprocess.Popen[bytes]
    dicom_port: int
    ae_title: str
    dicomweb: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, accept: str = "application/dicom+json") -> bytes:
        request = Request(self.dicomweb + path, headers={**self.headers, "Accept": accept})
        with urlopen(request, timeout=120) as answer:
            return bytes(answer.read())

    def instances_of(self, study: str) -> int:
        """How many instances a search shows of a study."""
        found = json.loads(self.get(f"/studies?StudyInstanceUID={study}&includefield=00201208") or b"[]")
        values: list[Any] = found[0].get("00201208", {}).get("Value", [0]) if found else [0]
        return int(values[0])

    def resident_mib(self) -> float:
        """Proportional set size of the process and everything below it, in MiB."""
        return sum(pss_kib(pid) for pid in descendants(self.process.pid)) / 1024

    def cpu_s(self) -> float:
        """Processor time of the process and everything below it, in seconds."""
        return sum(cpu_ticks(pid) for pid in descendants(self.process.pid)) / os.sysconf("SC_CLK_TCK")

    def rest(self) -> None:
        """Wait until the work that earlier measurements left behind is done, so that each begins alike."""
        deadline = time.monotonic() + START_S
        before = self.cpu_s()
        while time.monotonic() < deadline:
            time.sleep(WINDOW_S)
            now = self.cpu_s()
            if now - before < IDLE * WINDOW_S:
                return
            before = now
        raise SystemExit(f"{self.name} does not come to rest")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)


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
            raise SystemExit("pacs up did not become ready: " + (folder / "pacs.log").read_text())
        time.sleep(0.05)
    ready = json.loads(ready_file.read_text())
    token = subprocess.run(
        [*command, "token", "--role", "admin", "--ttl", "2h"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    return Peer(
        "Bulut PACS",
        process,
        ready["dicom"]["port"],
        ready["dicom"]["ae_title"],
        ready["http"] + "/dicomweb",
        {"Authorization": f"Bearer {token}"},
    )


def start_orthanc(folder: Path) -> Peer:
    """Orthanc with SQLite and its DICOMweb plug-in, UTF-8 so that it keeps Turkish letters."""
    http, dicom = free_port(), free_port()
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
        "Plugins": ["/usr/share/orthanc/plugins"],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration))
    log = (folder / "orthanc.log").open("wb")
    process = subprocess.Popen([need("Orthanc", "orthanc orthanc-dicomweb"), str(file)], stdout=log, stderr=log)
    wait_for_port(http, process)
    return Peer("Orthanc", process, dicom, "ORTHANC", f"http://127.0.0.1:{http}/dicom-web")


def start_storescp(folder: Path) -> Peer:
    """dcmtk's receiver, which only writes files."""
    port = free_port()
    (folder / "storescp").mkdir()
    command = [need("storescp", "dcmtk"), "--fork", "-od", str(folder / "storescp"), "+xa", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_port(port, process)
    return Peer("storescp", process, port, "STORESCP")


def need(program: str, packages: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if not found:
        raise SystemExit(f"{program} is missing: apt-get install {packages}")
    return found
