"""``check``: wheels as a packaging tool makes them, and each way in which one can be wrong."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import random
import re
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from compact_imports import compact
from plugins import assemble, custom_section
from projects import CARGO, GUEST, write

import externref_build
from externref_build.wasm.module import ONE_MODULE
from externref_build.wheels import Finding, inspect_wheel

TEXT = """
    ;; declare export same: r -> r
    (module (memory 1) (func (export "same") (param i32) (result i32) (local.get 0)))
"""
INTERFACE = b'{"v":1,"kind":"export","name":"same","params":[["thing",{"ref":"Thing"}]],"results":[{"own":"Thing"}]}\n'


def guest(interface: bytes = INTERFACE) -> bytes:
    """Return a module as the linker leaves it."""
    return assemble(TEXT) + custom_section("__externrefs_interface", interface)


MODULE = externref_build.process(guest())
METADATA = "Metadata-Version: 2.4\nName: my-plugin\nVersion: 1.0\n\nPut it into /home/you/plugins.\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
NAME = "my_plugin-1.0-py3-none-any.whl"
INFO = "my_plugin-1.0.dist-info"
BILL = f"{INFO}/sboms/my_plugin.cdx.json"


def bill(module: bytes, **changed: object) -> bytes:
    """Return a bill of materials of the module in the wheel."""
    crate = {"name": "my_plugin", "version": "1.0.0", "purl": "pkg:cargo/my_plugin@1.0.0", "type": "library"}
    hashes = [{"alg": "SHA-256", "content": hashlib.sha256(module).hexdigest()}]
    subject = {"type": "file", "name": "my_plugin/my_plugin.wasm", "hashes": hashes}
    content = {"bomFormat": "CycloneDX", "components": [crate], "metadata": {"component": subject}}
    return json.dumps({**content, **changed}).encode()


FILES: dict[str, bytes] = {
    "my_plugin/__init__.py": b'"""See https://example.org/home/index/page."""\n',
    "my_plugin/my_plugin.wasm": MODULE,
    f"{INFO}/METADATA": METADATA.encode(),
    f"{INFO}/WHEEL": WHEEL.encode(),
    BILL: bill(MODULE),
}
FOLDERS = {"in the folder of the project": Path("/builds/alice/my plugin"), "in the web site": Path("/app")}


def record_line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def record(files: Mapping[str, bytes]) -> str:
    return "".join(record_line(name, content) for name, content in files.items()) + f"{INFO}/RECORD,,\n"


