"""Export the pins of constraints.txt as conda specs and container recipes: `python tools/export_envs.py`.

constraints.txt is the only lock. A test runs this export again and compares bytes, so envs/ cannot drift from it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from rerender.core.files import write_text
from rerender.runtime.pins import Pin, applicable, read_pins

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "3.11"
LLVM_PACKAGE = "libllvm19"
IMAGE = f"python:{PYTHON}-slim-bookworm"
# The machine the exports are for; pins for other systems are left out.
MACHINE = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": f"{PYTHON}.9",
    "python_version": PYTHON,
    "sys_platform": "linux",
}
# What only a CUDA build of torch brings along.
CUDA_PREFIXES = ("nvidia-", "cuda-", "triton")
# What a container needs of the project; results and resources are mounted.
FILES = ("Makefile", "Snakefile", "pyproject.toml", "constraints.txt", "README.md", "LICENSE")
FOLDERS = ("config", "profiles", "src", "tools", "workflow")
HEADER = "# Exported from constraints.txt by tools/export_envs.py: edit that, not this.\n"


def exports(pins: list[Pin]) -> dict[str, str]:
    """Return file name -> text for everything below envs/."""
    versions = applicable(pins, MACHINE)
    return {
        "cpu.yaml": conda_spec(
            "rerender", {k: v for k, v in versions.items() if not k.startswith(CUDA_PREFIXES)}
        ),
        "gpu.yaml": conda_spec("rerender-gpu", versions),
        "Dockerfile": dockerfile(),
        "apptainer.def": apptainer_recipe(),
    }


def conda_spec(name: str, versions: Mapping[str, str]) -> str:
    """Return a conda environment file; the packages come from pip at their pins, LLVM from conda-forge."""
    lines = [
        f"name: {name}",
        "channels:",
        "  - conda-forge",
        "  - nodefaults",
        "dependencies:",
        f"  - python={PYTHON}",
        "  - pip",
        "  - make",
        f"  - {LLVM_PACKAGE}",
        "  - pip:",
        *(f"      - {package}=={version}" for package, version in sorted(versions.items())),
    ]
    file = "gpu.yaml" if name.endswith("gpu") else "cpu.yaml"
    use = (
        f"# conda env create -f envs/{file} && conda activate {name} && python -m pip install --no-deps -e .\n"
        "# On Linux the default index serves the CUDA build of torch, which runs on CPUs as well. For the smaller\n"
        "# CPU build let PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL name a place that has it.\n"
    )
    return HEADER + use + "\n".join(lines) + "\n"


def install_commands() -> list[str]:
    """Return the shell commands that install LLVM and the project inside an image."""
    return [
        "apt-get update",
        f"apt-get install -y --no-install-recommends git make {LLVM_PACKAGE}",
        "rm -rf /var/lib/apt/lists/*",
        "ln -sfn profiles/slurm slurm",
        "python -m pip install --no-cache-dir -c constraints.txt -e .",
    ]


def dockerfile() -> str:
    """Return a Dockerfile; with the CUDA build of torch it also serves GPU machines."""
    copies = [f"COPY {' '.join(FILES)} ./", *(f"COPY {folder} {folder}" for folder in FOLDERS)]
    return HEADER + "\n".join(
        [
            "# docker build -t rerender -f envs/Dockerfile .",
            '# docker run --rm -v "$PWD/results:/opt/rerender/results" rerender --cores 2',
            f"FROM {IMAGE}",
            "WORKDIR /opt/rerender",
            *copies,
            "RUN " + " \\\n    && ".join(install_commands()),
            'ENTRYPOINT ["snakemake"]',
            "",
        ]
    )


def apptainer_recipe() -> str:
    """Return an Apptainer definition file; on GPU nodes run it with `--nv`."""
    copies = [f"    {name} /opt/rerender/{name}" for name in (*FILES, *FOLDERS)]
    return HEADER + "\n".join(
        [
            "# apptainer build rerender.sif envs/apptainer.def",
            "# apptainer run --nv rerender.sif --cores 2",
            "Bootstrap: docker",
            f"From: {IMAGE}",
            "",
            "%files",
            *copies,
            "",
            "%post",
            "    cd /opt/rerender",
            *(f"    {command}" for command in install_commands()),
            "",
            "%runscript",
            '    exec snakemake "$@"',
            "",
        ]
    )


def main() -> int:
    """Write envs/ anew and name the files that changed."""
    for name, text in exports(read_pins(ROOT / "constraints.txt")).items():
        path = ROOT / "envs" / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
            print(f"wrote envs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
