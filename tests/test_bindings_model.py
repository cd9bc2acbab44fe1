"""What is read from a module for its hosts, and what no host can be written for; names in Python."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bound_guests import assemble, bind, exported, imported, write_package
from plugins import custom_section

from externref_build.bindings.hosts import generate_hosts
from externref_build.bindings.model import ANY_REFERENCE
from externref_build.bindings.names import camel_case, identifier, unique_identifiers
from externref_build.bindings.python import generate
from externref_build.bindings.python.docs import docstring
from externref_build.bindings.reading import read_model
from externref_build.build.hosts import make_hosts, without_interface
from externref_build.config import load_config
from externref_build.errors import BindingError, ConfigError, ExternrefBuildError
from externref_build.metadata import INTERFACE_SECTION

RUN = '(module (import "host" "f" (func (param externref i32 i64 f32) (result f64))) (func (export "run") (param i32)))'


def test_a_module_without_interface_has_plain_names() -> None:
    model = read_model(assemble(RUN))
    [host] = model.imports
    [function] = host.functions
    assert [(param.name, param.type) for param in function.params] == [
        ("arg0", ANY_REFERENCE),
        ("arg1", "opaque"),
        ("arg2", "opaque"),
        ("arg3", "opaque"),
    ]
    assert function.results == ("opaque",)
    assert [export.name for export in model.exports] == ["run"]


def test_what_else_is_imported_from_the_surrogates_module_is_the_hosts_own() -> None:
    [host] = read_model(assemble('(module (import "externref" "log_execution" (func (param i32))))')).imports
    assert (host.name, [function.name for function in host.functions]) == ("externref", ["log_execution"])


@pytest.mark.parametrize("public", [False, True])
def test_opaque_numbers_have_either_sign(tmp_path: Path, public: bool) -> None:
    text = '(module (func (export "same") (param i32) (result i32) local.get 0)'
    host = bind(tmp_path, assemble(f'{text} (func (export "wide") (param i64) (result i64) local.get 0))'))
    host._C = None if public else host._C  # type: ignore[attr-defined]
    with host.Plug.load() as plugin:
        assert [plugin.same(number) for number in (-1, 0xFFFF_FFFF, 1 << 31, 5)] == [-1, -1, -(1 << 31), 5]
        assert [plugin.wide(number) for number in (-1, (1 << 64) - 1, 1 << 63)] == [-1, -1, -(1 << 63)]
        with pytest.raises(OverflowError):
            plugin.same(1 << 32)


@pytest.mark.parametrize(
    ("text", "interface", "words"),
    [
        (
            '(module (import "a" "m" (memory 1)))',
            [],
            "import `a.m` is a memory, and a host of bindings provides functions",
        ),
        ('(module (import "externref" "insert" (func (param i32) (result i32))))', [], "not processed yet"),
        ('(module (import "externref.host" "explode" (func)))', [], "use a newer externref-build"),
        ('(module (import "externref.host" "fail" (func (param i64))))', [], "of type [i64] -> [] is not known"),
        ('(module (import "a" "f" (func)) (import "a" "f" (func (param i32))))', [], "stands in the module twice"),
        ('(module (func (export "f") (param v128)))', [], "export `f` passes a v128"),
        ('(module (func (export "f") (param funcref)))', [], "export `f` passes a funcref"),
        ("(module)", [exported("f", [])], "names export `f`, which the module does not have"),
        (
            RUN,
            [exported("run", [("x", "s64")])],
            "export `run` has type [i32] -> [], its interface makes it [i64] -> []",
        ),
        (RUN, [exported("run", [("x", {"ref": "R"})])], "its interface makes it [externref] -> []"),
        (RUN, [exported("run", [("x", "s32"), ("y", "s32")])], "its interface makes it [i32 i32] -> []"),
        (RUN, [imported("host", "f", [], error="str")], "its interface makes it [i32] -> []"),
        ('(module (func (export "f") (param i32 i32)))', [exported("f", [("t", "str")])], "no export `memory`"),
        (
            '(module (memory (export "memory") 1) (func (export "f") (param i32 i32)))',
            [exported("f", [("t", "str")])],
            "no export `cabi_realloc`",
        ),
        (
            '(module (import "a" "f" (func (param i32))))',
            [imported("a", "f", [("g", {"fn": [[], []]})])],
            "no export `__indirect_function_table`",
        ),
        ('(module (memory (export "memory") i64 1))', [], "64-bit addresses"),
        (
            '(module (import "c" "[method]R.m" (func (param i32))))',
            [imported("c", "[method]R.m", [("this", "s32")])],
            "lacks a first parameter `this`",
        ),
        (
            '(module (import "c" "[set]R.p" (func (param externref))))',
            [imported("c", "[set]R.p", [("this", {"ref": "R"})])],
            "import `c.[set]R.p` takes 1 and returns 0 values, expected 2 and 0",
        ),
        (
            '(module (import "c" "[get]R.p" (func (param externref))))',
            [],
            "takes 1 and returns 0 values, expected 1",
        ),
        ('(module (import "c" "[global]g" (func (param i32))))', [], "takes 1 and returns 0 values, expected 0 and 1"),
        ('(module (import "c" "[constructor]R" (func (result i32))))', [], "does not return a reference"),
    ],
)
def test_what_no_host_can_be_written_for(text: str, interface: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(BindingError) as caught:
        read_model(assemble(text, *interface))
    assert words in str(caught.value)


def test_functions_of_several_results_have_no_host() -> None:
    with pytest.raises(BindingError, match="export `f` has 2 results"):
        generate(read_model(assemble('(module (func (export "f") (result i32 i32) unreachable))')), name="plug")


def test_two_parameters_of_one_name_have_no_host() -> None:
    module = assemble('(module (func (export "f") (param i32 i32)))', exported("f", [("a", "s32"), ("a", "s32")]))
    with pytest.raises(BindingError, match="two parameters of the name `a`"):
        generate(read_model(module), name="plug")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"v":2,"kind":"export","name":"run"}\n', "interface version 2, where 1 is known"),
        (b'{"v":1,"kind":"export","name":"run","params":[["x",{"map":"str"}]]}\n', "unknown value type"),
        (b'{"v":1,"kind"\n', "not JSON"),
    ],
)
def test_an_interface_that_is_newer_or_damaged_is_refused(line: bytes, words: str) -> None:
    with pytest.raises(ExternrefBuildError) as caught:
        read_model(assemble(RUN) + custom_section(INTERFACE_SECTION, line))
    assert words in str(caught.value)


# Names


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("plain", "plain"),
        ("with-dash/and.dot", "with_dash_and_dot"),
        ("2nd", "_2nd"),
        ("__class__", "class__"),
        ("", "unnamed"),
        ("___", "unnamed"),
        ("naïve", "naïve"),
        ("ﬁne", "fine"),
        ("a b\n", "a_b_"),
        ("[resource-drop]x", "resource_drop_x"),
    ],
)
def test_names_become_identifiers(name: str, spelled: str) -> None:
    assert identifier(name) == spelled
    assert spelled.isidentifier()


def test_identifiers_are_unique_and_free() -> None:
    assert unique_identifiers(["a-b", "a_b", "a.b", "class"], {"class"}) == {
        "a-b": "a_b_",
        "a_b": "a_b",
        "a.b": "a_b__",
        "class": "class_",
    }
    assert [camel_case(name) for name in ("sample_plugin", "my-host/fs", "URLs", "2d")] == [
        "SamplePlugin",
        "MyHostFs",
        "URLs",
        "_2d",
    ]


def test_names_of_python_and_of_the_runtime_give_way(tmp_path: Path) -> None:
    """Keywords, builtins, members of the class, options of `load`, and resources called as the runtime's classes."""
    names = ["class", "load", "close", "live_references", "str", "_guest", "print", "Plug", "GuestError", "a-b", "a_b"]
    exports = " ".join(f'(func (export "{name}") (param i32) (result i32) local.get 0)' for name in names)
    resources = ["Plug", "GuestTrap", "int", "Any", "Protocol", "array", "FuelHost", "import", "Row"]
    text = f"""(module (import "fuel" "lambda" (func (param {" ".join(["externref"] * len(resources))})))
        (import "self" "self" (func)) (import "wasi-like:x" "y" (func)) {exports})"""
    module = assemble(
        text,
        imported("fuel", "lambda", [(f"{index}-def", {"ref": name}) for index, name in enumerate(resources)]),
        *(exported(name, [("self" if name == "a_b" else "lambda", "s32")], ["s32"], doc=name) for name in names),
    )
    package = write_package(tmp_path, module)
    source = (tmp_path / package / "plug_host.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    [plugin] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Plug"]
    methods = {node.name for node in plugin.body if isinstance(node, ast.FunctionDef)}
    assert {"class_", "load_", "close_", "live_references_", "str_", "guest", "print", "a_b", "a_b_"} <= methods
    [load] = [node for node in plugin.body if isinstance(node, ast.FunctionDef) and node.name == "load"]
    assert [argument.arg for argument in load.args.args] == ["cls", "fuel_", "self_", "wasi_like_x"]
    assert "import_ = NewType" in source


