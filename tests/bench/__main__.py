"""`make bench`: this archive beside Orthanc and storescp in one run, on one machine. Writes docs/benchmarks.md.

The stock sender is dcmtk's storescu and the readers are wrk's; the no-delay sender is `sender.py`.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE

from tests.bench import peers
from tests.bench.data import write_series
from tests.bench.peers import Peer, need
from tests.bench.sender import seconds

STOCK, ONE, FOUR, SERIES = 100, 300, 150, 500
REPEATS = 20
FRAMES_S = 8
DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
MARK = "<!-- figures -->"
FRAME_ACCEPT = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'

Figures = dict[str, dict[str, float]]
Uids = tuple[str, str, list[str]]


def send(peer: Peer, folder: Path) -> None:
    """One association of storescu, as it comes, that sends a folder. Raises when it fails."""
    command = [need("storescu", "dcmtk"), "-aec", peer.ae_title, "+sd", "127.0.0.1", str(peer.dicom_port), str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def stock_rate(peer: Peer, folder: Path, count: int) -> float:
    """Instances a second of one storescu."""
    began = time.perf_counter()
    send(peer, folder)
    return count / (time.perf_counter() - began)


def no_delay_rate(peer: Peer, folders: list[Path], count: int) -> float:
    """Instances a second of one association a folder, all at once, of a sender that waits for no timer."""
    return count / seconds(peer.dicom_port, peer.ae_title, folders)


def wait_until(condition: Callable[[], bool]) -> float:
    """Seconds until a condition holds, asked without a pause."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > 300:
            raise SystemExit("it never came")
    return time.perf_counter() - began


def shows(peer: Peer, study: str, count: int) -> bool:
    return peer.instances_of(study) == count


def visible_s(peer: Peer, template: Path) -> float:
    """Median seconds from the last C-STORE response to the instance being found."""
    dataset = dcmread(template)
    entity = AE("BENCH")
    entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", peer.dicom_port, ae_title=peer.ae_title)
    taken = []
    for _ in range(10):
        dataset.StudyInstanceUID, dataset.SOPInstanceUID = generate_uid(), generate_uid()
        dataset.SeriesInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        if association.send_c_store(dataset).Status != 0:
            raise SystemExit(f"{peer.name} refused an instance")
        study = str(dataset.StudyInstanceUID)
        taken.append(wait_until(partial(shows, peer, study, 1)))
    association.release()
    return statistics.median(taken)


def metadata_s(peer: Peer, uids: Uids) -> float:
    """Median seconds of the metadata of the whole series."""
    path = f"/studies/{uids[0]}/series/{uids[1]}/metadata"
    taken = []
    for _ in range(REPEATS if peer.name != "Orthanc" else 5):
        began = time.perf_counter()
        documents = json.loads(peer.get(path))
        taken.append(time.perf_counter() - began)
        if len(documents) != SERIES:
            raise SystemExit(f"{peer.name} gave {len(documents)} of {SERIES} documents")
    return statistics.median(taken)


def frames_per_s(peer: Peer, uids: Uids, clients: int, folder: Path) -> float:
    """Frames a second that wrk gets, each request another instance of the series."""
    base = peer.dicomweb.split("/", 3)[3]
    order = random.Random(1).sample(uids[2], len(uids[2]))
    paths = [f"/{base}/studies/{uids[0]}/series/{uids[1]}/instances/{each}/frames/1" for each in order]
    headers = {**peer.headers, "Accept": FRAME_ACCEPT}
    script = folder / f"{peer.ae_title}.lua"
    script.write_text(
        "local paths = {" + ",".join(f'"{path}"' for path in paths) + "}\n"
        "local headers = {"
        + ",".join(f"[{json.dumps(name)}]={json.dumps(text)}" for name, text in headers.items())
        + "}\n"
        "local at = 0\n"
        "request = function() at = at % #paths + 1; return wrk.format('GET', paths[at], headers) end\n"
        "done = function(summary) print('RESULT', summary.requests, summary.duration,"
        " summary.errors.status + summary.errors.read + summary.errors.timeout, summary.bytes) end\n"
    )
    command = [need("wrk", "wrk"), "-t1", f"-c{clients}", f"-d{FRAMES_S}s", "--timeout", "30s", "-s", str(script)]
    output = subprocess.run([*command, peer.dicomweb], capture_output=True, text=True, check=True).stdout
    requests, microseconds, errors, size = map(float, output.split("RESULT")[1].split())
    if errors or size < requests * 512 * 1024:
        raise SystemExit(f"{peer.name} did not answer frames: {output}")
    return requests / (microseconds / 1e6)


