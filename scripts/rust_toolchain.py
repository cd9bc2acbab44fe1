"""Provide a Rust toolchain that compiles for both wasm32 targets, and run a command with it.

    python scripts/rust_toolchain.py                     # prints what a shell has to export, nothing if nothing
    python scripts/rust_toolchain.py -- cargo --version  # runs the command with the toolchain

Three ways, in this order, and the first that works is taken:

1. The toolchain in use has both targets: there is nothing to do.
2. rustup is in use: ``rustup target add``.
3. apt-get is there: a toolchain is assembled from Debian's packages, in the user's cache folder. Nothing is installed
   into the system. Debian builds no standard library for these targets beside its current compiler, but ships its
   sources, so it is compiled here, which takes a minute or two, once.

``EXTERNREF_RUST=debian`` takes the third way straight away. Nothing but Python is needed to start, not even cargo.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TARGETS = ("wasm32-unknown-unknown", "wasm32-wasip1")

RECIPE = 1
"""Number of the assembly below, part of the folder's name: raise it with each change of what is assembled."""

PACKAGES = ("rustc-web", "cargo-web", "libstd-rust-web-dev", "rust-web-src", "wasi-libc")
"""Debian's Rust for building browsers: in every suite the newest that there is."""

SMOKE_TEST = b'#[no_mangle] pub extern "C" fn answer() -> usize { std::vec::Vec::<u8>::with_capacity(42).capacity() }\n'


class ToolchainError(Exception):
    """There is no toolchain, and none can be made; the message says why and what to do."""