def test_functions_of_many_parameters_take_many_lines(tmp_path: Path) -> None:
    params = [(f"a_parameter_{index}", {"list": "f64"}) for index in range(9)]
    core = f"(param {'i32 ' * 18})"
    module = assemble(
        f"""(module (import "host" "takes" (func {core})) (import "host" "no_more" (func)) (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "takes") {core}))""",
        imported("host", "takes", params),
        imported("host", "no_more", []),
        exported("takes", params),
    )
    package = write_package(tmp_path, module)
    source = (tmp_path / package / "plug_host.py").read_text(encoding="utf-8")
    assert max(map(len, source.splitlines())) <= 120
    assert "    def no_more(self) -> None:\n" in source


def test_names_of_the_generated_code_and_of_the_guest_stay_apart(tmp_path: Path) -> None:
    """An import module, an export and resource types that are called as local variables and attributes of a host."""
    lent, thing = {"ref": "thing"}, {"ref": "guest"}
    module = assemble(
        """(module (import "guest" "guest" (func $guest (param externref) (result i32)))
            (import "thing" "[get]thing.size" (func (param externref) (result i32)))
            (import "thing_objects" "f" (func (param externref externref) (result i32)))
            (func (export "guest") (param externref) (result i32) (call $guest (local.get 0)))
            (func (export "other") (param $result i32) (result i32) (local.get $result)))""",
        imported("guest", "guest", [("guest", thing)], ["s32"]),
        imported("thing", "[get]thing.size", [("this", lent)], ["s32"]),
        imported("thing_objects", "f", [("thing", lent), ("guest", thing)], ["s32"]),
        exported("guest", [("guest", thing)], ["s32"]),
        exported("other", [("result", "s32")], ["s32"]),
    )
    host = bind(tmp_path, module, types={"guest": "things:Thing"}, things="class Thing:\n    size = 3\n")
    one = host.guest_()

    class Host:
        def guest(self, guest: object) -> int:
            return 5 if guest is one else 6

        def f(self, thing: object, guest: object) -> int:
            raise NotImplementedError

    with host.Plug.load(Host(), {"thing": type(one)}, Host()) as plugin:
        assert plugin.guest(one) == 5
        assert plugin.other(7) == 7
        with pytest.raises(TypeError, match=r"expected a guest"):
            plugin.guest(object())