def pack(files: Mapping[str, bytes], path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def wheel(
    folder: Path, changed: Mapping[str, bytes | None] | None = None, *, name: str = NAME, listed: str | None = None
) -> Path:
    """Make a wheel with some files changed, or left out (None); RECORD fits, unless it is given."""
    changed = changed or {}
    module = changed.get("my_plugin/my_plugin.wasm")
    fitting = {BILL: bill(module)} if module else {}
    files = {key: content for key, content in {**FILES, **fitting, **changed}.items() if content is not None}
    return pack({**files, f"{INFO}/RECORD": (record(files) if listed is None else listed).encode()}, folder / name)


def findings(path: Path, modules: Sequence[str] = ()) -> list[Finding]:
    return inspect_wheel(path, modules=modules, folders=FOLDERS)[1]


def faults(path: Path, modules: Sequence[str] = ()) -> list[str]:
    """Check a wheel; return each fault as ``check: detail @ where``."""
    found = [entry for entry in findings(path, modules) if entry.state == "error"]
    return [f"{entry.check}: {entry.detail} @ {entry.where}" for entry in found]


def test_a_good_wheel(tmp_path: Path) -> None:
    found = findings(wheel(tmp_path), ["my_plugin/my_plugin.wasm"])
    assert [(entry.check, entry.state) for entry in found] == [
        (check, "ok")
        for check in (
            "archive",
            "METADATA",
            "tag",
            "RECORD",
            "module",
            "processed",
            "valid",
            "interface",
            "SBOM",
            "paths",
        )
    ]


def test_modules_of_the_newest_features_are_validated(tmp_path: Path) -> None:
    text = """(module (import "a" "f" (func)) (import "a" "g" (func)) (memory 1 1 shared) (memory 1 (pagesize 1))
      (func (result i64 i64) (i64.add128 (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4))))"""
    changed: dict[str, bytes | None] = {"my_plugin/other.wasm": compact(assemble(text), ONE_MODULE)}
    judged = [entry for entry in findings(wheel(tmp_path, changed)) if entry.check == "valid"]
    assert [entry.state for entry in judged] == ["ok", "ok"]


def test_what_else_is_imported_from_the_surrogates_module_is_the_hosts_own(tmp_path: Path) -> None:
    logging = assemble('(module (import "externref" "log_execution" (func (param i32))))')
    assert faults(wheel(tmp_path, {"my_plugin/other.wasm": logging})) == []


def test_what_wasmtime_cannot_judge_is_said(tmp_path: Path) -> None:
    changed: dict[str, bytes | None] = {"my_plugin/other.wasm": assemble("(module (tag) (func try nop catch_all end))")}
    [told] = [entry for entry in findings(wheel(tmp_path, changed)) if entry.state == "skipped"]
    assert told.check == "valid"
    assert re.fullmatch(r"my_plugin/other\.wasm: wasmtime [\d.]+ cannot tell: legacy_exceptions .* try .*", told.detail)


def native(text: str, tag: str = "cp310-abi3-linux_x86_64", pure: str = "false") -> bytes:
    return text.replace("py3-none-any", tag).replace("Purelib: true", f"Purelib: {pure}").encode()


CHANGES: dict[str, tuple[dict[str, bytes | None], str]] = {
    "no module": ({"my_plugin/my_plugin.wasm": None}, "module: there is no .wasm file, expected one or more"),
    "text for a module": (
        {"my_plugin/my_plugin.wasm": b"(module)"},
        "module: WebAssembly text where a WebAssembly module is expected",
    ),
    "module cut off": ({"my_plugin/my_plugin.wasm": MODULE[:40]}, "@ my_plugin/my_plugin.wasm: offset 0x"),
    "not processed": (
        {"my_plugin/my_plugin.wasm": guest()},
        "processed: the section __externrefs and __externrefs_interface is there, which processing removes",
    ),
    "surrogates left": (
        {
            "my_plugin/my_plugin.wasm": assemble(
                '(module (import "externref" "insert" (func (param i32) (result i32))))'
            )
        },
        "processed: it imports externref.insert, which processing replaces by instructions",
    ),
    "not valid": (
        {"my_plugin/my_plugin.wasm": MODULE.replace(b"\x20\x00\x0b", b"\x41\x00\x0b")},
        "valid: it does not validate: type mismatch",
    ),
    "interface is not JSON": (
        {"my_plugin/my_plugin.wasm": MODULE.replace(b'{"v":1', b'{"v"=1')},
        "module: an interface record is not JSON",
    ),
    "interface of another module": (
        {"my_plugin/my_plugin.wasm": MODULE.replace(b'"name":"same"', b'"name":"sane"')},
        "interface: it declares export `sane`, which the module does not have",
    ),
    "interface with other values": (
        {"my_plugin/my_plugin.wasm": MODULE.replace(b'{"own":"Thing"}', b'"u32"' + b" " * 10)},
        "interface: it declares export `same` as (thing: ref Thing) -> u32, the module has [externref] -> [externref]",
    ),
    "no METADATA": ({f"{INFO}/METADATA": None}, f"METADATA: there is none, expected {INFO}/METADATA"),
    "no name": ({f"{INFO}/METADATA": b"Metadata-Version: 2.4\nVersion: 1.0\n"}, "METADATA: Name is missing"),
    "other version": (
        {f"{INFO}/METADATA": METADATA.replace("1.0", "1.1").encode()},
        "METADATA: Version is 1.1, and the file name says 1.0",
    ),
    "two of them": (
        {"other-1.0.dist-info/METADATA": b""},
        f"METADATA: there are 2 .dist-info folders ({INFO}, other-1.0.dist-info), expected one",
    ),
    "no WHEEL": ({f"{INFO}/WHEEL": None}, "tag: there is no *.dist-info/WHEEL"),
    "a tag of a platform": (
        {f"{INFO}/WHEEL": native(WHEEL)},
        "tag: the tag is cp310-abi3-linux_x86_64, expected py3-none-any: there is no native code",
    ),
    "a tag of two Pythons": (
        {f"{INFO}/WHEEL": WHEEL.encode() + b"Tag: py2-none-any\n"},
        "tag: the tag is py2-none-any and py3-none-any, expected py3-none-any",
    ),
    "another tag in the file name": (
        {f"{INFO}/WHEEL": native(WHEEL), "my_plugin/_native.abi3.so": b"\x7fELF"},
        "tag: the file name says py3-none-any, WHEEL says cp310-abi3-linux_x86_64",
    ),
    "native code for any platform": (
        {"my_plugin/_native.so": b"\x7fELF"},
        "tag: the tag is py3-none-any, expected one of a platform: my_plugin/_native.so is native code",
    ),
    "a native program for any platform": (
        {"my_plugin-1.0.data/scripts/tool": b"\x7fELF\x02"},
        "expected one of a platform: my_plugin-1.0.data/scripts/tool is native code",
    ),
    "no bill of materials": (
        {BILL: None},
        "SBOM: there is none of my_plugin/my_plugin.wasm, expected one in .dist-info/sboms/*.cdx.json",
    ),
    "a bill of another file": ({BILL: bill(b"")}, "SBOM: it is of another my_plugin/my_plugin.wasm: that has the"),
    "a bill without crates": ({BILL: bill(MODULE, components=[{"name": "x"}])}, "SBOM: it names no crate"),
    "another bill that is not JSON": ({f"{INFO}/sboms/x.cdx.json": b"{"}, "SBOM: it is not JSON: "),
    "a bill of another format": (
        {f"{INFO}/sboms/x.cdx.json": b'{"bomFormat": "SPDX"}'},
        'SBOM: bomFormat is "SPDX", expected "CycloneDX"',
    ),
    "the path of the project in a module": (
        {"my_plugin/my_plugin.wasm": MODULE + custom_section("x", b"\0/builds/alice/my plugin/guest/src/lib.rs\0")},
        "paths: it names /builds/alice/my plugin/guest/src/lib.rs, in the folder of the project @ "
        f"my_plugin/my_plugin.wasm, offset {len(MODULE) + 5:#x}",
    ),
    "the path of the project in a text": (
        {"my_plugin/data.json": b'{\n"from": "/builds/alice/my plugin"}'},
        "paths: it names /builds/alice/my plugin, in the folder of the project @ my_plugin/data.json, line 2",
    ),
    "a short path in a module": (
        {"my_plugin/my_plugin.wasm": MODULE + custom_section("x", b"at/app/guest/src/lib.rs")},
        "paths: it names /app/guest/src/lib.rs, in the web site @ my_plugin/my_plugin.wasm",
    ),
    "somebody's home in a module": (
        {"my_plugin/my_plugin.wasm": MODULE + custom_section("x", b"failed/home/bob/.cargo/registry/src/x/lib.rs\0")},
        "paths: it names /home/bob/.cargo/registry/src/x/lib.rs, in somebody's home folder",
    ),
    "somebody's home on Windows": (
        {"my_plugin/my_plugin.wasm": MODULE + custom_section("x", b"C:\\Users\\bob\\guest\\src\\lib.rs\0")},
        "paths: it names C:\\Users\\bob\\guest\\src\\lib.rs, in somebody's home folder",
    ),
    "a temporary folder in a module": (
        {"my_plugin/my_plugin.wasm": MODULE + custom_section("x", b"/tmp/pip-req-build-abc/guest/src/lib.rs\0")},
        "paths: it names /tmp/pip-req-build-abc/guest/src/lib.rs, in a temporary folder",
    ),
    "somebody's home in a file of a tool": (
        {f"{INFO}/direct_url.json": b'{"url": "file:", "dir": "/Users/bob/plugin"}'},
        "paths: it names /Users/bob/plugin, in somebody's home folder",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_wheel_with_a_fault(tmp_path: Path, case: str) -> None:
    changed, expected = CHANGES[case]
    found = faults(wheel(tmp_path, changed))
    assert any(expected in fault for fault in found), found
    assert len({fault.partition(":")[0] for fault in found}) == 1, "other checks do not fail with it"


FINE: dict[str, dict[str, bytes | None]] = {
    "paths that cargo was told to write": {
        "my_plugin/my_plugin.wasm": MODULE
        + custom_section(
            "x", b"/rustc/8bab/library/std/src/lib.rs\0/cargo/registry/src/index.crates.io-19/a/src/lib.rs"
        )
    },
    "an address of the web": {
        "my_plugin/my_plugin.wasm": MODULE + custom_section("x", b"https://example.org/home/index/page.html")
    },
    "examples in sources": {"my_plugin/example.py": b"open('/home/bob/notes.db'); open('/app/x'); open('/tmp/x.rs')\n"},
    "a module without references": {"my_plugin/other.wasm": assemble('(module (func (export "run")))')},
    "a module that wasmtime has no compiler for": {
        "my_plugin/other.wasm": assemble("(module (tag) (func try nop catch_all end))")
    },
    "a signed RECORD": {f"{INFO}/RECORD.jws": b"{}"},
}


@pytest.mark.parametrize("case", FINE)
def test_what_is_no_fault(tmp_path: Path, case: str) -> None:
    assert faults(wheel(tmp_path, FINE[case])) == []


def test_native_code_with_its_tag_is_good(tmp_path: Path) -> None:
    changed: dict[str, bytes | None] = {f"{INFO}/WHEEL": native(WHEEL), "my_plugin/_native.abi3.so": b"\x7fELF\x02"}
    assert faults(wheel(tmp_path, changed, name="my_plugin-1.0-cp310-abi3-linux_x86_64.whl")) == []


GOOD_RECORD = record(FILES)
LINE = record_line("my_plugin/my_plugin.wasm", MODULE)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (GOOD_RECORD.replace(LINE, ""), "my_plugin/my_plugin.wasm is in the wheel and not listed in RECORD"),
        (GOOD_RECORD + LINE, "my_plugin/my_plugin.wasm is listed twice"),
        (GOOD_RECORD + "gone.py,sha256=x,1\n", "gone.py is listed and not in the wheel"),
        (GOOD_RECORD.replace(LINE, LINE.replace("sha256=", "md5=")), "my_plugin/my_plugin.wasm: its hash is md5="),
        (GOOD_RECORD.replace(LINE, LINE.replace("sha256=", "sha256=x")), "my_plugin.wasm: its sha256 is "),
        (
            GOOD_RECORD.replace(f",{len(MODULE)}\n", ",7\n"),
            f"my_plugin.wasm: it has {len(MODULE)} bytes, RECORD says 7",
        ),
        (GOOD_RECORD + "one,two\n", "a row of 2 values, expected path, hash and size"),
        (GOOD_RECORD + '"open', "it is not a table of comma-separated values"),
        (GOOD_RECORD.replace("RECORD,,", "RECORD,sha256=x,1"), "it lists a hash of itself"),
        ("", "RECORD is in the wheel and not listed"),
    ],
)
def test_a_record_that_is_wrong(tmp_path: Path, listed: str, expected: str) -> None:
    found = faults(wheel(tmp_path, listed=listed))
    assert any(fault.startswith("RECORD: ") and expected in fault for fault in found), found


def test_a_wheel_without_a_record(tmp_path: Path) -> None:
    assert faults(pack(FILES, tmp_path / NAME)) == ["RECORD: there is none, expected *.dist-info/RECORD @ None"]


def test_a_module_that_the_project_does_not_put_there(tmp_path: Path) -> None:
    told = faults(wheel(tmp_path), ["my_plugin/other.wasm"])
    assert told == [
        "module: there is no my_plugin/other.wasm, expected it by [tool.externref]; "
        "there is my_plugin/my_plugin.wasm @ None"
    ]


@pytest.mark.parametrize("name", ["plugin.whl", "my_plugin-1.0-py3-none-any.zip", "other-1.0-py3-none-any.whl"])
def test_a_renamed_wheel(tmp_path: Path, name: str) -> None:
    assert any(fault.startswith("METADATA: ") for fault in faults(wheel(tmp_path, name=name)))


# Archives that are made to do harm


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../outside.py", "one that leads elsewhere"),
        ("my_plugin/../../outside.py", "one that leads elsewhere"),
        ("my_plugin//x.py", "one that leads elsewhere"),
        ("./x.py", "one that leads elsewhere"),
        ("/etc/cron.d/x", "an absolute path"),
        ("C:/x.py", "an absolute path"),
        ("my_plugin\\..\\x.py", "not one that every system can write"),
        ("my_plugin/\x1b[2J.py", "not one that every system can write"),
    ],
)
def test_names_that_lead_elsewhere(tmp_path: Path, name: str, problem: str) -> None:
    found = faults(wheel(tmp_path, {name: b""}))
    assert any(f"the name {name!r} is {problem}" in fault for fault in found), found
    assert sorted(path.name for path in tmp_path.rglob("*")) == [NAME]


