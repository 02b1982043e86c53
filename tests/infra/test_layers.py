"""The layers' zips: the same from the same files, and with all that the functions import."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from functions import catalogue
from infra import layers

ROOT = Path(__file__).resolve().parents[2]

# Imports handlers as Lambda would find them: the standard library, the runtime's boto3, and the layers' packages.
IMPORT_HANDLERS = """
import importlib, importlib.metadata, re, sys
functions, *requirements = sys.argv[1:]
normal = lambda name: re.sub("[-_.]+", "-", name).lower()
brought = {normal(line.split("==")[0]) for line in requirements}
brought |= {"boto3", "botocore", "s3transfer"}
absent = {
    module
    for module, distributions in importlib.metadata.packages_distributions().items()
    if not brought & {normal(each) for each in distributions}
} - {"functions", "infra", "pacs"}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"{function} imports {name}, which its layers do not bring", name=name)
sys.meta_path.insert(0, Absent())
for function in functions.split():
    importlib.import_module(f"functions.{function}.handler")
"""


def tree(folder: Path) -> Path:
    for path in ("b/x.py", "a.py", "b/__pycache__/x.pyc", "a-1.dist-info/RECORD", "a-1.dist-info/METADATA", "bin/tool"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    return folder


def test_a_layer_is_the_same_bytes_whenever_and_wherever_it_is_built(tmp_path: Path) -> None:
    first, second = tree(tmp_path / "one"), tree(tmp_path / "two")
    os.utime(second / "a.py", (0, 0))
    (second / "b/x.py").chmod(0o600)
    sizes = [layers.write_zip(folder, tmp_path / f"{folder.name}.zip") for folder in (first, second)]
    assert sizes[0] == sizes[1] == len("b/x.py") + len("a.py") + len("a-1.dist-info/METADATA")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["python/a-1.dist-info/METADATA", "python/a.py", "python/b/x.py"]


@pytest.fixture(scope="module")
def packages() -> dict[str, list[str]]:
    """The pinned packages of each layer."""
    return layers.contents()


def test_layers_are_pinned_and_leave_out_what_lambda_brings(packages: dict[str, list[str]]) -> None:
    for listed in packages.values():
        assert listed and all("==" in each for each in listed)
        assert not any(each.startswith(("boto3=", "botocore=")) for each in listed)
    names = [each.split("==")[0] for each in packages["codecs"]]
    assert {"numpy", "pydicom", "pylibjpeg", "fontpkg-fira-sans"} <= set(names)
    names = [each.split("==")[0] for each in packages["documents"]]
    assert {"fpdf2", "uharfbuzz", "fonttools"} <= set(names) and not {"pillow", "fontpkg-fira-sans"} & set(names)


@pytest.mark.parametrize("brought", sorted({each.layers for each in catalogue.FUNCTIONS}), ids="+".join)
def test_functions_import_nothing_that_their_layers_do_not_bring(
    brought: tuple[str, ...], packages: dict[str, list[str]]
) -> None:
    functions = " ".join(each.name for each in catalogue.FUNCTIONS if each.layers == brought)
    requirements = [each.split(" ")[0] for layer in brought for each in packages[layer]]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_HANDLERS, functions, *requirements],
        cwd=ROOT,
        env={**os.environ, "PACS_PLATFORM": "aws", "AWS_DEFAULT_REGION": "eu-central-1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