def test_comments_of_guests_become_docstrings(tmp_path: Path) -> None:
    doc = (
        'Says "hi" to [`Row`](crate::Row).\n\n# Panics\n\nNever: C:\\new.\n\n'
        '# Safety\n\nNone of this.\n\n# Errors\n\n"""'
    )
    module = assemble('(module (func (export "f")))', exported("f", [], doc=doc))
    host = bind(tmp_path, module)
    assert host.Plug.f.__doc__ is not None
    lines = [line.strip() for line in host.Plug.f.__doc__.splitlines() if line.strip()]
    assert lines == ['Says "hi" to `Row`.', "Panics:", "Never: C:\\new.", "Errors:", '"""']


@pytest.mark.parametrize(
    "doc",
    ['"', "\\", 'in "it"', '\\"""\nx', 'x""""', "\0", "a\r\nb", "a\rb", "ü\u2028b", "a\x85b", "\ud800", "\\ud800"],
)
def test_comments_stay_in_their_docstrings(doc: str) -> None:
    assert ast.literal_eval(docstring(doc)).rstrip("\n") == doc.replace("\r\n", "\n")
    assert docstring(doc).encode()


def test_a_comment_is_no_code(tmp_path: Path) -> None:
    doc = '\\"""\nraise SystemExit("""'
    module = assemble(
        '(module (import "h" "g" (func)) (func (export "f")))',
        exported("f", [], doc=doc),
        imported("h", "g", [], doc=doc),
    )
    host = bind(tmp_path, module)
    assert host.Plug.f.__doc__.splitlines()[0] == host.HHost.g.__doc__.splitlines()[0] == '\\"""'


