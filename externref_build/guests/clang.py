"""Build a C or C++ guest with clang, or with the clang in zig.

1. Find the compiler.
2. See which sources declare client classes (`externref_build.guests.client`), and write what defines these.
3. Compile each source again whose command changed, or something that it was made from (its depfile tells what).
4. Link, with those parts of the SDK that the guest needs.

Objects lie in the project's folder ``.externref-build``, beside a ``compile_commands.json`` for editors.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from externref_build.config import ModuleConfig
from externref_build.errors import ConfigError, GuestBuildError
from externref_build.guests.c_sources import CXX_SUFFIXES, find_sources, module_name
from externref_build.guests.client.declarations import merge
from externref_build.guests.client.glue import glue
from externref_build.guests.client.reader import read_client
from externref_build.guests.client.shadow import shadow
from externref_build.guests.compiler import Compiler, find_compiler
from externref_build.guests.module import GuestModule
from externref_build.guests.run import run
from externref_build.guests.sdk import WORKSPACE_FOLDER, own_folder
from externref_build.guests.steps import Step, depfile_of, is_fresh, remember
from externref_build.guests.toolchain import DEFAULT_TARGET
from externref_build.output import write_whole

C_SDK = Path(__file__).resolve().parent.parent / "sdk" / "c"
"""Folder of ``externref.h`` and ``externref.hpp``, in this package."""

_SDK_COPY = Path(WORKSPACE_FOLDER, "sdk-c")
"""Relative to the project: isolated builds install this package into folders with random names."""

_PROFILES: Mapping[str, tuple[str, ...]] = {"release": ("-O2", "-DNDEBUG"), "dev": ("-O0", "-g")}
_CXX_DEFAULTS = ("-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics")
_USERS_OF_MEMORY = (b"externref__free", b"externref__text")
"""Symbols that only guests refer to which take text or bytes from the host."""

_VERSIONS = re.compile(rb'"sdk":"c ([^"\\]+)"')
"""In lines of the interface."""

_NO_LIBRARY = '; the libraries of C and C++, and their headers, come with target = "wasm32-wasip1"'

_CLIENT = re.compile(rb"\bnamespace\s+client\b")


def build_guest(module: ModuleConfig, *, environ: Mapping[str, str]) -> GuestModule:
    """Compile and link the sources of a module and return what the linker made.

    Raises ToolchainError if there is no compiler, ConfigError for sources that are not there, and GuestBuildError if
    the compiler fails; its own diagnostics have been shown then.
    """
    sources = find_sources(module)
    _provide_sdk(module.project_dir)
    build = _Build.of(module, environ)
    write_whole(build.folder.parent / "compile_commands.json", build.compile_commands(map(build.unit, sources)))
    units, fresh = build.units(sources)
    if build.freestanding:
        units.append(build.sdk_unit("freestanding.c"))
    fresh &= build.run_all(units)
    users = (unit.output.read_bytes() for unit in units if _SDK_COPY.name not in unit.inputs[0].parts)
    if any(symbol in content for content in users for symbol in _USERS_OF_MEMORY):
        units.append(build.sdk_unit("memory.c"))
        fresh &= build.run_all(units[-1:])
    link = build.link(units)
    fresh &= build.run_all([link])
    _require_one_sdk(link)
    tools = (build.compiler.version,)
    return GuestModule(link.output, module_name(module), build.target, fresh, module.project_dir, (), tools)


def _provide_sdk(project_dir: Path) -> None:
    """See that the project's folder of builds, which git ignores, holds an exact copy of the SDK."""
    own_folder(project_dir)
    for path in C_SDK.iterdir():
        write_whole(project_dir / _SDK_COPY / path.name, path.read_bytes())


def _require_one_sdk(link: Step) -> None:
    """See that all objects were compiled with this version of the SDK. Raises GuestBuildError."""
    version = re.search(rb'EXTERNREF_SDK "(.*)"', (C_SDK / "externref.h").read_bytes())
    assert version, "the header defines its version"
    found = set(_VERSIONS.findall(link.output.read_bytes()))
    if not found <= {version[1]}:
        linked = ", ".join(path.name for path in link.inputs if not path.is_relative_to(link.output.parent))
        raise GuestBuildError(
            f"the module is linked from objects of other versions of the C SDK ({b', '.join(sorted(found)).decode()}), "
            f"expected {version[1].decode()}",
            where=str(link.output),
            remedy=f"compile {linked or 'them'} again, with the headers in {_SDK_COPY.as_posix()}",
        )


