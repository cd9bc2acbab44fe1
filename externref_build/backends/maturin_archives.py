"""Archives that maturin has made: what they must hold for the guests, and the lines in pyproject.toml that see to it.

maturin packs what git does not ignore in ``python-source``, what cargo would publish of the native crate, and what
``[tool.maturin] include`` names.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from externref_build.build import built_files, modules_in_place, name_in_wheel, output_file_names, project_sources
from externref_build.config import Config
from externref_build.errors import ConfigError
from externref_build.output import write_whole

_BILL: Final = re.compile(r"[^/]+\.dist-info/sboms/[^/]+\.cyclonedx\.json")
"""What maturin calls its own; others are packed as they are."""

_PATTERN_OF_MANIFEST: Final = "Cargo.*"
"""Cargo.toml, and Cargo.lock, which may not be there yet."""


def require_modules(wheel: Path, config: Config) -> None:
    """See that a wheel holds every module. Raises ConfigError."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    wanted = [name_in_wheel(module, name) for module in config.modules for name in output_file_names(module)]
    missing = [name for name in wanted if name not in packed]
    if missing:
        raise ConfigError(
            f"maturin has left {', '.join(missing)} out of the wheel, expected every module in its package",
            where=f"{config.project_dir / 'pyproject.toml'}, [tool.maturin], key include",
            remedy=_remedy(_module_lines(config)),
        )


def name_no_folder(wheel: Path, project_dir: Path) -> None:
    """Name crates relative to the project in maturin's own bills of materials, which name them by its folder.

    Raises OutputError.
    """
    names = {re.escape(folder.as_uri()) for folder in (project_dir, project_dir.resolve())}
    folder = re.compile(rf"""(?:{"|".join(sorted(names))})(?=["/#? ])""".encode())
    with zipfile.ZipFile(wheel) as archive:
        files = [(entry, archive.read(entry)) for entry in archive.infolist()]
    changed = {
        entry.filename: folder.sub(b"file://.", content)
        for entry, content in files
        if _BILL.fullmatch(entry.filename) and folder.search(content)
    }
    if not changed:
        return
    with io.BytesIO() as raw, zipfile.ZipFile(raw, "w") as archive:
        for entry, content in files:
            name = entry.filename
            lines = _record(content, changed) if name.endswith(".dist-info/RECORD") else None
            archive.writestr(entry, lines or changed.get(name, content), entry.compress_type)
        archive.close()
        write_whole(wheel, raw.getvalue())


def _record(content: bytes, changed: Mapping[str, bytes]) -> bytes:
    """Return the file RECORD with the hashes and sizes of what has changed."""
    rows = csv.reader(io.StringIO(content.decode(), newline=""))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    for name, digest, size in rows:
        new = changed.get(name)
        writer.writerow([name, digest, size] if new is None else [name, _digest(new), len(new)])
    return text.getvalue().encode()


def _digest(content: bytes) -> str:
    return f"sha256={urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')}"


def keep_sources_only(sdist: Path, config: Config, added: Mapping[str, Path]) -> None:
    """Take what was built out of a source distribution, and see that it holds the guests' sources as they are.

    ``added`` are the files that it gets besides, or instead, by name. Raises ConfigError, and OutputError.
    """
    sources = {name: path for path in project_sources(config) if (name := _name(path, config)) not in added}
    built = {_name(path, config) for path in built_files(config)}
    with tarfile.open(sdist) as archive:
        entries = [(entry, _content(archive, entry)) for entry in archive if _inner(entry.name) not in built]
    _require_sources({_inner(entry.name): content for entry, content in entries}, sources, config)
    top, some = entries[0][0].name.partition("/")[0], entries[0][0]
    entries = [(entry, content) for entry, content in entries if _inner(entry.name) not in added]
    entries += [_entry(f"{top}/{name}", path.read_bytes(), some.mtime) for name, path in added.items()]
    with (
        io.BytesIO() as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for entry, content in entries:
            archive.addfile(entry, io.BytesIO(content))
        archive.close()
        compressed.close()
        write_whole(sdist, raw.getvalue())


def _require_sources(packed: Mapping[str, bytes], sources: Mapping[str, Path], config: Config) -> None:
    missing = [name for name in sources if name not in packed]
    if missing:
        raise ConfigError(
            f"maturin has left {', '.join(missing)} out of the source distribution, "
            "expected all that the guest is built from",
            where=f"{config.project_dir / 'pyproject.toml'}, [tool.maturin], key include",
            remedy=_remedy([*_module_lines(config), *_source_lines(missing, config)]),
        )
    changed = [name for name, path in sources.items() if packed[name] != path.read_bytes()]
    if changed:
        raise ConfigError(
            f"maturin has changed {', '.join(changed)} in the source distribution, which the guest is built with as "
            "well: it keeps only those members of a workspace that the native extension needs",
            where=str(sources[changed[0]]),
            remedy="give the guest a workspace of its own: add a line [workspace] to its Cargo.toml, and to the "
            "extension's, instead of the member:\n"
            f"[workspace]\nexclude = [{', '.join(sorted(_guests(config)))}]",
        )


def _module_lines(config: Config) -> list[str]:
    return [_line(_name(path, config), "wheel") for path in modules_in_place(config)]


def _source_lines(names: Iterable[str], config: Config) -> list[str]:
    """Return lines that name the files, a folder of a cargo package as a whole."""
    patterns = (_pattern(PurePosixPath(name), config.project_dir) for name in names)
    return [_line(pattern, "sdist") for pattern in dict.fromkeys(patterns)]


def _pattern(name: PurePosixPath, project_dir: Path) -> str:
    if name.name in {"Cargo.toml", "Cargo.lock"}:
        return str(name.with_name(_PATTERN_OF_MANIFEST))
    package = next((folder for folder in name.parents if (project_dir / folder / "Cargo.toml").is_file()), name.parent)
    inside = name.relative_to(package)
    return str(name) if len(inside.parts) == 1 else f"{package / inside.parts[0]}/**/*"


def _line(path: str, archive: str) -> str:
    return f'  {{ path = "{path}", format = "{archive}" }},'


def _remedy(lines: Iterable[str]) -> str:
    return "\n".join(["add to pyproject.toml:", "[tool.maturin]", "include = [", *lines, "]"])


def _guests(config: Config) -> set[str]:
    return {f'"{_name(module.manifest_path.parent, config)}"' for module in config.modules}


def _entry(name: str, content: bytes, time: float) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = len(content), int(time)
    return entry, content


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry) if entry.isfile() else None
    return file.read() if file else b""


def _inner(name: str) -> str:
    """Return a path inside the one folder of a source distribution."""
    return name.partition("/")[2]


def _name(path: Path, config: Config) -> str:
    return path.relative_to(config.project_dir).as_posix()
