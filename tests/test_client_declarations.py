"""How declarations in ``namespace client`` become imports, and what is said of those that cannot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from c_projects import COMPILERS, FREESTANDING, STRICT, WASI, WITH_CXX_LIBRARY, build, project
from plugins import custom_contents

from externref_build.errors import ExternrefBuildError, GuestBuildError, SeveralErrors
from externref_build.metadata import GUEST_INTERFACE_SECTION, INTERFACE_SECTION, decode_interface
from externref_build.wasm.decoding import decode_module

pytestmark = pytest.mark.once

DECLARATIONS = """
#include "externref.hpp"
#include <stddef.h>
#include <stdint.h>
#include <string_view>

namespace client {
class Node;
class Element;
enum class Side : int8_t { left = -1, right };
enum Plain { one, two };
enum Signed { minus = -1 };
typedef unsigned Count;
using Name = const char *;
using Listener = void (*)(Node &);
typedef void Visitor(Node &);
using Bare = void();

class Node {
    friend struct Nobody;
    int hidden(Node by_value);  // private, and so nobody's business

  public:
    enum Kind { text };
    static constexpr int LIMIT = 5;
    Node();
    Node(const Node &) = delete;
    explicit Node(Side side);
    Node(const char *name, Count count = 3);
    ~Node();
    void take(bool a, char b, signed char c, unsigned char d, short e);
    void take(unsigned short f, int g, unsigned h, long a, unsigned long b);
    void take(long long c, unsigned long long d, float e, double f, char32_t g, wchar_t h);
    void types(int8_t a, uint16_t b, int64_t c, size_t d, std::size_t e, ptrdiff_t f, std::uint8_t g);
    void enums(Side a, Plain b, Signed c, Kind d, client::Side e);
    void texts(const char *a, Name b, std::string_view c, const char *const d);
    void objects(Node &a, const Node &b, client::Element &c);
    void pointers(Node *a, const Node *b, const class Element *c);
    void unnamed(int, Node &);
    void twice(int self, int a) const noexcept;
    Count count();
    Name name() const;
    std::string_view view();
    Node &self();
    const Element *first() const;
    auto later() -> double;
    int get();
    int get_();
    int get_size() const;
    Node *get_parent();
    int get_item(int index);
    void set_size(int size);
    bool set_checked(int size);
    void set_both(int a, int b);
    static Node &make();
    static void get_ready();
    void on(Listener listener);
    void on(bool (*test)(const Node *, int, double) noexcept, int more);
    void visit(Element *(*)(const char *, std::string_view));
    void each(void (&visit)(Node &child));
    void each_of(Visitor visit, Visitor &other, Bare *bare);
    void add(Node &child);
    void add(Node *child);
    void add(const char *text);
    void add(std::string_view text);
    void add(void (*make)());
    void add(bool (*make)(int), bool);
    void add(bool (*make)(Node *), bool);
    int at(char);
    double at(signed char);
    int inlined() { return get_size() + LIMIT; }
    template <class T> T as() { return T(get_size()); }
};
class Element : public Node {
  public:
    Element(Element &&) = default;
    Element &appendChild(const Element &child);
};
struct Opaque;
void pass(Opaque &opaque);
extern Element &document;
extern Element body;
extern Element *const maybe;
extern const double pi;
extern const char *const title;
extern const int unused;
constexpr int ANSWER = 42;
inline int helper() { return ANSWER; }
int free(int a);
int free(double a);
namespace fast {
struct Socket { explicit Socket(const Node &owner); void send(Element &what, Plain how); };
namespace deep { void call(Socket *socket); }
inline namespace v2 { void version(); }
}
}  // namespace client