@dataclass(frozen=True, slots=True)
class _Build:
    """How one module is compiled and linked."""

    module: ModuleConfig
    compiler: Compiler
    target: str
    folder: Path
    """Receives objects and the linked module."""
    environ: Mapping[str, str]

    @classmethod
    def of(cls, module: ModuleConfig, environ: Mapping[str, str]) -> _Build:
        if module.profile not in _PROFILES:
            raise ConfigError(
                f'profile = "{module.profile}" where the guest is C or C++, expected release or dev',
                where=f"{module.project_dir / 'pyproject.toml'}, key profile",
                remedy="use one of these, and the key cflags for other flags of the compiler",
            )
        compiler = find_compiler(module.project_dir, environ=environ, name=module.compiler)
        target = module.target or DEFAULT_TARGET
        folder = Path(WORKSPACE_FOLDER, f"{module.package}.{module.name or ''}-{target}-{module.profile}")
        return cls(module, compiler, target, module.project_dir / folder, environ)

    @property
    def freestanding(self) -> bool:
        return not self.target.startswith("wasm32-wasi")

    @property
    def common(self) -> tuple[str, ...]:
        """What the compiler gets for every source and for the link."""
        given = [*_PROFILES[self.module.profile], *self.module.cflags]
        sanitized = any(flag.startswith("-fsanitize") for flag in given)
        quiet = ("-fno-sanitize=undefined",) if self.compiler.kind == "zig" and not sanitized else ()
        return (*self.compiler.target_arguments(self.target), *quiet)

    def units(self, sources: Iterable[Path]) -> tuple[list[Step], bool]:
        """Return the steps that compile the sources, and what defines the client classes in them.

        Sources with client classes are compiled as the preprocessor leaves them, with the members that hold references.
        Also tell whether all that had to be found out was known already.
        """
        preprocessed = {source: self._preprocessed(source) for source in sources if source.suffix in CXX_SUFFIXES}
        fresh = self.run_all(preprocessed.values())
        texts = {source: step.output.read_bytes() for source, step in preprocessed.items()}
        dumps = {source: self._dump(preprocessed[source]) for source, text in texts.items() if _CLIENT.search(text)}
        if dumps and self.compiler.kind == "zig":
            fresh &= self.run_all([self._macros()])
        fresh &= self.run_all(dumps.values())
        clients = {source: read_client(step.output.read_text(encoding="utf-8")) for source, step in dumps.items()}
        units = []
        for source in sources:
            if source in clients and clients[source].classes:
                shadowed = preprocessed[source].output.with_name(f"{preprocessed[source].output.stem}.client.cpp")
                write_whole(shadowed, shadow(texts[source], clients[source].classes))
                units.append(self._shadow_unit(source, shadowed))
            else:
                units.append(self.unit(source))
        client = merge(clients.values())
        if client.bound:
            path = self.module.project_dir / _SDK_COPY.parent / f"{self.folder.name}.client.c"
            write_whole(path, glue(client).encode())
            units += [self._glue_unit(path), self.sdk_unit("client.c")]
        return units, fresh

    def unit(self, source: Path) -> Step:
        """Return the step that compiles one of the user's sources."""
        return self._compilation((*self._command(source), *self._prefix_maps()), source, self._relative(source))

    def _command(self, source: Path) -> tuple[str, ...]:
        cxx = source.suffix in CXX_SUFFIXES
        return (
            *(self.compiler.cxx if cxx else self.compiler.c),
            *self.common,
            *(_CXX_DEFAULTS if cxx else ()),
            *_PROFILES[self.module.profile],
            *self._standard(cxx),
            *(f"-I{os.path.relpath(folder, self.module.project_dir)}" for folder in self.module.include_dirs),
            *("-isystem", _SDK_COPY.as_posix()),
            *self.module.cflags,
        )

    def _standard(self, cxx: bool) -> tuple[str, ...]:
        standard = self.module.std
        return (f"-std={standard}",) if standard is not None and ("++" in standard) == cxx else ()

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.module.project_dir).as_posix()

    def _object(self, shown: str) -> Path:
        # No two paths make one name.
        name = shown.replace("%", "%%").replace("_", "%_").replace("/", "_")
        return self.folder / f"{name}.o"

    def _preprocessed(self, source: Path) -> Step:
        """Return the step that puts what a source includes into it, and leaves its macros as they are."""
        output = self._object(self._relative(source)).with_suffix(".whole.cpp")
        shown, depfile = self._relative(source), depfile_of(output)
        whole = ("-E", "-frewrite-includes", "-MD", "-MF", str(depfile))
        command = (*self._command(source), *whole, shown, "-o", str(output))
        return Step(command, output, (source,))

    def _dump(self, preprocessed: Step) -> Step:
        """Return the step that prints the syntax tree of the namespace.

        zig prints none: the clang in it does, and has to be told the macros that zig defines.
        """
        source = preprocessed.output
        tree = ("-fsyntax-only", "-Xclang", "-ast-dump=json", "-Xclang", "-ast-dump-filter=client")
        if self.compiler.kind == "clang":
            return Step(
                (*self._command(source), *tree, str(source)), source.with_suffix(".tree"), (source,), prints=True
            )
        macros = self._macros().output
        target = ("--target=wasm32", "-w", "-include", str(macros))
        command = (*self.compiler.parser, *target, *_CXX_DEFAULTS, *self._standard(True), *self.module.cflags, *tree)
        return Step((*command, str(source)), source.with_suffix(".tree"), (source, macros), prints=True)

    def _macros(self) -> Step:
        """Return the step that writes the macros that are there before the first line of a source in C++."""
        source = self.module.project_dir / _SDK_COPY / "nothing.cpp"
        output = self.folder / "macros.h"
        return Step((*self._command(source), "-E", "-dM", str(source), "-o", str(output)), output, (source,))

    def _shadow_unit(self, source: Path, shadowed: Path) -> Step:
        output = self._object(self._relative(source))
        command = (
            *self._command(source),
            "-Wno-gnu-line-marker",
            *self._prefix_maps(),
            "-c",
            str(shadowed),
            "-o",
            str(output),
        )
        return Step(command, output, (source, shadowed))

    def _glue_unit(self, path: Path) -> Step:
        command = (
            *self.compiler.c,
            *self.common,
            "-O2",
            "-std=c11",
            *self._lto,
            "-I",
            _SDK_COPY.as_posix(),
            *self._prefix_maps(),
        )
        return self._compilation(command, path, self._relative(path))

    def sdk_unit(self, name: str) -> Step:
        """Return the step that compiles a source of the SDK."""
        lto = self._lto if name == "client.c" else ()
        command = (*self.compiler.c, *self.common, "-O2", "-std=c11", "-fno-builtin", *lto, *self._prefix_maps())
        return self._compilation(command, self.module.project_dir / _SDK_COPY / name, (_SDK_COPY / name).as_posix())

    def _compilation(self, command: tuple[str, ...], source: Path, shown: str) -> Step:
        output = self._object(shown)
        depfile = depfile_of(output)
        return Step((*command, "-MD", "-MF", str(depfile), "-c", shown, "-o", str(output)), output, (source,))

    @property
    def _lto(self) -> tuple[str, ...]:
        return tuple(flag for flag in self.module.cflags if flag.startswith("-flto"))

    def _prefix_maps(self) -> tuple[str, ...]:
        return ("-fdebug-compilation-dir=.", f"-ffile-prefix-map={self.module.project_dir}=.")

    def link(self, units: Iterable[Step]) -> Step:
        """Return the step that links a module; one without ``main`` that a host initialises."""
        objects = tuple(unit.output for unit in units)
        linker = self.compiler.cxx if any(self._is_cxx(path) for path in objects) else self.compiler.c
        kind = ("-nostdlib", "-Wl,--no-entry") if self.freestanding else ("-mexec-model=reactor",)
        optimised = [
            flag for flag in (*_PROFILES[self.module.profile], *self.module.cflags) if flag[:2] in ("-O", "-g")
        ]
        debug = any(flag.startswith("-g") for flag in optimised)
        output = self.folder / "module.wasm"
        command = (
            *(*linker, *self.common, *optimised, *self._lto, *map(str, objects), *kind),
            *(() if debug else ("-Wl,--strip-debug",)),
            *self.module.ldflags,
        )
        archives = (self.module.project_dir / flag for flag in self.module.ldflags)
        return Step((*command, "-o", str(output)), output, (*objects, *(path for path in archives if path.is_file())))

    @staticmethod
    def _is_cxx(path: Path) -> bool:
        return Path(path.stem).suffix in CXX_SUFFIXES

    def run_all(self, steps: Iterable[Step]) -> bool:
        """Run those steps that are not fresh; return whether all were.

        Raises GuestBuildError that names each source whose step failed.
        """
        stale = [step for step in steps if not is_fresh(step)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            failed = [step for step, status in zip(stale, pool.map(self._run, stale), strict=True) if status]
        if failed:
            names = ", ".join(step.inputs[0].name for step in failed)
            what = "link the guest" if failed[0].output.suffix == ".wasm" else f"compile {names}"
            raise GuestBuildError(
                f"{self.compiler.version} could not {what}",
                where=str(self.module.project_dir),
                remedy=f"the diagnostics above say why{_NO_LIBRARY if self.freestanding else ''}",
            )
        return not stale

    def _run(self, step: Step) -> int:
        step.output.parent.mkdir(parents=True, exist_ok=True)
        step.record.unlink(missing_ok=True)
        step.depfile.unlink(missing_ok=True)
        live: Literal["nothing", "stderr"] = "nothing" if step.prints else "stderr"
        done = run(step.command, cwd=self.module.project_dir, environ=self.environ, live=live)
        # The syntax tree is of use even where the source has faults; these show when it is compiled.
        if step.prints:
            write_whole(step.output, done.stdout.encode())
        if done.status == 0 or step.prints:
            remember(step, self.module.project_dir)
            return 0
        return done.status

    def compile_commands(self, units: Iterable[Step]) -> bytes:
        """Encode the commands for editors (https://clang.llvm.org/docs/JSONCompilationDatabase.html)."""
        entries = [
            {
                "directory": str(self.module.project_dir),
                "file": str(unit.inputs[0]),
                "arguments": unit.command,
                "output": str(unit.output),
            }
            for unit in units
        ]
        return (json.dumps(entries, indent=2, ensure_ascii=False) + "\n").encode()