def test_a_symbolic_link(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    link = zipfile.ZipInfo("my_plugin/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert any("the name 'my_plugin/link' is a symbolic link" in fault for fault in faults(path))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("my_plugin/my_plugin.wasm", MODULE)
    assert any("there are 2 files 'my_plugin/my_plugin.wasm', expected one" in fault for fault in faults(path))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = pack({"zeros": bytes(2**26)}, tmp_path / NAME)
    assert path.stat().st_size < 2**17
    [fault] = faults(path)
    assert fault.startswith(f"archive: the archive announces {2**26} bytes unpacked, expected at most ")


def test_a_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    path = pack({"zeros": bytes(2**26)}, tmp_path / NAME)
    path.write_bytes(path.read_bytes().replace((2**26).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    [fault] = faults(path)
    assert fault.startswith("archive: the archive cannot be unpacked: ")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_no_wheel_uses(tmp_path: Path, method: int) -> None:
    [fault] = faults(pack(FILES, tmp_path / NAME, method))
    assert "is compressed by method" in fault


def test_an_encrypted_archive(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for match in re.finditer(re.escape(signature), bytes(content)):
            content[match.start() + flags] |= 1
    path.write_bytes(content)
    [fault] = faults(path)
    assert fault.startswith("archive: the archive cannot be unpacked: ")


def test_damage_anywhere_is_told(tmp_path: Path) -> None:
    """Never an exception, whatever byte is wrong, and damage to content is always noticed."""
    whole = wheel(tmp_path).read_bytes()
    path = tmp_path / "damaged" / NAME
    path.parent.mkdir()
    source = random.Random(1)
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(source.choice((1, 1, 2, 8))):
            damaged[source.randrange(len(damaged))] = source.randrange(256)
        path.write_bytes(damaged[: source.choice((len(damaged), source.randrange(len(damaged))))])
        found = findings(path)
        intact = {entry.check for entry in found if entry.state == "ok"}
        if intact >= {"archive", "RECORD"} and not [entry for entry in found if entry.state == "error"]:
            with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
                assert all(archive.read(name) == content for name, content in FILES.items())


# The command


def run(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "externref_build", "check", *map(str, arguments)]
    environ = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)


def test_several_wheels_with_one_line_for_each_check(tmp_path: Path) -> None:
    wheel(tmp_path)
    (tmp_path / "broken").mkdir()
    wheel(tmp_path / "broken", {"my_plugin/my_plugin.wasm": guest()})
    done = run(NAME, f"broken/{NAME}", folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{NAME}\n  ok       archive    6 files, ")
    assert f"\nbroken/{NAME}\n" in done.stdout
    assert "  error    processed  the section __externrefs and __externrefs_interface" in done.stdout
    assert "                      --> my_plugin/my_plugin.wasm\n" in done.stdout
    assert done.stdout.endswith("\n1 fault in 2 wheels\n")
    assert done.stderr == ""
    good = run(NAME, folder=tmp_path)
    assert (good.returncode, good.stdout.splitlines()[-1]) == (0, "nothing is wrong with 1 wheel")
    assert run(NAME, "-q", folder=tmp_path).stdout == ""


def test_json_has_the_same(tmp_path: Path) -> None:
    wheel(tmp_path, {"my_plugin/my_plugin.wasm": guest()})
    done = run(NAME, "--json", folder=tmp_path)
    [answer] = json.loads(done.stdout)
    assert (done.returncode, answer["wheel"], answer["ok"]) == (1, NAME, False)
    [fault] = [check for check in answer["checks"] if check["state"] == "error"]
    assert fault["check"] == "processed"
    assert fault["where"] == "my_plugin/my_plugin.wasm"
    assert "externref-build process" in fault["remedy"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["absent.whl"], 1, "the wheel cannot be read: No such file or directory"),
        (["absent.whl"], 1, f"wheels that are there: {NAME}"),
        (["."], 1, "the wheel cannot be read: Is a directory"),
        (["text.whl"], 1, "the archive cannot be unpacked: File is not a zip file"),
        ([NAME, "--project", "absent"], 1, "error: there is no pyproject.toml"),
        ([], 2, "the following arguments are required: WHEEL"),
    ],
)
def test_what_cannot_be_checked(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    wheel(tmp_path)
    (tmp_path / "text.whl").write_text("no wheel")
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == code
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    wheel(tmp_path, {"my_plugin/\x1b[2J.wasm": b"x"})
    assert "\x1b" not in run(NAME, folder=tmp_path).stdout


# With the project


def interface_line(params: str) -> str:
    line = f'{{"v":1,"kind":"export","name":"same","params":{params},"results":[{{"own":"Thing"}}]}}\n'
    return f"""
    #[used]
    #[link_section = "__externrefs_interface"]
    static INTERFACE: [u8; {len(line)}] = *b{json.dumps(line)};
    """


PYPROJECT = '[tool.externref]\npackage = "my_plugin"\nname = "my_plugin"\noffline = true\n'


@pytest.mark.once
def test_a_wheel_is_compared_with_its_sources(tmp_path: Path, toolchain: None) -> None:
    files = {"pyproject.toml": PYPROJECT, "src/my_plugin/__init__.py": "", "guest/Cargo.toml": CARGO}
    source = GUEST + interface_line('[["thing",{"ref":"Thing"}]]')
    project = write(tmp_path / "project", {**files, "guest/src/lib.rs": source})
    build = [sys.executable, "-m", "externref_build", "-q", "build", "--project", str(project)]
    subprocess.run(build, check=True)
    in_place = project / "src" / "my_plugin" / "my_plugin.wasm"
    built = in_place.read_bytes()
    crate = {"name": "plugin", "version": "0.1.0", "purl": "pkg:cargo/plugin@0.1.0"}
    path = wheel(tmp_path, {"my_plugin/my_plugin.wasm": built, BILL: bill(built, components=[crate])})
    in_place.write_bytes(b"is not looked at")

    same = run(path, "--project", project, folder=tmp_path)
    assert same.returncode == 0, same.stdout + same.stderr
    assert re.search(r"ok +sources +my_plugin/my_plugin.wasm has the interface .* same byte for byte", same.stdout)
    assert in_place.read_bytes() == b"is not looked at"

    time.sleep(0.01)  # cargo goes by times of files, which go by ticks of the kernel
    (project / "guest/src/lib.rs").write_text(GUEST + interface_line('[["item",{"ref":"Thing","null":true}]]'))
    other = run(path, "--project", project, "-q", folder=tmp_path)
    assert other.returncode == 1
    assert (
        "export `same` is (thing: ref Thing) -> own Thing in the wheel, "
        "and its sources declare (item: option<ref Thing>) -> own Thing"
    ) in other.stdout
    assert other.stdout.count("error") == 1

    more = '#[no_mangle] pub extern "C" fn again(x: i32) -> i32 { x }'
    record = r'#[used] #[link_section = "__externrefs"] static AGAIN: [u8; 18] = '
    record += r'*b"\xff\xff\xff\xff\x05\0\0\0again\x02\0\0\0\x03";'
    (project / "guest/src/lib.rs").write_text(source + more + record)
    missing = run(path, "--project", project, "-q", folder=tmp_path)
    told = "export `again` is not in the wheel, and its sources declare it as [externref] -> [externref]"
    assert told in missing.stdout

    other_bill = {"my_plugin/my_plugin.wasm": built, BILL: bill(built)}
    told = run(wheel(tmp_path, other_bill), "--project", project, "-q", folder=tmp_path).stdout
    assert "plugin 0.1.0 is in my_plugin/my_plugin.wasm, and its bill does not name it" in told
    assert "my_plugin 1.0.0 is in the bill of my_plugin/my_plugin.wasm, and not in it" in told

    (project / "guest/src/lib.rs").write_text("broken")
    broken = run(path, "--project", project, folder=tmp_path)
    assert broken.returncode == 1
    assert "error: cargo could not build the guest plugin" in broken.stderr


def test_check_does_not_start_cargo_without_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(NAME, folder=tmp_path).returncode == 0
