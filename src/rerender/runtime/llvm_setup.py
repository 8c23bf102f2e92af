"""Bring a usable LLVM: find one, or unpack the distribution's package beside the environment (no root, no sudo).

    python -m rerender.runtime.llvm_setup

Debian and Ubuntu only; elsewhere it prints the command to type. The files go to `<environment>/llvm/lib`, where
`rerender.runtime.llvm` looks first.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from rerender.core.errors import UserError
from rerender.runtime import device, llvm

# The C and C++ run times must be the system's own: a second copy in one process is worse than none.
_BASE_PACKAGES = re.compile(r"^(libc6|libc-bin|libgcc-s1|libstdc\+\+6|gcc-\d+-base)$")
_PACKAGE = re.compile(r"^libllvm(\d+)$")


class AptFailed(Exception):
    """An apt or dpkg command failed; the text is the end of what it said."""


def main() -> int:
    """Find or unpack LLVM, say where it is, and return the exit code."""
    try:
        print(f"LLVM: {ensure(Path(sys.prefix))}")
    except UserError as error:
        if device.cuda_status().ok:
            print(f"LLVM: none ({error.message}). Not needed here: rendering uses CUDA.")
            return 0
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def ensure(prefix: Path) -> Path:
    """Return a libLLVM that runs a kernel, unpacking one below `prefix` where the machine has none."""
    found = llvm.locate()
    complaint = llvm.probe(found) if found else "none of version 17 or newer"
    if found and not complaint:
        return found
    if os.environ.get(llvm.VARIABLE):
        raise UserError(
            f"the LLVM that {llvm.VARIABLE} names does not work: {found}: {complaint}",
            f"Unset {llvm.VARIABLE} and run this again.",
        )
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise UserError(f"no usable LLVM on this machine: {complaint}", llvm.install_hint())
    print("LLVM: no usable one installed; unpacking the distribution's package", flush=True)
    return unpack(prefix)


def unpack(prefix: Path) -> Path:
    """Download and unpack the first libllvm package that runs a kernel; return its library."""
    complaints: list[str] = []
    with tempfile.TemporaryDirectory(prefix=".llvm-", dir=prefix) as scratch:
        work = Path(scratch)
        # The machine's own package lists first; private fresh ones when they are empty or out of date.
        for options in ([], private_options(work)):
            try:
                if options:
                    apt(["apt-get", *options, "-q", "update"], work)
                packages = offered(apt(["apt-cache", *options, "pkgnames", "libllvm"], work).split())
            except AptFailed as error:
                complaints.append(str(error))
                continue
            for package in packages:
                try:
                    return install(package, options, work, prefix)
                except AptFailed as error:
                    complaints.append(f"{package}: {error}")
    reasons = "; ".join(complaints[-3:]) or "the package lists name no libllvm of version 17 or newer"
    raise UserError(f"could not unpack LLVM: {reasons}", llvm.install_hint())


def install(package: str, options: Sequence[str], work: Path, prefix: Path) -> Path:
    """Download one libllvm package with what it misses, try it, and move it below `prefix`."""
    folder = work / package
    shutil.rmtree(folder, ignore_errors=True)
    library_folder = folder / "llvm" / "lib"
    library_folder.mkdir(parents=True)
    apt(
        ["apt-get", *options, "-q", "download", package, *missing_dependencies(package, options, work)],
        folder,
    )
    archives = sorted(folder.glob("*.deb"))
    for archive in archives:
        apt(["dpkg-deb", "-x", archive.name, "tree"], folder)
    for library in (folder / "tree").rglob("*.so*"):
        if library.is_file() and not library.is_symlink() and "lib" in library.parts:
            library.replace(library_folder / library.name)
    (library_folder.parent / llvm.RECORD).write_text("".join(f"{path.stem}\n" for path in archives))
    candidates = llvm.usable_libraries([library_folder])
    if not candidates:
        raise AptFailed("the package holds no libLLVM")
    if complaint := llvm.probe(candidates[0]):
        raise AptFailed(f"a first kernel failed ({complaint})")
    target = prefix / "llvm"
    shutil.rmtree(target, ignore_errors=True)
    library_folder.parent.rename(target)
    return target / "lib" / candidates[0].name


def offered(names: Iterable[str]) -> list[str]:
    """Sort package names so that tested LLVM versions come first, then newer ones; drop those below 17."""
    majors = {int(match.group(1)) for name in names if (match := _PACKAGE.match(name))}
    untested = sorted((major for major in majors if major not in llvm.TESTED), reverse=True)
    ordered = [major for major in (*llvm.TESTED, *untested) if major in majors and major >= llvm.MINIMUM]
    return [f"libllvm{major}" for major in ordered]


def missing_dependencies(package: str, options: Sequence[str], work: Path) -> list[str]:
    """Name the packages to unpack beside `package`: those not installed, and always libz3.

    libz3 comes along because a cluster's compute nodes often lack it where the login node has it.
    """
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    query = [
        "apt-cache",
        *options,
        "depends",
        "--recurse",
        "-i",
        *(f"--no-{kind}" for kind in kinds),
        package,
    ]
    names = [line.strip() for line in apt(query, work).splitlines() if line and not line[0].isspace()]
    wanted = {name for name in names if not name.startswith("<") and not _BASE_PACKAGES.match(name)}
    return sorted(name for name in wanted - {package} if name == "libz3-4" or not installed(name))


def installed(package: str) -> bool:
    """Say whether dpkg knows the package as installed."""
    query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", package]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.returncode == 0 and "ii" in done.stdout


def private_options(work: Path) -> list[str]:
    """Return apt options that keep package lists and caches below `work`, so that no root is needed."""
    lists, cache = work / "apt" / "lists", work / "apt" / "cache"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    return ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}"]


def apt(command: Sequence[str], folder: Path) -> str:
    """Run an apt or dpkg command in `folder` and return its output."""
    # Without the sandbox user, root may download into a folder that only root can enter.
    if command[0] == "apt-get" and os.geteuid() == 0:
        command = [command[0], "-o", "APT::Sandbox::User=root", *command[1:]]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise AptFailed(f"`{command[0]}` failed: {last}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
