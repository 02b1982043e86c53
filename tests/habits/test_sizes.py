"""Files and functions stay small enough to be read at once."""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_FILE, MAX_FUNCTION = 400, 40
MAX_PICTURE_BYTES = 300_000
FORBIDDEN = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}


def sources() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).exists()]


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in sources()
        if (count := len(path.read_text().splitlines())) > MAX_FILE
    }
    assert long == {}


def test_no_function_is_longer_than_40_lines() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION
    }
    assert long == {}


def test_modules_are_nouns_of_the_domain() -> None:
    assert [path for path in sources() if path.stem in FORBIDDEN] == []


def test_pictures_in_the_documents_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "screenshots").glob("*.png")}
    assert sizes and {name: size for name, size in sizes.items() if size > MAX_PICTURE_BYTES} == {}
