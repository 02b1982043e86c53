"""The built viewer: whole, under its prefix, small, and without what its content security policy forbids."""

import gzip
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SITE = Path(__file__).resolve().parents[2] / "ohif-site"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """The build script as a module, after it has run (which is instant when nothing changed)."""
    subprocess.run([sys.executable, SITE / "build.py"], check=True, capture_output=True, timeout=600)
    spec = importlib.util.spec_from_file_location("ohif_site_build", SITE / "build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(build: ModuleType) -> Path:
    return Path(build.BUILD)


def test_a_second_run_does_nothing(site: Path) -> None:
    page = site / "index.html"
    made = page.stat().st_mtime_ns
    ran = subprocess.run([sys.executable, SITE / "build.py"], check=True, capture_output=True, text=True)
    assert "up to date" in ran.stdout
    assert page.stat().st_mtime_ns == made


def test_it_is_small(site: Path) -> None:
    files = [path for path in site.rglob("*") if path.is_file()]
    plain = sum(path.stat().st_size for path in files if path.suffix != ".gz")
    zipped = sum(path.stat().st_size for path in files if path.suffix == ".gz")
    assert 20e6 < plain < 37e6
    assert zipped < 9e6
    assert next(site.glob("app.bundle.*.js.gz")).stat().st_size < 2.2e6


def test_what_is_not_needed_is_not_there(site: Path) -> None:
    names = {path.relative_to(site).as_posix() for path in site.rglob("*")}
    assert not [name for name in names if name.endswith(".map") or name.startswith(("ort", "customizations"))]
    assert not names & {"sw.js", "init-service-worker.js", "google.js", "oidc-client.min.js", "silent-refresh.html"}


def test_every_script_finds_its_parts_under_the_prefix(site: Path) -> None:
    parts = [re.findall(r'\.p="([^"]+)"', path.read_text("utf-8")) for path in site.glob("*.js")]
    assert [part for found in parts for part in found] == ["/ohif-viewer/"] * 8


def test_no_address_leads_out_of_the_prefix(site: Path) -> None:
    own = {path.name for path in site.rglob("*") if path.is_file()}
    for path in [*site.glob("*.js"), *site.glob("*.css"), site / "index.html"]:
        for address in re.findall(r"[\"'`(]/([\w./-]+\.[a-z0-9]{2,5})[\"'`)]", path.read_text("utf-8")):
            name = address.rsplit("/", 1)[-1]
            assert name not in own or address.startswith("ohif-viewer/"), f"{path.name}: /{address}"


def test_the_page_holds_no_script_of_its_own(site: Path) -> None:
    page = (site / "index.html").read_text("utf-8")
    assert len(re.findall(r"<script", page)) == 2
    assert len(re.findall(r"<script[^>]* src=\"/ohif-viewer/[^>]*></script>", page)) == 2
    assert not re.search(r"\son\w+=|javascript:|https?://", page)


def test_the_compressed_files_are_the_files(site: Path) -> None:
    for name in ("app.bundle.css", "app-config.js", next(site.glob("app.bundle.*.js")).name):
        assert gzip.decompress((site / f"{name}.gz").read_bytes()) == (site / name).read_bytes()
    assert list(site.glob("*.wasm.gz"))


def test_turkish_reaches_the_bundle(site: Path) -> None:
    bundle = next(site.glob("app.bundle.*.js")).read_text("utf-8")
    words = json.loads((SITE / "turkish.json").read_text("utf-8"))
    assert sum(len(each) for each in words.values()) > 400
    assert words["MeasurementTable"]["Track measurements for this series?"] in bundle


def test_a_patch_that_does_not_fit_stops_the_build(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text("a(1);a(1);")
    with pytest.raises(build.BuildError, match=r"expected 1 .* found 2"):
        build.apply(build.Patch("*.js", "a(1)", "b(1)", 1), tmp_path)
    with pytest.raises(build.BuildError, match=r"expected 1 .* found 0"):
        build.apply(build.Patch("*.js", "c(1)", "b(1)", 1), tmp_path)


def test_a_page_that_names_a_missing_file_stops_the_build(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="/ohif-viewer/gone.js"></script>')
    with pytest.raises(build.BuildError, match=r"gone\.js"):
        build.check_links(tmp_path)


def test_another_tarball_is_not_taken(build: ModuleType, tmp_path: Path) -> None:
    pinned = json.loads((SITE / "package.json").read_text())["ohif"]
    (tmp_path / "other.tgz").write_bytes(b"not it")
    assert build.integrity(tmp_path / "other.tgz") != pinned["integrity"]
    assert build.integrity(build.fetch_ohif()) == pinned["integrity"]
    assert re.fullmatch(r"@ohif/app@\d+\.\d+\.\d+", pinned["package"])


def test_the_lock_file_pins_by_hash_and_names_no_host() -> None:
    lock = json.loads((SITE / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert "://" not in json.dumps(lock)
