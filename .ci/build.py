"""Build the source archive and a wheel of the last commit, and write bills of materials (CycloneDX) beside them.

``python .ci/build.py FOLDER``, in an environment with the extra `ci`. ``stance-VERSION.cdx.json`` names what the wheel
needs to run, ``stance-VERSION-build.cdx.json`` what built it. The same commit and packages give the same bytes.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent


def main(to: Path) -> None:
    """Build everything into a new folder."""
    to.mkdir(parents=True)
    os.environ["SOURCE_DATE_EPOCH"] = call("git", "log", "-1", "--format=%ct").strip()
    os.environ["CFLAGS"] = "-g0"  # what is for debuggers names the folder
    with TemporaryDirectory() as name:
        folder = Path(name)
        call("git", "archive", f"--output={folder / 'commit.tar'}", "HEAD")
        unpack(folder / "commit.tar", folder / "commit")
        python("build", "--sdist", "--outdir", folder / "archive", folder / "commit")
        (archive,) = (folder / "archive").iterdir()
        level(archive, to / archive.name)
        unpack(to / archive.name, folder / "source")
        (source,) = (folder / "source").iterdir()
        python("build", "--wheel", "--outdir", to, source)
        (wheel,) = to.glob("*.whl")
        with zipfile.ZipFile(wheel) as parts:
            metadata = message_from_bytes(parts.read(f"{source.name}.dist-info/METADATA"))
        runs = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
        builds = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
        about = {"name": metadata["Name"], "version": metadata["Version"], "license": metadata["License"]}
        bill({**about, "dependencies": runs}, [str(wheel)], folder / "running", to / f"{source.name}.cdx.json")
        bill({**about, "dependencies": builds}, builds, folder / "building", to / f"{source.name}-build.cdx.json")


def unpack(archive: Path, to: Path) -> None:
    """Unpack an archive into a folder."""
    with tarfile.open(archive) as file:
        file.extractall(to, filter="data")


def level(archive: Path, to: Path) -> None:
    """Write a source archive again, its files in order, and nothing of who made it, where and when."""
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    with (
        tarfile.open(archive) as source,
        to.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for entry in sorted(source.getmembers(), key=lambda entry: entry.name):
            level = entry.replace(
                mtime=epoch,
                mode=0o755 if entry.isdir() or entry.mode & 0o100 else 0o644,
                uid=0,
                gid=0,
                uname="",
                gname="",
            )
            level.pax_headers = {}
            target.addfile(level, source.extractfile(entry))


def bill(project: dict[str, object], packages: list[str], environment: Path, to: Path) -> None:
    """Install packages where nothing else is, and write what is there then."""
    python("venv", "--without-pip", environment)
    python("pip", "--python", environment, "install", "--quiet", *packages)
    described = environment / "pyproject.toml"  # of which the tool takes what the bill is about
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in project.items()]  # such JSON is TOML too
    described.write_text("".join(["[project]\n", *lines]), encoding="utf-8")
    options = ("--pyproject", described, "--mc-type", "library", "--output-reproducible", "--validate")
    python("cyclonedx_py", "environment", *options, "--output-file", to, environment)
    print(f"{to.name}: {len(json.loads(to.read_bytes())['components'])} packages")


def python(module: str, *arguments: object) -> None:
    """Run a module of this environment."""
    call(sys.executable, "-m", module, *arguments)


def call(*command: object) -> str:
    """Give what a command prints, or end with its complaint."""
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