namespace client::fast { double speed(); }
"""

IMPORTS = """
client.[constructor]Node# () -> own Node
client.[constructor]Node#s8 (side: s8) -> own Node
client.[constructor]Node#str,u32 (name: option<str>, count: u32) -> own Node
client.[get]Node.parent (this: ref Node) -> option<own Node>
client.[get]Node.size (this: ref Node) -> s32
client.[global]body () -> own Element
client.[global]document () -> own Element
client.[global]maybe () -> option<own Element>
client.[global]pi () -> f64
client.[global]title () -> option<str>
client.[method]Element.appendChild (this: ref Element, child: ref Element) -> own Element
client.[method]Node.add#Node (this: ref Node, child: ref Node)
client.[method]Node.add#Node? (this: ref Node, child: option<ref Node>)
client.[method]Node.add#fn (this: ref Node, make: option<func()>)
client.[method]Node.add#fn(Node?)->bool?,bool (this: ref Node, make: option<func(option<ref Node>) -> bool>, arg2: bool)
client.[method]Node.add#fn(s32)->bool?,bool (this: ref Node, make: option<func(s32) -> bool>, arg2: bool)
client.[method]Node.add#str (this: ref Node, text: str)
client.[method]Node.add#str? (this: ref Node, text: option<str>)
client.[method]Node.at#s8->f64 (this: ref Node, arg1: s8) -> f64
client.[method]Node.at#s8->s32 (this: ref Node, arg1: s8) -> s32
client.[method]Node.count (this: ref Node) -> u32
client.[method]Node.each (this: ref Node, visit: func(ref Node))
client.[method]Node.each_of (this: ref Node, visit: option<func(ref Node)>, other: func(ref Node), bare: option<func()>)
client.[method]Node.enums (this: ref Node, a: s8, b: u32, c: s32, d: u32, e: s8)
client.[method]Node.first (this: ref Node) -> option<own Element>
client.[method]Node.get (this: ref Node) -> s32
client.[method]Node.get_ (this: ref Node) -> s32
client.[method]Node.get_item (this: ref Node, index: s32) -> s32
client.[method]Node.later (this: ref Node) -> f64
client.[method]Node.name (this: ref Node) -> option<str>
client.[method]Node.objects (this: ref Node, a: ref Node, b: ref Node, c: ref Element)
client.[method]Node.pointers (this: ref Node, a: option<ref Node>, b: option<ref Node>, c: option<ref Element>)
client.[method]Node.on#fn (this: ref Node, listener: option<func(ref Node)>)
client.[method]Node.on#fn,s32 (this: ref Node, test: option<func(option<ref Node>, s32, f64) -> bool>, more: s32)
client.[method]Node.self (this: ref Node) -> own Node
client.[method]Node.set_both (this: ref Node, a: s32, b: s32)
client.[method]Node.set_checked (this: ref Node, size: s32) -> bool
client.[method]Node.take#bool,s8,s8,u8,s16 (this: ref Node, a: bool, b: s8, c: s8, d: u8, e: s16)
client.[method]Node.take#u16,s32,u32,s32,u32 (this: ref Node, f: u16, g: s32, h: u32, a: s32, b: u32)
client.[method]Node.take#s64,u64,f32,f64,char,s32 (this: ref Node, c: s64, d: u64, e: f32, f: f64, g: char, h: s32)
client.[method]Node.texts (this: ref Node, a: option<str>, b: option<str>, c: str, d: option<str>)
client.[method]Node.twice (this: ref Node, self: s32, a: s32)
client.[method]Node.types (this: ref Node, a: s8, b: u16, c: s64, d: u32, e: u32, f: s32, g: u8)
client.[method]Node.unnamed (this: ref Node, arg1: s32, arg2: ref Node)
client.[method]Node.view (this: ref Node) -> str
client.[method]Node.visit (this: ref Node, arg1: option<func(option<str>, str) -> option<ref Element>>)
client.[set]Node.size (this: ref Node, size: s32)
client.[static]Node.get_ready ()
client.[static]Node.make () -> own Node
client.free#f64 (a: f64) -> s32
client.free#s32 (a: s32) -> s32
client.pass (opaque: ref Opaque)
fast.[constructor]Socket (owner: ref Node) -> own Socket
fast.[method]Socket.send (this: ref Socket, what: ref Element, how: u32)
fast.deep.call (socket: option<ref Socket>)
fast.speed () -> f64
fast.version ()
"""


def interface(module: bytes, section_name: str) -> dict[str, str]:
    """What is said of the imports of a module."""
    entries = (entry for content in custom_contents(module, section_name) for entry in decode_interface(content))
    return {f"{entry.module}.{entry.name}": str(entry) for entry in entries if entry.kind == "import"}


@pytest.mark.parametrize("compiler", WITH_CXX_LIBRARY)
def test_every_declaration_is_an_import(compiler: str, tmp_path: Path) -> None:
    use = """
        EXTERNREF_EXPORT("use", f64, use) {
            client::pass(reinterpret_cast<client::Opaque &>(client::document.appendChild(client::body)));
            return client::maybe && client::title ? client::pi : client::ANSWER;
        }
        """
    files = {"guest/plug.cpp": DECLARATIONS + use}
    build(project(tmp_path, files, std="c++17", target=WASI, compiler=compiler))
    (linked,) = tmp_path.rglob("module.wasm")
    found = interface(linked.read_bytes(), GUEST_INTERFACE_SECTION)
    assert sorted(f"{name} {types}" for name, types in found.items()) == sorted(IMPORTS.split("\n")[1:-1])


NAMES = """
namespace client {
class A {
  public:
    enum Kind : signed char { first = -1 };
    typedef int Item;
    typedef void (*Visitor)(Item);
    typedef enum { full = -1 } State;
    Kind kind();
    Item item();
    void visit(Visitor visitor);
    State state(State state);
};
class B {
  public:
    enum Kind : long long { last = -1 };
    typedef double Item;
    typedef void (*Visitor)(Item);
    Kind kind();
    Item item();
    void visit(Visitor visitor);
};
class C : public B {
  public:
    Item other(A::Kind a, Kind b, A::Item c, Item d, A::Visitor e);
};
typedef enum { small, large } Size;
Size size(Size size);
extern C &c;
extern A &a;
}
EXTERNREF_EXPORT("use", void, use) {
    client::a.visit([](int) {});
    client::c.visit([](double) {});
    client::c.other(client::a.kind(), client::c.kind(), client::a.item(), client::c.item(), [](int) {});
    client::size(client::large);
    client::a.state(client::A::full);
}
"""


@pytest.mark.parametrize("compiler", COMPILERS)
def test_names_mean_what_they_mean_in_their_class(compiler: str, tmp_path: Path) -> None:
    files = {"guest/plug.cpp": f'#include "externref.hpp"\n{NAMES}'}
    module = build(project(tmp_path, files, std="c++17", compiler=compiler)).read_bytes()
    found = interface(module, INTERFACE_SECTION)
    assert sorted(f"{name} {types}" for name, types in found.items()) == [
        "client.[global]a () -> own A",
        "client.[global]c () -> own C",
        "client.[method]A.item (this: ref A) -> s32",
        "client.[method]A.kind (this: ref A) -> s8",
        "client.[method]A.state (this: ref A, state: s32) -> s32",
        "client.[method]A.visit (this: ref A, visitor: option<func(s32)>)",
        "client.[method]B.item (this: ref B) -> f64",
        "client.[method]B.kind (this: ref B) -> s64",
        "client.[method]B.visit (this: ref B, visitor: option<func(f64)>)",
        "client.[method]C.other (this: ref C, a: s8, b: s64, c: s32, d: f64, e: option<func(s32)>) -> f64",
        "client.size (size: u32) -> u32",
    ]


@pytest.mark.parametrize("member", ["Leaf(const Leaf &other);", "Leaf(const Leaf &) = delete;", "~Leaf();"])
def test_derived_objects_move_whatever_they_declare(member: str, tmp_path: Path) -> None:
    declarations = f"struct Base {{ }}; struct Leaf : Base {{ Leaf(int size); {member} }};"
    use = "static client::Leaf kept{1}; client::Leaf other{static_cast<client::Leaf &&>(kept)}; kept = client::Leaf{2};"
    source = f'#include "externref.hpp"\nnamespace client {{ {declarations} }}\n'
    source += f'EXTERNREF_EXPORT("use", void, use) {{ {use} }}\n'
    module = build(project(tmp_path, {"guest/plug.cpp": source}, std="c++17", cflags=STRICT)).read_bytes()
    assert [name.partition("#")[0] for name in interface(module, INTERFACE_SECTION)] == ["client.[constructor]Leaf"]


def test_what_is_declared_and_then_defined_stays_in_the_guest(tmp_path: Path) -> None:
    source = """
    #include "externref.hpp"
    namespace client {
    struct Node { int own(); int size(); int outside() const; };
    extern Node &node;
    int helper();
    int outside();
    int Node::own() { return size() + helper(); }
    int helper() { return 1; }
    }
    int client::Node::outside() const { return client::outside(); }
    int client::outside() { return 2; }
    EXTERNREF_EXPORT("use", s32, use) { return client::node.own() + client::node.outside(); }
    """
    module = build(project(tmp_path, {"guest/plug.cpp": source}, std="c++17", profile="dev")).read_bytes()
    assert sorted(interface(module, INTERFACE_SECTION)) == ["client.[global]node", "client.[method]Node.size"]


def test_what_nobody_uses_is_not_imported(tmp_path: Path) -> None:
    source = DECLARATIONS + 'EXTERNREF_EXPORT("use", f64, use) { return client::pi; }'
    path = build(project(tmp_path, {"guest/plug.cpp": source}, std="c++17", target=WASI))
    found = interface(path.read_bytes(), INTERFACE_SECTION)
    assert found == {"client.[global]pi": "() -> f64"}


def test_the_allocator_is_there_for_those_who_take_text(tmp_path: Path) -> None:
    exports = []
    for result in ("int", "const char *"):
        declarations = f"namespace client {{ struct Node {{ {result} get_name(); }}; extern Node &node; }}"
        use = 'EXTERNREF_EXPORT("use", void, use) { client::node.get_name(); }'
        source = f'#include "externref.hpp"\n{declarations}\n{use}\n'
        path = build(project(tmp_path / result[:3], {"guest/plug.cpp": source}, std="c++17"))
        exports.append({export.name for export in decode_module(path.read_bytes()).exports})
    assert [("cabi_realloc" in names) for names in exports] == [False, True]


def errors_of(folder: Path) -> list[str]:
    with pytest.raises(ExternrefBuildError) as caught:
        build(folder)
    errors = caught.value.errors if isinstance(caught.value, SeveralErrors) else [caught.value]
    return [f"{error.where} {error.summary}; {error.remedy}" for error in errors]


UNBOUND = {
    "template <class T> class Box { };": "Box is a template, which a host does not have; declare what the host has",
    "template <class T> void log(T value);": "log is a template",
    "struct A { template <class T> void f(T); };": "A::f is a template, which a host does not have; declare overloads",
    "struct A { }; void f(A a);": "f has a parameter a that cannot be bound; an object of A cannot be passed by value: "
    "write A & or A *",
    "struct A { A f(); };": "A::f has a result that cannot be bound; an object of A cannot be returned by value",
    "struct A { }; struct B { }; struct C : A, B { };": "C has 2 bases, and an object of a host has one; leave one",
    "struct A { }; struct B : virtual A { };": "B has a virtual base",
    "struct A { int flags : 3; };": "A::flags is a bit-field, and an object of a host has none; declare get_flags()",
    "struct A { int x; };": "A::x is a field, and an object of a host has none; declare get_x() and set_x(value)",
    "struct A { static int x; };": "A::x is a static variable, which a host class does not have; declare a function",
    "union A { void f(); };": "A is a union, which a host does not have; declare a class",
    "struct A { virtual void f(); };": "A::f is virtual, and an object of a host has no table of methods",
    "struct A { virtual ~A(); };": "A::~A is virtual",
    "struct A { bool operator==(const A &); };": "A::operator== is an operator, which a host does not have",
    "struct A { operator bool(); };": "A::operator bool is a conversion, which a host does not do",
    "struct A { A(const A &) = default; };": "A::A is a copy that knows nothing of the reference; leave it out",
    "struct A { ~A() { } };": "A::~A is a destructor that knows nothing of the reference; leave it out",
    "struct A { A(int); }; struct B : A { using A::A; };": "inherits constructors, which make objects of the base",
    "struct A { struct B { }; };": "A::B is a class in a class; declare it in the namespace",
    "struct A { void _f(); };": "A::_f begins with an underscore, which hosts keep for themselves",
    "typedef struct { void f(); } A;": "client has a class without a name; name it",
    "struct A { }; A &operator+(A &, A &);": "operator+ is an operator, which a host does not have",
    "struct _A { };": "_A begins with an underscore",
    "struct function { };": "function has a name that JavaScript reserves; name it otherwise",
    "void await(int a);": "await has a name that JavaScript reserves",
    "struct A { }; extern A &arguments;": "arguments has a name that JavaScript reserves",
    "void f(const char *format, ...);": "f takes any number of arguments, and an import a fixed one",
    "void f(char *buffer);": "characters to be written to cannot be passed to the host: write const char *",
    "void f(int *numbers);": "int * cannot be passed: numbers, enumerations, const char *, std::string_view",
    "namespace x { typedef int Y; Y f(); } namespace z { typedef double Y; }": "f has a result that cannot be bound; Y "
    "is a name of different types in several namespaces: name one of them otherwise",
    "void *f();": "f has a result that cannot be bound; void * cannot be returned",
    "void f(void (*g)(void (*)()));": "a callback takes numbers, text and objects, and returns numbers and objects",
    "void f(const char *(*g)());": "a callback takes numbers, text and objects, and returns numbers and objects",
    "namespace { int count; }": "count is a variable of the guest; declare it extern, or outside of namespace client",
    "extern double speed;": "speed could be written to, and a global of the host is read-only; declare it const",
    "struct A { }; extern A *first;": "first could be written to, and a global of the host is read-only",
    "extern const char *title;": "title could be written to",
    "extern const int numbers[3];": "numbers has a type that cannot be bound",
    'extern "C" { void f(); }': 'client holds declarations with the linkage of C; declare them without extern "C"',
}


@pytest.fixture(scope="module")
def unbound(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is said of all these declarations, each in a namespace and a line of its own."""
    lines = [f"namespace client::n{number} {{ {text} }}" for number, text in enumerate(UNBOUND)]
    files = {"guest/host.hpp": "\n".join(["#pragma once", *lines, ""]), "guest/plug.cpp": '#include "host.hpp"\n'}
    return errors_of(project(tmp_path_factory.mktemp("unbound"), files, std="c++17"))


