"""How fast series are answered. Each function measures one row on one peer; nginx sends the bytes that ours sent."""

import gzip
import json
import random
import statistics
import subprocess
import time
from collections.abc import Callable

from tests.bench.ground import SERIES, Ground
from tests.bench.peers import DICOM_JSON, Unmeasured, need

REPEATS, FEWEST = 20, 3
ENOUGH_S = 6.0
FRAMES_S = 8
FRAME_BYTES = 512 * 1024
FRAME_ACCEPT = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
WHOLE_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
METADATA_COPY, WHOLE_COPY = "/metadata.gz", "/series"


def median_s(once: Callable[[], object]) -> float:
    """Median seconds of twenty times, or of as many as fit into a few seconds."""
    taken: list[float] = []
    while len(taken) < REPEATS and (len(taken) < FEWEST or sum(taken) < ENOUGH_S):
        began = time.perf_counter()
        once()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def metadata_ms(ground: Ground) -> float:
    """Median milliseconds to the last byte of the metadata of the whole series."""
    path = ground.series.path + "/metadata"
    if len(ground.browser.documents(path)) != SERIES:
        raise Unmeasured("the metadata is not whole")
    return median_s(lambda: ground.browser.get(path)) * 1000


def first_frame_ms(ground: Ground) -> float:
    """Median milliseconds to the metadata of the series and then the first frame."""
    series = ground.series

    def look() -> None:
        ground.browser.get(series.path + "/metadata")
        ground.browser.get(series.frame(series.instances[0]), FRAME_ACCEPT)

    return median_s(look) * 1000


def whole_mb_s(ground: Ground) -> float:
    """Megabytes a second of the whole series in one answer."""
    return megabytes_s(ground, ground.series.path)


def megabytes_s(ground: Ground, path: str) -> float:
    sizes = set()
    taken_s = median_s(lambda: sizes.add(ground.browser.size(path, WHOLE_ACCEPT)))
    if len(sizes) != 1 or min(sizes) < SERIES * FRAME_BYTES:
        raise Unmeasured(f"the series is not whole: {sizes} bytes")
    return sizes.pop() / 1e6 / taken_s


def frames_1(ground: Ground) -> float:
    return frames_per_s(ground, frame_paths(ground), 1)


def frames_8(ground: Ground) -> float:
    return frames_per_s(ground, frame_paths(ground), 8)


def frame_paths(ground: Ground) -> list[str]:
    """Every frame of the series in random order."""
    series = ground.series
    return [series.frame(each) for each in random.Random(1).sample(series.instances, len(series.instances))]


def frames_per_s(ground: Ground, paths: list[str], clients: int) -> float:
    """Frames a second that wrk gets, each request another instance of the series."""
    root = ground.browser.root
    headers = {**ground.peer.headers, "Accept": FRAME_ACCEPT}
    script = ground.work / "frames.lua"
    script.write_text(
        "local paths = {" + ",".join(f'"{root}{path}"' for path in paths) + "}\n"
        "local headers = {"
        + ",".join(f"[{json.dumps(name)}]={json.dumps(text)}" for name, text in headers.items())
        + "}\n"
        "local at = 0\n"
        "request = function() at = at % #paths + 1; return wrk.format('GET', paths[at], headers) end\n"
        "done = function(summary) print('RESULT', summary.requests, summary.duration,"
        " summary.errors.status + summary.errors.read + summary.errors.timeout, summary.bytes) end\n"
    )
    command = [need("wrk", "wrk"), "-t1", f"-c{clients}", f"-d{FRAMES_S}s", "--timeout", "30s", "-s", str(script)]
    output = subprocess.run([*command, ground.peer.dicomweb], capture_output=True, text=True, check=True).stdout
    requests, microseconds, errors, size = map(float, output.split("RESULT")[1].split())
    if errors or size < requests * FRAME_BYTES:
        raise Unmeasured(f"frames were not answered: {output}")
    return requests / (microseconds / 1e6)


def copy_for_nginx(ground: Ground) -> None:
    """Keep what ours answers as files: the metadata as gzip, each frame with its wrapping, the series in one."""
    series, browser = ground.series, ground.browser
    body, packed = browser.get(series.path + "/metadata", DICOM_JSON)
    ground.copies.mkdir()
    (ground.copies / METADATA_COPY[1:]).write_bytes(body if packed else gzip.compress(body))
    (ground.copies / WHOLE_COPY[1:]).write_bytes(browser.get(series.path, WHOLE_ACCEPT)[0])
    (ground.copies / "frames").mkdir()
    for number, instance in enumerate(series.instances):
        (ground.copies / "frames" / str(number)).write_bytes(browser.get(series.frame(instance), FRAME_ACCEPT)[0])


def metadata_floor_ms(ground: Ground) -> float:
    return median_s(lambda: ground.browser.get(METADATA_COPY)) * 1000


def first_frame_floor_ms(ground: Ground) -> float:
    return median_s(lambda: (ground.browser.get(METADATA_COPY), ground.browser.get("/frames/0"))) * 1000


def whole_floor_mb_s(ground: Ground) -> float:
    return megabytes_s(ground, WHOLE_COPY)


def frames_floor_1(ground: Ground) -> float:
    return frames_per_s(ground, copied_frames(), 1)


def frames_floor_8(ground: Ground) -> float:
    return frames_per_s(ground, copied_frames(), 8)


def copied_frames() -> list[str]:
    return [f"/frames/{number}" for number in random.Random(1).sample(range(SERIES), SERIES)]
