"""Builds the Lambda layers' zips, byte for byte the same from the same inputs: `python -m infra.layers`.

Needs uv and a package index, no Docker: wheels for Lambda's platform are unpacked, nothing is compiled.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "build" / "layers"
OWN_TOOLS = ROOT / ".tools" / "bin"  # where make puts uv
PYTHON = "3.13"
# Not manylinux2014, for which the newest versions have no wheels: uv would silently take older ones.
PLATFORM = "aarch64-manylinux_2_28"
LIMIT_BYTES = 250 * 1024 * 1024  # Lambda: all layers and the function, unpacked
IN_THE_RUNTIME = ("boto3", "botocore")
FIRST_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
DROPPED_FILES = {".lock", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"}
DROPPED_FOLDERS = {"__pycache__", "tests", "test_files"}
# Of Babel's thousand locales (32 MB) only those of the portal's languages: pacs.portal.language.
KEPT_LOCALES = {"ar", "az", "az_Latn", "de", "en", "fa", "fr", "root", "ru", "tr"}
# Of the fonts only the styles that pacs.dicom.lettering names.
KEPT_FONTS = {"Regular", "Bold", "Italic", "BoldItalic"}


class LayerError(Exception):
    """The layers cannot be built; the message says why."""


def requirements(*extras: str) -> list[str]:
    """What `pacs` with these extras needs, pinned as in uv.lock, without what Lambda brings."""
    options = [option for extra in extras for option in ("--extra", extra)]
    pruned = [option for name in IN_THE_RUNTIME for option in ("--prune", name)]
    shape = ["--no-dev", "--no-emit-workspace", "--no-annotate", "--no-header", "--no-hashes"]
    text = uv("export", "--frozen", "--package", "pacs", *shape, *options, *pruned)
    return [line for line in text.splitlines() if line]


def uv(*arguments: str) -> str:
    """The output of one uv command. Raises LayerError."""
    program = os.environ.get("UV") or shutil.which("uv", path=os.pathsep.join((str(OWN_TOOLS), os.environ["PATH"])))
    if not program:
        raise LayerError("uv is not on the path: run `make layers`, or set UV")
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise LayerError(f"uv {arguments[0]} failed:\n{done.stderr}")
    return done.stdout


def contents() -> dict[str, list[str]]:
    """The pinned packages of each layer by its name; none is in two of them."""
    pacs = requirements()
    codecs = [package for package in requirements("decode") if package not in pacs]
    documents = [package for package in requirements("documents") if package not in (*pacs, *codecs)]
    return {"pacs": pacs, "codecs": codecs, "documents": documents}


def install(packages: list[str], target: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(packages))
        listed.flush()
        platform = ["--python-platform", PLATFORM, "--python-version", PYTHON, "--only-binary", ":all:"]
        command = ["pip", "install", "--no-deps", "--quiet", *platform, "--target", str(target)]
        command += ["--requirements", listed.name]
        try:
            uv(*command, "--offline")  # what was fetched once needs no index again
        except LayerError:
            uv(*command)


def kept_files(folder: Path) -> Iterator[Path]:
    """Every file that belongs into a layer, in one order everywhere."""
    for path in sorted(folder.rglob("*")):
        folders = path.relative_to(folder).parent.parts
        scripts = folders[:1] == ("bin",)
        if path.is_file() and path.name not in DROPPED_FILES and not scripts and is_needed(path.relative_to(folder)):
            yield path


def is_needed(path: Path) -> bool:
    """Whether a package's file does something for us where it stands."""
    other_locale = path.suffix == ".dat" and path.parent.name == "locale-data" and path.stem not in KEPT_LOCALES
    other_font = path.suffix == ".ttf" and path.stem.rpartition("-")[2] not in KEPT_FONTS
    return not other_locale and not other_font and not DROPPED_FOLDERS & set(path.parent.parts)


def write_zip(folder: Path, target: Path) -> int:
    """Zip a folder as a layer; returns its size unpacked, in bytes."""
    size_bytes = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for path in kept_files(folder):
            entry = zipfile.ZipInfo(f"python/{path.relative_to(folder).as_posix()}", FIRST_TIME)
            entry.external_attr = (0o755 if path.suffix == ".so" else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            body = path.read_bytes()
            archive.writestr(entry, body, compresslevel=9)
            size_bytes += len(body)
    return size_bytes


def build(name: str, packages: list[str], target: Path) -> int:
    """One layer's zip; the one called `pacs` also holds our own package. Returns its size unpacked, in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        install(packages, Path(folder))
        if name == "pacs":
            shutil.copytree(ROOT / "layers" / "pacs" / "src" / "pacs", Path(folder) / "pacs")
        size_bytes = write_zip(Path(folder), target)
    zipped = target.stat().st_size
    print(f"{name}: {size_bytes / 1e6:.1f} MB, {zipped / 1e6:.1f} MB zipped, {len(packages)} packages")  # noqa: T201
    return size_bytes


def main() -> None:
    total = sum(build(name, listed, BUILT / f"{name}.zip") for name, listed in contents().items())
    if total > LIMIT_BYTES:
        raise LayerError(
            f"the layers are {total / 1e6:.0f} MB unpacked together; Lambda takes {LIMIT_BYTES / 1e6:.0f} MB"
        )


if __name__ == "__main__":
    try:
        main()
    except LayerError as error:
        sys.exit(str(error))