@pytest.mark.parametrize(("declarations", "message"), UNBOUND.items(), ids=UNBOUND.keys())
def test_what_cannot_be_bound_is_a_diagnostic_at_its_line(declarations: str, message: str, unbound: list[str]) -> None:
    line = 2 + list(UNBOUND).index(declarations)
    (error,) = [error for error in unbound if error.startswith(f"guest/host.hpp:{line} client")]
    assert message in error


def test_all_that_cannot_be_bound_is_told_at_once(tmp_path: Path) -> None:
    source = "namespace client {\nstruct A {\n  int x;\n  virtual void f();\n};\nvoid g(A a);\n}\n"
    errors = errors_of(project(tmp_path, {"guest/plug.cpp": source}, std="c++17"))
    assert [error.partition(" ")[0] for error in errors] == [f"guest/plug.cpp:{line}" for line in (3, 4, 6)]


DISAGREEING = {
    "result": ("struct A { void f(); };", "struct A { int f(); };", "client::A has f, int (), unlike at guest/a.cpp:2"),
    "parameter": ("struct A { void f(int); };", "struct A { void f(A &); };", "client::A has f, void (A &), unlike at"),
    "member": ("struct A { void f(); };", "struct A { };", "client::A lacks f, void (), unlike at guest/a.cpp:2"),
    "base": (
        "struct B { }; struct A : B { };",
        "struct B { }; struct A { };",
        "client::A has no base, and derives from B at guest/a.cpp:2; declare it once",
    ),
    "module": ("struct A { };", "namespace n { struct A { }; }", "client::A is a class of n, and of client at"),
    "function": ("void f(int a);", "double f(int a);", "client::f is declared otherwise at guest/a.cpp:2"),
    "global": ("extern const int a;", "extern const double a;", "client::a is declared otherwise at guest/a.cpp:2"),
}


