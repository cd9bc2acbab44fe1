"""Client classes: declarations in C++ of objects of the host, used under Python and under Node."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from c_projects import COMPILERS, FREESTANDING, STRICT, WASI, build, cells, mtimes, project
from javascript_hosts import node

from externref_build.wasm.decoding import decode_module

pytestmark = pytest.mark.once

SOURCES = Path(__file__).parent / "guests" / "c" / "client"
CELLS = cells(telling=[("zig", FREESTANDING, "-O0"), ("zig", FREESTANDING, "-O2"), ("zig", WASI, "-O2 -flto")])


def scene(folder: Path, compiler: str, target: str, level: str) -> Path:
    """Build the guest that plays with a scene, with hosts in both languages."""
    files = {f"guest/{path.name}": path.read_bytes() for path in SOURCES.iterdir()}
    keys = {"target": target, "std": "c++17", "cflags": [*level.split(), *STRICT], "drop_hook": "host::dropped"}
    metadata = '[project]\nname = "plug"\nversion = "1"\ndependencies = ["wasmtime"]\n'
    project(folder, files, compiler=compiler, bindings=["python", "javascript"], **keys)
    (folder / "pyproject.toml").write_text(metadata + (folder / "pyproject.toml").read_text())
    return build(folder)


def load_host(path: Path) -> ModuleType:
    """Import the Python host beside a module."""
    sys.path.insert(0, str(path.parents[1]))
    try:
        for name in [name for name in sys.modules if name.partition(".")[0] == "plug"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return importlib.import_module("plug.plug_host")
    finally:
        sys.path.remove(str(path.parents[1]))


class Vector3:
    def __init__(self, x: float | Vector3, y: float = 0, z: float = 0) -> None:
        given = (x.x, x.y, x.z) if isinstance(x, Vector3) else (x, y, z)
        self.x: float = given[0]
        self.y: float = given[1]
        self.z: float = given[2]

    def length(self) -> float:
        return float(self.x + self.y + self.z)

    @staticmethod
    def dot(a: Vector3, b: Vector3) -> float:
        return float(a.x * b.x + a.y * b.y + a.z * b.z)


class Event:
    time = 5.5


class Object3D:
    def __init__(self) -> None:
        self.children: list[Object3D] = []
        self.moves: list[Any] = []
        self.names: list[str | None] = []
        self.listeners: list[Any] = []
        self.parent: Object3D | None = None
        self.position = Vector3(1, 2, 3)
        self.visit: Any = None

    @property
    def name(self) -> str | None:
        return self.names[-1] if self.names else None

    @name.setter
    def name(self, name: str | None) -> None:
        self.names.append(name)

    def add(self, child: Object3D) -> None:
        self.children.append(child)
        child.parent = self

    def find(self, name: str) -> Object3D | None:
        return next((child for child in self.children if child.name == name), None)

    def on(self, what: str, listener: Any) -> None:
        assert what == "hit"
        self.listeners.append(listener)

    def each(self, visit: Any) -> None:
        self.visit = visit

    def move(self, *args: Any) -> None:
        self.moves.append([args[0].x if isinstance(args[0], Vector3) else args[0], *args[1:]])


class Mesh(Object3D):
    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side


class World:
    """What the plugin sees of its host."""

    def __init__(self) -> None:
        self.root, self.scene = Object3D(), Object3D()
        self.logged: list[Any] = []
        self.rendered: list[Any] = []
        self.dropped_objects: list[Any] = []

    def client(self) -> Any:
        values = {"pi": 3.25, "root": self.root, "scene": self.scene, "log": self.logged.append, "now": lambda: 100.0}
        return {"Event": Event, "Mesh": Mesh, "Object3D": Object3D, "Vector3": Vector3, **values}

    def render(self, scene: Any) -> None:
        self.rendered.append(scene)

    def dropped(self, thing: object) -> None:
        self.dropped_objects.append(thing)


@pytest.mark.parametrize(("compiler", "target", "level"), CELLS)
def test_guests_use_objects_of_a_python_host(compiler: str, target: str, level: str, tmp_path: Path) -> None:
    host = load_host(scene(tmp_path, compiler, target, level))
    world = World()
    with host.Plug.load(world.client(), world, world) as plugin:
        assert plugin.arithmetic() == 14 + 100 + 3.25 + 10
        assert [thing.x for thing in world.dropped_objects] == [10, 1], "automatic objects end in reverse order"
        assert plugin.step() == 2.5
        assert plugin.step() == 4

        plugin.build()
        (mesh,), (ball,) = world.scene.children, world.root.children
        assert isinstance(mesh, Mesh)
        assert isinstance(ball, Mesh)
        assert (mesh.side, ball.side) == (0, 1)
        assert mesh.moves == [[1], [1, False]]
        assert ball.moves == [[1, True]]
        assert world.rendered == [world.scene]

        plugin.look()
        assert world.logged == [ball, None, world.scene]
        assert mesh.names == ["ball", None, ""]

        held = plugin.live_references
        assert plugin.many(1000) == 1000
        assert plugin.live_references == held, "what the host returned ends with the call"

        assert plugin.give() is mesh
        thing = Mesh(0)
        assert plugin.hit(thing, None) is False
        assert thing.moves == [[2]]
        assert world.logged[-1] is None
        plugin.hit(thing, ball)
        assert world.logged[-1] is ball
        assert plugin.live_references == held

        world.dropped_objects.clear()
        assert plugin.let_go() is mesh
        assert world.dropped_objects == []
        assert plugin.live_references == held - 1
        with pytest.raises(host.GuestTrap, match="unreachable"):
            plugin.null()


def test_a_python_host_calls_functions_of_the_guest(tmp_path: Path) -> None:
    host = load_host(scene(tmp_path, "zig", FREESTANDING, "-O2"))
    world = World()
    with host.Plug.load(world.client(), world, world) as plugin:
        plugin.listen()
        plugin.build()
        assert plugin.elsewhere() == 6.5 + 1
        assert world.scene.children.pop() is world.root
        hit, nothing, one = world.scene.listeners
        assert [one(Event(), 1), one(Event(), 2)] == [True, False]
        assert nothing is None
        held = plugin.live_references
        assert [hit(Event(), 7), hit(Event(), 7)] == [False, True]
        assert plugin.total() == 24
        (mesh,) = world.scene.children
        assert world.scene.visit(mesh, None) is None
        assert world.scene.visit(mesh, "xyz") is world.scene
        assert world.scene.visit(mesh, "äöü" * 1000) is world.scene
        assert mesh.names == ["renamed", "äöü" * 1000]
        assert plugin.live_references == held, "what was passed and returned ends with the call"


JAVASCRIPT = """
    import { load } from "./plug.js";
    class Vector3 {
      constructor(x, y, z) { Object.assign(this, x instanceof Vector3 ? x : { x, y, z }); }
      length() { return this.x + this.y + this.z; }
      static dot(a, b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
    }
    class Event { time = 5.5; }
    class Object3D {
      children = []; moves = []; names = []; listeners = []; parent = null; position = new Vector3(1, 2, 3);
      get name() { return this.names.at(-1) ?? null; }
      set name(name) { this.names.push(name); }
      add(child) { this.children.push(child); child.parent = this; }
      find(name) { return this.children.find((child) => child.name === name) ?? null; }
      on(what, listener) { this.listeners.push(listener); }
      each(visit) { this.visit = visit; }
      move(...args) { this.moves.push([args[0].x ?? args[0], ...args.slice(1)]); }
    }
    class Mesh extends Object3D { constructor(side) { super(); this.side = side; } }
    const [root, scene, logged, rendered, dropped] = [new Object3D(), new Object3D(), [], [], []];
    const plugin = await load({
      client: { Event, Mesh, Object3D, Vector3, pi: 3.25, root, scene, now: () => 100, log: (it) => logged.push(it) },
      three: { render: (it) => rendered.push(it) },
      host: { dropped: (it) => dropped.push(it) },
    });
    const results = [plugin.arithmetic(), dropped.map((it) => it.x), plugin.step(), plugin.step()];
    plugin.build();
    const [mesh, ball] = [scene.children[0], root.children[0]];
    results.push([mesh instanceof Mesh, mesh.side, ball.side, mesh.moves, ball.moves, rendered[0] === scene]);
    plugin.look();
    results.push([logged[0] === ball, logged[1], logged[2] === scene, [...mesh.names]]);
    results.push([plugin.many(1000), plugin.give() === mesh, plugin.hit(new Mesh(0), null), logged.at(-1)]);
    plugin.listen();
    const [hit, nothing] = scene.listeners;
    results.push([nothing, hit(new Event(), 7), hit(new Event(), 7), plugin.total()]);
    results.push([scene.visit(mesh, null), scene.visit(mesh, "xyz") === scene, mesh.name]);
    dropped.length = 0;
    results.push([plugin["let-go"]() === mesh, dropped.length]);
    try { plugin.null(); } catch (error) { results.push(error.name); }
    out(results);
"""


@pytest.mark.parametrize(("compiler", "target", "level"), CELLS)
def test_guests_use_objects_of_a_javascript_host(compiler: str, target: str, level: str, tmp_path: Path) -> None:
    path = scene(tmp_path, compiler, target, level)
    results = node(path.parent, JAVASCRIPT)
    assert results == [
        127.25,
        [10, 1],
        2.5,
        4,
        [True, 0, 1, [[1], [1, False]], [[1, True]], True],
        [True, None, True, ["ball", None, ""]],
        [1000, True, False, None],
        [None, False, True, 24],
        [None, True, "renamed"],
        [True, 0],
        "RuntimeError",
    ]


PAGE = """
    #include "externref.hpp"
    namespace client {
    class String {
      public:
        String(const char *text);
        int get_length() const;
        String *concat(const String &other) const;
        ~String();
    };
    class Node {
      public:
        Node *appendChild(Node *child);
    };
    class Event;
    typedef void (*EventListener)(Event *event);
    class HTMLElement : public Node {
      public:
        void set_textContent(const String &text);
        String *get_textContent();
        void addEventListener(const String &type, EventListener listener);
    };
    class Document {
      public:
        HTMLElement *createElement(const String &name);
        HTMLElement *get_body();
    };
    class Event {
      public:
        HTMLElement *get_target();
    };
    class Console {
      public:
        void log(const String &text);
        void log(double number);
    };
    extern Document document;
    extern Console console;
    int parseInt(const String &text, int radix = 10);
    }
    using namespace client;
    static int clicks = 0;
    EXTERNREF_EXPORT("main", void, web_main) {
        HTMLElement *button = document.createElement("button");
        String *label = new String("press ");
        button->set_textContent(*label->concat("here"));
        delete label;
        button->addEventListener("click", [](Event *event) {
            clicks++;
            event->get_target()->set_textContent("pressed");
        });
        document.get_body()->appendChild(button);
        console.log(*button->get_textContent());
        console.log(parseInt("ff", 16) + parseInt("1"));
    }
    EXTERNREF_EXPORT("clicks", s32, get_clicks) { return clicks; }
    """


def test_classes_declared_as_those_of_a_browser(tmp_path: Path) -> None:
    keys = {"std": "c++17", "cflags": ["-Wall", "-Wextra", "-Wpedantic", "-Werror"], "bindings": ["javascript"]}
    path = build(project(tmp_path, {"guest/page.cpp": PAGE}, **keys))
    script = """
        import { load } from "./plug.js";
        class HTMLElement {
          constructor(name) { Object.assign(this, { name, children: [], listeners: {} }); }
          appendChild(child) { this.children.push(child); return child; }
          addEventListener(type, listener) { this.listeners[type] = listener; }
        }
        class Document { body = new HTMLElement("body"); createElement(name) { return new HTMLElement(`${name}`); } }
        class Event { constructor(target) { this.target = target; } }
        class Console { lines = []; log(what) { this.lines.push(`${what}`); } }
        const [document, console_] = [new Document(), new Console()];
        const classes = { String, Node: HTMLElement, HTMLElement, Document, Event, Console };
        const plugin = await load({ client: { ...classes, document, console: console_, parseInt } });
        plugin.main();
        const [button] = document.body.children;
        button.listeners.click(new Event(button));
        out([button.name, console_.lines, `${button.textContent}`, plugin.clicks()]);
        """
    assert node(path.parent, script) == ["button", ["press here", "256"], "pressed", 1]


CONTAINERS = """
    #include "externref.hpp"
    #include <map>
    #include <optional>
    #include <string>
    #include <string_view>
    #include <vector>
    namespace client {
    struct Node { Node(std::string_view name); std::string_view get_name(); Node &child(unsigned index); };
    }
    using client::Node;
    using externref::ref;
    struct Named { Node node; std::string note; };
    static std::vector<ref<Node>> nodes;
    static std::map<std::string, Named, std::less<>> named;
    static std::optional<Node> maybe;
    EXTERNREF_EXPORT("fill", void, fill, (u32, count)) {
        Node root("root");
        for (unsigned n = 0; n < count; n++) {
            Node &child = root.child(n);
            if (n % 2) nodes.push_back(ref(child));
            else named.emplace(std::string(child.get_name()), Named{Node("made"), std::string(child.get_name()) + "!"});
        }
        maybe.emplace("maybe");
        auto later = [held = ref<Node>(Node("held"))] { return held->get_name().size(); };
        if (later() != 4) __builtin_trap();
    }
    EXTERNREF_EXPORT("count", u32, count) {
        unsigned sum = 0;
        for (auto &node : nodes) sum += static_cast<unsigned>(node->get_name().size());
        for (auto &[name, entry] : named) sum += static_cast<unsigned>(entry.node.get_name().size() + name.size() + 1);
        return sum + (maybe ? 1000 : 0);
    }
    EXTERNREF_EXPORT("clear", void, clear) { nodes.clear(); named.clear(); maybe.reset(); }
    """


class Node:
    def __init__(self, name: str) -> None:
        self.name = name

    def child(self, index: int) -> Node:
        return Node(f"child{index:04}")


@pytest.mark.parametrize("level", ["-O0", pytest.param("-O2 -flto", marks=pytest.mark.matrix)])
def test_containers_hold_objects(level: str, tmp_path: Path) -> None:
    flags = [*level.split(), "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    keys = {"target": WASI, "std": "c++20", "cflags": flags, "bindings": ["python"]}
    project(tmp_path, {"guest/plug.cpp": CONTAINERS}, **keys)
    host = load_host(build(tmp_path))
    with host.Plug.load({"Node": Node}) as plugin:
        plugin.fill(1000)
        assert plugin.live_references == 1001, "the root, and what the host returned, ended with the call"
        assert plugin.count() == 500 * 9 + 500 * (4 + 10) + 1000
        plugin.clear()
        assert plugin.live_references == 0


@pytest.mark.parametrize("compiler", COMPILERS)
def test_nothing_is_done_again_without_need(compiler: str, tmp_path: Path) -> None:
    path = scene(tmp_path, compiler, FREESTANDING, "-O1")
    before, built = mtimes(tmp_path), path.read_bytes()
    assert build(tmp_path) == path
    assert mtimes(tmp_path) == before

    header = tmp_path / "guest" / "scene.hpp"
    header.write_text(header.read_text().replace("double now();", "double now();  // in seconds"))
    build(tmp_path)
    assert path.read_bytes() == built, "a comment changes no declaration"
    header.write_text(header.read_text().replace("void add(const Object3D &child);", "int add(const Object3D &child);"))
    build(tmp_path)
    assert path.read_bytes() != built


def test_the_same_bytes_from_another_folder(tmp_path: Path) -> None:
    one, other = (
        scene(tmp_path / name, "zig", FREESTANDING, "-O1 -g") for name in ("one", "a longer name, with spaces")
    )
    assert one.read_bytes() == other.read_bytes()
    assert bytes(tmp_path) not in one.read_bytes()


MACROS = """
    #include "externref.hpp"
    namespace client {
    struct Node { Node(); };
    struct Element : Node { Element(); Element *get_next(); };
    extern Element &first;
    }
    using client::Element;
    using client::Node;
    EXTERNREF_IMPORT("host", "paint", optown(Element), paint, (ref(Node), node), (optref(client::Element), other));
    static externref::ref<Node> any{Element()};
    static externref::ref<Element> kept{client::first};
    EXTERNREF_EXPORT("lend", ref(client::Node), lend) { return *any; }
    EXTERNREF_EXPORT("look", optref(Element), look) { return kept; }
    EXTERNREF_EXPORT("paint", bool, paint_all, (own(client::Element), given), (ref(Element), lent)) {
        auto one = paint(given, nullptr);
        auto two = paint(*lent, kept);
        auto three = paint(client::first, lent);
        any = static_cast<externref::ref<Element> &&>(given);
        kept = externref::ref(*lent);
        swap(one, two);
        return one && two && !three;
    }
    """


def test_macros_and_client_classes_go_together(tmp_path: Path) -> None:
    class Base:
        pass

    class Element(Base):
        next = None

    class Painter:
        def __init__(self) -> None:
            self.calls: list[Any] = []

        def paint(self, node: Base, other: Element | None) -> Element | None:
            self.calls.append((node, other))
            return None if len(self.calls) == 3 else Element()

    keys = {"std": "c++17", "cflags": list(STRICT), "bindings": ["python"]}
    host = load_host(build(project(tmp_path, {"guest/plug.cpp": MACROS}, **keys)))
    first, given, lent, painter = Element(), Element(), Element(), Painter()
    with host.Plug.load({"Node": Base, "Element": Element, "first": first}, painter) as plugin:
        assert plugin.look() is first
        assert isinstance(plugin.lend(), Element)
        assert plugin.paint(given, lent) is True
        assert painter.calls == [(given, None), (lent, first), (first, lent)]
        assert plugin.lend() is given
        assert plugin.look() is lent
        assert plugin.live_references == 3, "any, kept, first"


@pytest.mark.parametrize("name", ["\u00c4pfel", "\U00010400"])
def test_names_may_have_letters_of_any_script(name: str, tmp_path: Path) -> None:
    source = (
        '#include "externref.hpp"\n'
        f"namespace client {{ class {name} {{ public: int {name.lower()}(); }}; extern {name} &it; }}\n"
        f'EXTERNREF_EXPORT("f", s32, f) {{ return client::it.{name.lower()}(); }}\n'
    )
    module = build(project(tmp_path, {"guest/a.cpp": source}))
    imports = {entry.name for entry in decode_module(module.read_bytes()).imports}
    assert imports >= {f"[method]{name}.{name.lower()}", "[global]it"}