def measure(folder: Path) -> Figures:
    series = write_series(folder / "series", SERIES, seed=1)
    write_series(folder / "stock", STOCK, seed=2)
    write_series(folder / "one", ONE, seed=3)
    four = [folder / f"four-{number}" for number in range(4)]
    for number, each in enumerate(four):
        write_series(each, FOUR, seed=4 + number)
    figures: Figures = {}
    for start in (peers.start_storescp, peers.start_orthanc, peers.start_ours):
        peer = start(folder)
        found = figures[peer.name] = {}
        try:
            found["stock"] = stock_rate(peer, folder / "stock", STOCK)
            peer.rest()
            found["one"] = no_delay_rate(peer, [folder / "one"], ONE)
            peer.rest()
            found["four"] = no_delay_rate(peer, four, 4 * FOUR)
            if peer.dicomweb:
                no_delay_rate(peer, [folder / "series"], SERIES)
                wait_until(partial(shows, peer, series[0], SERIES))
                peer.rest()
                found["visible"] = visible_s(peer, folder / "series" / "00001.dcm")
                found["metadata"] = metadata_s(peer, series)
                peer.rest()
                found["frames_1"] = frames_per_s(peer, series, 1, folder)
                found["frames_8"] = frames_per_s(peer, series, 8, folder)
            found["memory"] = peer.resident_mib()
        finally:
            peer.stop()
        sys.stderr.write(f"{peer.name}: {found}\n")
    return figures


ROWS = (
    ("C-STORE, stock storescu, 1 association", "stock", "instances/s", ">= 5"),
    ("C-STORE, no-delay sender, 1 association", "one", "instances/s", ""),
    ("C-STORE, no-delay sender, 4 associations", "four", "instances/s", ">= 0.8"),
    ("last response to found by QIDO, median", "visible", "ms", "<= 1,000 ms"),
    ("metadata of a series of 500, median", "metadata", "ms", ">= 5"),
    ("frames, 1 client", "frames_1", "frames/s", ""),
    ("frames, 8 clients", "frames_8", "frames/s", ">= 1.5"),
    ("resident memory afterwards (PSS)", "memory", "MiB", ""),
)
SECONDS = ("visible", "metadata")


def table(figures: Figures) -> str:
    """The figures as Markdown; the ratio says how many times better ours is than Orthanc's."""
    lines = [
        "| | unit | Bulut PACS | Orthanc | storescp | ratio to Orthanc | target |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, key, unit, target in ROWS:
        cells = []
        for name in ("Bulut PACS", "Orthanc", "storescp"):
            value = figures[name].get(key)
            cells.append("" if value is None else f"{value * 1000 if key in SECONDS else value:,.1f}")
        ours, theirs = figures["Bulut PACS"][key], figures["Orthanc"][key]
        ratio = theirs / ours if key in (*SECONDS, "memory") else ours / theirs
        lines.append(f"| {label} | {unit} | {' | '.join(cells)} | {ratio:.2f} | {target} |")
    return "\n".join(lines)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        text = table(measure(Path(folder)))
    sys.stdout.write(text + "\n")
    before, _, rest = DOCUMENT.read_text().partition(MARK)
    DOCUMENT.write_text(f"{before}{MARK}\n\n{text}\n\n{MARK}{rest.partition(MARK)[2]}")


if __name__ == "__main__":
    main()