@pytest.mark.parametrize(("one", "other", "message"), DISAGREEING.values(), ids=DISAGREEING.keys())
def test_declarations_that_disagree(one: str, other: str, message: str, tmp_path: Path) -> None:
    files = {f"guest/{name}.cpp": f"namespace client {{\n{text}\n}}\n" for name, text in (("a", one), ("b", other))}
    errors = errors_of(project(tmp_path, files, std="c++17"))
    assert errors[0].startswith("guest/b.cpp:2")
    assert message in errors[0]


HEADER = """
    #include "externref.hpp"
    namespace client {
    struct Node { Node(); Node &next(); Node *find(); };
    struct Element : Node { };
    extern Node &document;
    extern Node body;
    extern const double pi;
    }
    """
MISUSED = {
    "a write to a global": "client::pi = 3;",
    "an assignment to a global object": "client::body = client::document;",
    "an assignment to a global reference": "client::document = client::body;",
    "a copy": "client::Node copy(client::document);",
    "a copy of a result": "auto copy = client::document.next();",
    "null for a reference": "client::Node &node = nullptr;",
    "a pointer for a reference": "client::Node &node = client::document.find();",
    "a class without a constructor": "client::Element element;",
    "an object of the base": "client::Element &element = client::document;",
    "a reference to another class": "externref::ref<client::Element> element(client::document);",
}


