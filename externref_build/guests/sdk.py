"""Supply the guest crate that fits this version of the processor, as a patch of the registry on cargo's command line.

The patch points at a copy inside the guest's workspace. Isolated builds install this package into folders with random
names; a path like that would change the module's bytes and make cargo compile everything anew, whereas cargo hashes and
prints paths inside the workspace relative to its root. The copy's name holds a digest of its content, so that it is
never changed once it is in place, and builds that run at once cannot disturb one another.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from externref_build.config import parse_toml
from externref_build.errors import OutputError
from externref_build.output import exclusive, write_whole

SDK_CRATE = "externref-guest"
_SDK_SOURCES = Path(__file__).resolve().parent.parent / "sdk" / "rust"
WORKSPACE_FOLDER = ".externref-build"


def sdk_path() -> Path:
    """Return the folder of the guest crate that ships with this package."""
    return _SDK_SOURCES


def sdk_version() -> str:
    """Return the version of the guest crate that ships with this package."""
    manifest = parse_toml((_SDK_SOURCES / "Cargo.toml").read_text(encoding="utf-8"))
    return str(manifest["package"]["version"])


def sdk_digest() -> str:
    """Return what tells this guest crate from every other."""
    return _digest(_sdk_files())


def provide_sdk(workspace_root: Path) -> Path:
    """See that the workspace holds an exact copy of the guest crate, and return the copy's folder.

    Raises OutputError if it cannot be written.
    """
    files = _sdk_files()
    parent = own_folder(workspace_root)
    copy = parent / f"{SDK_CRATE}-{sdk_version()}-{_digest(files)}"
    try:
        if not _holds(copy, files):
            with exclusive(parent / "copying"):
                _put_in_place(copy, files)
        with contextlib.suppress(OSError):
            # No build needs it.
            _lead_editors_to(copy)
    except OSError as error:
        raise OutputError(
            f"the guest crate {SDK_CRATE} cannot be copied into the workspace: {error.strerror}",
            where=str(parent),
            remedy="make the folder writable, or build from a copy of the project",
        ) from error
    return copy


def _lead_editors_to(copy: Path) -> None:
    """See that the crate has a name in the folder that stays the same, for ``[patch]`` tables in files of the user.

    It is a link to the copy; where the system allows none, a copy of its own.
    """
    name = copy.with_name(SDK_CRATE)
    if name.is_symlink() and str(name.readlink()) == copy.name:
        return
    if name.is_dir() and not name.is_symlink():
        if _holds(name, _sdk_files()):
            return
        shutil.rmtree(name)
    link = name.with_name(f"link-{secrets.token_hex(6)}")
    try:
        link.symlink_to(copy.name, target_is_directory=True)
    except OSError:
        shutil.copytree(copy, link)
    link.replace(name)


def own_folder(root: Path) -> Path:
    """Return this package's own folder in a workspace or project; made if need be, and ignored by git.

    Raises OutputError if it cannot be made, or is a link.
    """
    folder = root / WORKSPACE_FOLDER
    if folder.is_symlink():
        raise OutputError(
            f"{folder.name} is a link to {folder.resolve()}, expected a folder of externref-build's own",
            where=str(folder),
            remedy="remove the link",
        )
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the build's own folder {folder.name} cannot be made: {error.strerror}",
            where=str(folder),
            remedy="make the project's folder writable, or build from a copy of the project",
        ) from error
    write_whole(folder / ".gitignore", b"*\n")
    return folder


def sdk_patch_arguments(sdk: Path) -> tuple[str, ...]:
    """Return the arguments with which any cargo command takes the guest crate from a folder."""
    return ("--config", f"patch.crates-io.{SDK_CRATE}.path={json.dumps(str(sdk), ensure_ascii=False)}")


def _sdk_files() -> dict[str, bytes]:
    folders = ("", "macro/")
    paths = [_SDK_SOURCES / folder / "Cargo.toml" for folder in folders]
    paths += [path for folder in folders for path in (_SDK_SOURCES / folder / "src").rglob("*.rs")]
    return {path.relative_to(_SDK_SOURCES).as_posix(): path.read_bytes() for path in sorted(paths)}


def _digest(files: Mapping[str, bytes]) -> str:
    state = hashlib.sha256()
    for name, content in files.items():
        state.update(f"{name}\0{len(content)}\0".encode() + content)
    return state.hexdigest()[:12]


def _holds(copy: Path, files: Mapping[str, bytes]) -> bool:
    present = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    return present == set(files) and all((copy / name).read_bytes() == content for name, content in files.items())


def _put_in_place(copy: Path, files: Mapping[str, bytes]) -> None:
    """Write a whole copy beside its place and rename it; whoever comes second finds the same bytes."""
    for abandoned in copy.parent.glob("copy-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="copy-", dir=copy.parent) as temporary:
        whole = Path(temporary, "whole")
        for name, content in files.items():
            path = whole / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            whole.replace(copy)
        except OSError:
            if _holds(copy, files):
                return
            copy.replace(Path(temporary, "damaged"))
            whole.replace(copy)