def main(arguments: Sequence[str]) -> int:
    """Print the environment that selects the toolchain, or run the command behind ``--`` in it."""
    command = list(arguments)
    if command[:1] == ["--"] and len(command) > 1:
        del command[0]
    elif command:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        added = environment()
    except ToolchainError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if not command:
        for name, value in added.items():
            print(f"export {name}={shlex.quote(value)}")
        return 0
    os.environ.update(added)
    try:
        return subprocess.run(command, check=False).returncode
    except OSError as error:
        print(f"error: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    except KeyboardInterrupt:
        return 130


def environment() -> dict[str, str]:
    """Make sure that there is a toolchain for both targets; return the variables that select it, most often none."""
    way = os.environ.get("EXTERNREF_RUST", "")
    if way not in ("", "debian"):
        raise ToolchainError(f"EXTERNREF_RUST is {way!r}, but only 'debian' has a meaning; unset it for the default")
    if way == "debian":
        return assembled()
    missing = missing_targets()
    if not missing:
        return {}
    say(f"Rust targets that are missing: {', '.join(missing)}")
    if shutil.which("rustup"):
        say(f"$ rustup target add {' '.join(missing)}")
        if subprocess.run(["rustup", "target", "add", *missing], check=False, stdout=sys.stderr).returncode == 0:
            return {}
        say("rustup cannot add them")
    if shutil.which("apt-get"):
        return assembled()
    raise ToolchainError(
        f"no Rust toolchain with the targets {' and '.join(missing)}\n"
        f"  looked for: {looked_for()}, rustup and apt-get on PATH\n"
        "  with rustup: rustup target add " + " ".join(missing) + "\n"
        "  without: install rustup, or your distribution's package of Rust's standard library for wasm32"
    )


# The toolchain in use


def missing_targets() -> list[str]:
    """List the targets for which the rustc in use has no standard library; all of them if there is no rustc."""
    return [target for target in TARGETS if not has_std(target)]


def has_std(target: str) -> bool:
    """Tell whether the standard library is there; rustc names its folder even where it is absent."""
    rustc = os.environ.get("RUSTC", "rustc")
    try:
        answer = subprocess.run(
            [rustc, "--print", "target-libdir", "--target", target], check=False, capture_output=True, text=True
        )
    except OSError:
        return False
    folder = Path(answer.stdout.strip() or os.devnull)
    return answer.returncode == 0 and folder.is_dir() and any(folder.glob("libstd-*.rlib"))


def looked_for() -> str:
    """Name the rustc that was asked, and where it lies."""
    rustc = os.environ.get("RUSTC", "rustc")
    return f"{rustc} ({shutil.which(rustc) or 'not found'})"


# The toolchain from Debian's packages


def assembled() -> dict[str, str]:
    """Assemble the toolchain unless it is there; return the ``PATH`` that puts it first."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "externref-build"
    prefix = cache / f"rust-debian-{RECIPE}"
    if not prefix.is_dir():
        missing = [tool for tool in ("apt-get", "apt-cache", "dpkg", "cc") if not shutil.which(tool)]
        if missing:
            raise ToolchainError(
                f"a toolchain cannot be assembled from Debian's packages without {', '.join(missing)}\n"
                "  on Debian: apt-get install gcc libc6-dev (a linker for build scripts and proc-macros)\n"
                "  elsewhere: install rustup, then: rustup target add " + " ".join(TARGETS)
            )
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with locked(cache / "rust-debian.lock"):
                if not prefix.is_dir():
                    assemble(prefix)
        except OSError as error:
            raise ToolchainError(f"{error.filename or cache}: {error.strerror}") from error
    path = os.environ.get("PATH", os.defpath)
    first = str(prefix / "bin")
    return {} if path.split(os.pathsep)[0] == first else {"PATH": f"{first}{os.pathsep}{path}"}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock, which the system gives up when the process ends, however it ends."""
    import fcntl

    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process that assembles the toolchain")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def assemble(prefix: Path) -> None:
    """Make the toolchain beside its place and move it there when it has compiled a module for each target."""
    say(f"assembling a Rust toolchain from Debian's packages in {prefix}; this takes a minute or two, once")
    partial = prefix.with_name(f"{prefix.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    packages, root, bin_ = (partial / name for name in ("packages", "root", "bin"))
    for folder in (packages, root, bin_):
        folder.mkdir(parents=True)
    download(packages)
    for package in sorted(packages.glob("*.deb")):
        run(["dpkg", "-x", str(package), str(root)])
    shutil.rmtree(packages)

    environ = os.environ | {
        "LD_LIBRARY_PATH": library_path(root),
        "PATH": f"{root / 'usr/bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "CARGO_HOME": str(partial / "cargo-home"),
    }
    for name in [name for name in environ if re.fullmatch(r"RUST.*|CARGO_(?!HOME|HTTP).*", name)]:
        del environ[name]
    place_linker(root, environ)
    compile_std(partial / "std", root, environ)
    for target in TARGETS:
        smoke_test = [
            "rustc",
            "--target",
            target,
            "--crate-type=cdylib",
            "-o",
            str(partial / "std/smoke-test.wasm"),
            "-",
        ]
        run(smoke_test, environ=environ, stdin=SMOKE_TEST)
    prune(partial, root)
    for name in ("cargo", "rustc", "rustdoc"):
        write_wrapper(bin_ / name, prefix / "root")
    partial.rename(prefix)
    say("the toolchain is ready")


def download(folder: Path) -> None:
    """Download the packages and all they depend on that this system lacks."""
    if os.geteuid() == 0:
        run(["apt-get", "update", "-qq"])
    depends = run(["apt-cache", "depends", "rust-web-llvm"], remedy=APT_REMEDY).decode()
    llvm = re.search(r"Depends: llvm-(\d+)", depends)
    if llvm is None:
        raise ToolchainError(
            "this distribution's packages do not say which LLVM their Rust was built with\n"
            "  looked for: a dependency llvm-N of the package rust-web-llvm\n"
            "  instead: install rustup, then: rustup target add " + " ".join(TARGETS)
        )
    wanted = [*PACKAGES, f"lld-{llvm[1]}"]
    plan = run(["apt-get", "install", "--simulate", "--no-install-recommends", *wanted], remedy=APT_REMEDY).decode()
    absent = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    options = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    run(["apt-get", *options, "download", "-qq", *sorted({*wanted, *absent})], cwd=folder, remedy=APT_REMEDY)


APT_REMEDY = (
    "if the lists of packages are old or absent: sudo apt-get update\n"
    "if this distribution has no such packages, install rustup, then: rustup target add " + " ".join(TARGETS)
)


def library_path(root: Path) -> str:
    """Return the folders in which the unpacked programs find their shared libraries."""
    return os.pathsep.join(
        str(folder) for folder in [*sorted((root / "usr/lib").glob("*-linux-gnu*")), root / "usr/lib"]
    )


def place_linker(root: Path, environ: Mapping[str, str]) -> None:
    """Put LLVM's linker where rustc looks for ``rust-lld``."""
    host = described(environ)["host"]
    folder = root / "usr/lib/rustlib" / host / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    linker = next((root / "usr/lib").glob("llvm-*/bin/lld"))
    (folder / "rust-lld").symlink_to(os.path.relpath(linker, folder))


def compile_std(workspace: Path, root: Path, environ: Mapping[str, str]) -> None:
    """Compile the standard library for the targets and put it into the toolchain.

    ``embed-bitcode`` is what lets guests be built with ``lto = true``. The sources have two names, the folder in the
    sysroot and what that links to; both become the name that rustc itself uses, so that no path of this machine gets
    into a module.
    """
    source = root / "usr/lib/rustlib/src/rust"
    name = f"/rustc/{described(environ)['commit-hash']}"
    flags = ["-Cembed-bitcode=yes", *(f"--remap-path-prefix={path}={name}" for path in (source, source.resolve()))]
    (workspace / "src").mkdir(parents=True)
    (workspace / "src/lib.rs").touch()
    (workspace / "Cargo.toml").write_text('[package]\nname = "only-std"\nversion = "0.0.0"\nedition = "2021"\n')
    (workspace / ".cargo").mkdir()
    (workspace / ".cargo/config.toml").write_text(
        '[source.crates-io]\nreplace-with = "vendored"\n'
        f"[source.vendored]\ndirectory = '{source / 'library/vendor'}'\n"
    )
    targets = [argument for target in TARGETS for argument in ("--target", target)]
    run(
        ["cargo", "build", "--quiet", "--release", "-Zbuild-std=std,panic_abort", *targets],
        cwd=workspace,
        environ={**environ, "RUSTC_BOOTSTRAP": "1", "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags)},
    )
    for target in TARGETS:
        libraries = root / "usr/lib/rustlib" / target / "lib"
        (libraries / "self-contained").mkdir(parents=True)
        for library in (workspace / "target" / target / "release/deps").glob("*.rlib"):
            if not library.name.startswith("libonly_std-"):
                shutil.copy2(library, libraries)
    for startup in (root / "usr/lib/wasm32-wasi").iterdir():
        if startup.name == "libc.a" or startup.match("crt1*.o"):
            shutil.copy2(startup, root / "usr/lib/rustlib/wasm32-wasip1/lib/self-contained")


def prune(partial: Path, root: Path) -> None:
    """Remove what only the assembly needed; the library's own sources stay, as in a toolchain with ``rust-src``."""
    source = (root / "usr/lib/rustlib/src/rust").resolve()
    used = [source / name for name in ("compiler", "debian", "src", "library/vendor")]
    for folder in [partial / "std", partial / "cargo-home", root / "usr/share", *used]:
        if folder.exists():
            shutil.rmtree(folder)


def write_wrapper(path: Path, root: Path) -> None:
    """Write a program that runs the unpacked one of the same name with its shared libraries."""
    # The folders are named by their final place, but listed where they are now.
    here = path.parent.parent / "root"
    libraries = library_path(here).replace(str(here), str(root))
    path.write_text(
        "#!/bin/sh\n"
        f'LD_LIBRARY_PATH={shlex.quote(libraries)}"${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"\n'
        "export LD_LIBRARY_PATH\n"
        f'exec {shlex.quote(str(root / "usr/bin" / path.name))} "$@"\n'
    )
    path.chmod(0o755)


def described(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of ``rustc -vV``."""
    return dict(re.findall(r"^([\w-]+): (.+)$", run(["rustc", "-vV"], environ=environ).decode(), re.MULTILINE))


def run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    remedy: str = "",
) -> bytes:
    """Run a program and return its standard output; its standard error is shown only if it fails."""
    # The program is looked up on the PATH that it is given, which subprocess by itself does not promise.
    search = (environ or os.environ).get("PATH")
    program = shutil.which(command[0], path=search) or command[0]
    done = subprocess.run([program, *command[1:]], check=False, cwd=cwd, env=environ, input=stdin, capture_output=True)
    if done.returncode != 0:
        says = done.stderr.decode(errors="replace").strip() or "(it said nothing)"
        lines = [f"`{shlex.join(command)}` failed with exit code {done.returncode}:", *says.splitlines()[-20:]]
        raise ToolchainError("\n  ".join([*lines, *remedy.splitlines()]))
    return done.stdout


def say(message: str) -> None:
    """Tell the person who waits what is going on."""
    print(f"rust_toolchain: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