def test_misuse_does_not_compile(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    functions = [f"void use{number}() {{ {statement} }}" for number, statement in enumerate(MISUSED.values())]
    source = "\n".join(['#include "host.hpp"', *functions, ""])
    flags = ["-ferror-limit=0"]
    project(tmp_path, {"guest/host.hpp": HEADER, "guest/plug.cpp": source}, std="c++17", cflags=flags)
    with pytest.raises(GuestBuildError, match=r"could not compile plug\.cpp"):
        build(tmp_path)
    lines = {int(line) for line in re.findall(r"guest/plug\.cpp:(\d+):\d+: ", capfd.readouterr().err)}
    assert [name for line, name in enumerate(MISUSED, 2) if line not in lines] == []


def test_the_members_that_hold_references_show_no_warnings(tmp_path: Path) -> None:
    flags = [*STRICT, "-Wshadow", "-Wold-style-cast", "-Wextra-semi", "-Wsign-conversion", "-Wuseless-cast"]
    use = """
        using client::Node;
        EXTERNREF_EXPORT("use", void, use, (ref(client::Node), node)) { externref::ref<Node> kept(node->next()); }
        """
    files = {"guest/host.hpp": HEADER, "guest/plug.cpp": f'#include "host.hpp"\n{use}'}
    for compiler in COMPILERS:
        flags = [flag for flag in flags if flag != "-Wuseless-cast"]
        build(project(tmp_path / compiler, files, std="c++17", compiler=compiler, target=FREESTANDING, cflags=flags))


def test_the_documented_example(tmp_path: Path) -> None:
    page = Path(__file__).parents[1] / "docs" / "client-classes.md"
    example = page.read_text(encoding="utf-8").partition("```cpp\n")[2].partition("```")[0]
    path = build(project(tmp_path, {"guest/plug.cpp": example}, std="c++17", cflags=list(STRICT)))
    assert set(interface(path.read_bytes(), INTERFACE_SECTION)) == {
        "client.[constructor]Mesh",
        "client.[get]Object3D.position",
        "client.[get]Vector3.x",
        "client.[global]scene",
        "client.[method]Object3D.add",
        "client.[set]Vector3.x",
    }


def test_lines_stay_what_they_are(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines = [
        "namespace client {",
        "struct Node {",
        "    Node &next();",
        "};",
        "struct Element { void f(); };",
        "}",
        "#line 100",
        "namespace client { struct Late { void g(); }; }",
        "int use(client::Late &late) { return late.missing(); }",
    ]
    project(tmp_path, {"guest/plug.cpp": "\n".join([*lines, ""])}, std="c++17")
    with pytest.raises(GuestBuildError):
        build(tmp_path)
    shown = capfd.readouterr().err
    assert "guest/plug.cpp:101:" in shown
    assert "externref" not in shown, "the members that hold references are nobody's business"

    (tmp_path / "guest/plug.cpp").write_text("\n".join([*lines[:6], lines[8], ""]))
    with pytest.raises(GuestBuildError):
        build(tmp_path)
    assert "guest/plug.cpp:7:" in capfd.readouterr().err


@pytest.mark.parametrize("declarations", ["struct A { void f(); }; struct A { void g(); };", "extern Unknown &x;"])
def test_faults_in_c_are_the_compiler_s_to_tell(
    declarations: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, {"guest/plug.cpp": f"namespace client {{\n{declarations}\n}}\n"}, std="c++17")
    with pytest.raises(GuestBuildError, match=r"could not compile plug\.cpp"):
        build(tmp_path)
    assert "guest/plug.cpp:2:" in capfd.readouterr().err
