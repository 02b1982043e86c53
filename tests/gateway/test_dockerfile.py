"""The image cannot be built here; what it says can be checked."""

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

from gateway_scp.settings import GatewaySettings

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "gateway-scp" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", " ", DOCKERFILE.read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def arguments(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def variables() -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in arguments("ENV") for pair in shlex.split(rest))


def locked() -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}


def test_everything_that_is_copied_exists() -> None:
    sources = [part for rest in arguments("COPY") if "--from" not in rest for part in rest.split()[:-1]]
    assert sources
    assert [each for each in sources if not (ROOT / each).exists()] == []


def test_everything_that_the_build_needs_is_copied() -> None:
    copied = {part for rest in arguments("COPY") for part in rest.split()[:-1]}
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    assert {"pyproject.toml", "uv.lock", *members} <= copied


def test_what_is_installed_is_locked() -> None:
    (sync,) = [rest for rest in arguments("RUN") if rest.startswith("uv sync")]
    words = sync.split()
    assert "--frozen" in words
    package = words[words.index("--package") + 1]
    packages = locked()
    waiting: list[dict[str, Any]] = [{"name": package}]
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        found = packages[wanted["name"]]
        for extra in wanted.get("extra", []):
            waiting += found["optional-dependencies"][extra]
        if wanted["name"] not in seen:
            seen.add(wanted["name"])
            waiting += found.get("dependencies", [])
    assert {"pacs", "pynetdicom", "boto3", "pydicom", "numpy"} <= seen
    for name in seen - {"pacs", package}:
        wheels = [each["url"] for each in packages[name].get("wheels", [])]
        assert any(re.search(r"none-any|aarch64", each) for each in wheels), f"{name} has no wheel for arm64"


def test_the_stages_are_the_same_slim_python_for_any_architecture() -> None:
    bases = [rest.split()[0] for rest in arguments("FROM")]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    found = re.fullmatch(r"python:3\.(\d+)-slim-\w+", bases[0])
    assert found
    wanted = tomllib.loads((ROOT / "gateway-scp" / "pyproject.toml").read_text())["project"]["requires-python"]
    assert int(found[1]) >= int(wanted.removeprefix(">=3."))


def test_uv_is_one_that_reads_our_lock() -> None:
    (install,) = [rest for rest in arguments("RUN") if rest.startswith("pip install")]
    found = re.search(r"uv==(\d+)\.(\d+)", install)
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["required-version"]
    assert found
    assert [int(found[1]), int(found[2])] >= [int(each) for each in required.removeprefix(">=").split(".")]


def test_it_runs_as_nobody_special_and_writes_only_into_its_volume() -> None:
    order = [name for name, _ in instructions()]
    (user,) = arguments("USER")
    assert int(user) > 0
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert "RUN" not in order[order.index("USER") :]
    assert arguments("VOLUME") == ["/tmp"]
    assert variables()["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_entry_module_exists() -> None:
    (entry,) = arguments("ENTRYPOINT")
    assert entry == '["python", "-m", "gateway_scp"]'
    assert importlib.util.find_spec("gateway_scp.__main__")


def test_its_variables_are_settings_and_its_ports_are_exposed() -> None:
    ours = {name: value for name, value in variables().items() if name.startswith("PACS_")}
    settings = GatewaySettings.from_environment(ours)
    assert settings.platform == "aws"
    assert set(ours) <= {f"PACS_{name.upper()}" for name in GatewaySettings.__dataclass_fields__}
    assert arguments("EXPOSE") == [f"{settings.dicom_port} {settings.dicom_health_port}"]