@pytest.mark.parametrize("name", ['a"b', 'a"""b', "a'b\\", "new\nline", "😀\n", "}", "{x}", "%s"])
def test_names_cannot_leave_their_strings(tmp_path: Path, name: str) -> None:
    import wasmtime

    escaped = "".join(f"\\{byte:02x}" for byte in name.encode())
    module = bytes(
        wasmtime.wat2wasm(f'(module (import "{escaped}" "{escaped}" (func $f)) (func (export "{escaped}") call $f))')
    )
    host = bind(tmp_path, module)
    called: list[str] = []
    method = identifier(name)
    with host.Plug.load(type("Host", (), {method: lambda self: called.append(name)})()) as plugin:
        getattr(plugin, method)()
    assert called == [name]


def test_the_same_module_makes_the_same_host() -> None:
    module = assemble(RUN)
    assert generate_hosts(module, ["python"], name="a-b") == generate_hosts(module, ["python"], name="a-b")
    assert list(generate_hosts(module, ["python"], name="a-b")) == ["a_b_host.py"]


def test_two_modules_in_one_package_have_types_of_their_own(tmp_path: Path) -> None:
    module = assemble('(module (func (export "f") (param externref)))', exported("f", [("row", {"ref": "Row"})]))
    package = write_package(tmp_path, module, name="one")
    (tmp_path / package / "two.wasm").write_bytes(module)
    (tmp_path / package / "two_host.py").write_text(generate(read_model(module), name="two"), encoding="utf-8")
    code = (
        f"from {package}.one_host import One, Row as A; from {package}.two_host import Two, Row as B; assert A is not B"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_an_object_of_which_nothing_is_known_has_no_type_of_its_own(tmp_path: Path) -> None:
    module = assemble(
        '(module (func (export "f") (param externref externref) (result externref) (local.get 0)))',
        exported("f", [("one", {"ref": "any"}), ("other", {"ref": "any", "null": True})], [{"own": "any"}]),
    )
    assert read_model(module).resources == ()
    assert "def f(self, one: object, other: object | None) -> object:" in generate(read_model(module), name="plug")
    with bind(tmp_path, module).Plug.load() as plugin:
        assert plugin.f("text", None) == "text"
        with pytest.raises(TypeError, match=r"^f: one is None, expected a reference$"):
            plugin.f(None, None)


# Projects


def project(folder: Path, dependencies: str) -> Any:
    settings = '[tool.externref]\npackage = "p"\nname = "plug"\nbindings = ["python"]'
    (folder / "pyproject.toml").write_text(f'[project]\nname = "p"\n{dependencies}\n{settings}\n')
    return load_config(folder, environ={}).modules[0]


@pytest.mark.parametrize("dependencies", ["", "dependencies = []", 'dependencies = ["wasmtime-py", "numpy"]'])
def test_a_project_that_does_not_depend_on_wasmtime_is_told(tmp_path: Path, dependencies: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_hosts(project(tmp_path, dependencies), assemble(RUN), "plug")
    said = str(caught.value)
    assert "does not depend on wasmtime" in said
    assert 'dependencies = ["wasmtime>=40"]' in said
    assert str(tmp_path / "pyproject.toml") in said


@pytest.mark.parametrize(
    "dependencies",
    [
        'dependencies = ["wasmtime>=40"]',
        "dependencies = [\"Wasmtime ; python_version > '3'\"]",
        'dynamic = ["dependencies"]',
        'optional-dependencies.plugins = ["wasmtime[extra]"]',
    ],
)
def test_a_project_that_may_have_wasmtime_gets_a_host(tmp_path: Path, dependencies: str) -> None:
    hosts = make_hosts(project(tmp_path, dependencies), assemble(RUN), "plug")
    assert list(hosts) == ["plug_host.py"]
    ast.parse(hosts["plug_host.py"])


def test_the_interface_can_leave_the_module() -> None:
    module = assemble(RUN)
    with_interface = assemble(RUN, exported("run", [("x", "s32")]))
    assert without_interface(with_interface) == without_interface(module) == module


def test_a_host_is_written_by_command(tmp_path: Path) -> None:
    (tmp_path / "plug.wasm").write_bytes(assemble(RUN))
    command = [sys.executable, "-m", "externref_build", "bindgen"]
    done = subprocess.run(
        [*command, "plug.wasm", "-o", "out"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == str(Path("out", "plug_host.py"))
    assert "class Plug:" in (tmp_path / "out" / "plug_host.py").read_text(encoding="utf-8")
    for arguments, words in (
        (["-"], "a host loads its module from a file"),
        (["plug.wasm", "--type", "Row=a:B"], "a resource type Row that the module does not have"),
        (["none.wasm"], "there is no such file"),
    ):
        failed = subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, text=True)
        assert failed.returncode == 1
        assert words in failed.stderr
