"""What the host does with the guests in tests/guests: their interface, and calls with what each has to bring about."""

from __future__ import annotations

from guest_host import Api, Host, HostFunction, Thing

# The calls that all guests share


def _send(host: Host, sender: Thing, text: str) -> Thing:
    host.state["last text"] = text
    return host.thing("message")


def _call_back(host: Host, message: Thing) -> Thing | None:
    inner = host.call("pass", host.thing("inner"))
    assert host.call("choose", message, inner, 1) is inner
    return inner if host.state.get("answer", True) else None


_SHARED_IMPORTS: dict[tuple[str, str], tuple[str, HostFunction]] = {
    ("host", "send"): ("rs:r", _send),
    ("host", "length"): ("r:i", lambda host, message: len(message.label) if message else 3),
    ("host", "last_sender"): (":r", lambda host: host.state.get("last sender")),
    ("host", "consume"): ("rI:d", lambda host, message, tag: tag + 0.5),
    ("host", "consume_optional"): ("r:", lambda host, message: None),
    ("host", "amend"): ("rf:", lambda host, message, by: None),
    ("host", "amend_optional"): ("r:i", lambda host, message: 0 if message is None else 2),
    ("host", "both"): ("rrr:I", lambda host, left, right, third: -1 if right is None else 1 << 40),
    ("host", "call-back"): ("r:r", _call_back),
}

SHARED = Api(
    imports=_SHARED_IMPORTS,
    exports={
        "broadcast": "ri:r",
        "inspect": "rr:i",
        "pass": "r:r",
        "choose": "rri:r",
        "keep": "r:i",
        "look_at_kept": "i:i",
        "give_back": "i:r",
        "forget_kept": ":r",
        "mixed": "Irfrdr:d",
        "nested": "r:r",
        "combine": "ri:I",
        "churn": "ri:i",
        "fail": "ri:r",
    },
)


def shared_calls(host: Host) -> None:
    """Make the calls that all guests share."""
    sender = host.thing("sender")
    assert host.call("broadcast", sender, 0) is None
    assert host.call("broadcast", sender, 3) is host.things["message#3"]
    assert host.state["last text"] == "third, which is longer"
    one, other = host.thing("one"), host.thing("other")
    assert host.call("inspect", sender, one) == 5 + 100 * 9 + 10_000 * 3
    assert host.call("inspect", sender, None) == 3 + 100 * 9 + 10_000 * 3
    assert host.call("pass", one) is one
    for first, second, which, chosen in (
        (one, other, 0, one),
        (one, other, 1, other),
        (one, one, 1, one),
        (None, other, 2, other),
        (one, None, 2, one),
        (None, other, 0, None),
        (None, None, 2, None),
        (one, other, 3, None),
    ):
        assert host.call("choose", first, second, which) is chosen
    assert [host.call("keep", one), host.call("keep", other), host.call("keep", one)] == [0, 1, 2]
    assert [host.call("look_at_kept", index) for index in (1, 7)] == [7, 3]
    assert [host.call("give_back", index) for index in (0, 0, 9)] == [one, None, None]
    assert host.held() == ["one#1", "other#1"]
    assert host.call("forget_kept") is None
    host.state["last sender"] = sender
    assert host.call("forget_kept") is sender
    assert host.call("mixed", 2**40, one, 0.25, sender, 2.0, other) == 2.0 * (2**40 + 2.5)
    assert host.call("mixed", -1, one, -0.5, sender, 0.5, None) == 0.5 * -0.5
    assert host.call("nested", one) is host.things["inner#1"]
    host.state["answer"] = False
    assert host.call("nested", one) is None
    assert [host.call("combine", sender, 1), host.call("combine", sender, 0)] == [1 << 40, -1]
    assert host.call("churn", sender, 40) > 0
    assert host.held() == []
    assert host.call("fail", one, 0) is None
    host.call_trapping("fail", one, 5)
    assert host.call("pass", other) is other


# What only the crate `externref` 0.3 offers

COPYING = Api(
    imports={
        **_SHARED_IMPORTS,
        ("host", "lend"): ("ri:r", lambda host, sender, number: host.thing(f"lent {number}")),
        ("host", "look_behind"): ("a:i", lambda host, message: len(message.label)),
        ("host", "look_at"): ("n:i", lambda host, message: len(message.label)),
        ("host", "any"): (":r", lambda host: host.state.get("any")),
    },
    exports={
        **SHARED.exports,
        "copied": "r:i",
        "compared": "ri:i",
        "cast_both_ways": "r:r",
        "measure": "r:i",
        "measure_again": "ri:i",
        "returned": "r:r",
    },
)


def copying_calls(host: Host) -> None:
    """Make the calls of the guest ``peer03``: the shared ones, and those that need its version."""
    shared_calls(host)
    sender = host.thing("sender")
    assert host.call("compared", sender, 5) == 5
    assert host.call("cast_both_ways", sender) is sender
    host.state["any"] = host.thing("anything")
    assert host.call("cast_both_ways", sender) is host.state["any"]
    assert [host.call("measure", thing) for thing in (sender, None)] == [len(sender.label), 3]
    assert [host.call("measure_again", thing, 100) for thing in (sender, None)] == [100 + len(sender.label), 103]
    assert host.call("returned", sender) is sender
    host.call_trapping("returned", None)
    held = host.held()
    assert host.call("copied", sender) == 2_08_10_08_08
    assert len(host.held()) == len(held) + 3
    assert {"lent 1#1", "lent 2#1"} <= set(host.held())


# What only externref-guest offers


def _assemble(host: Host, *arguments: object) -> Thing | None:
    return None if arguments[2] is None else host.thing("assembly")


def _child(host: Host, task: Thing, index: int) -> Thing | None:
    """Give each task fewer children than its parent had."""
    label = task.label.split("#")[0]
    depth = label.count("-")
    return host.thing(f"{label}-{index}") if index < 3 - depth else None


_BROAD_IMPORTS: dict[tuple[str, str], tuple[str, HostFunction]] = {
    ("kinds", "make"): ("i:r", lambda host, number: host.thing(f"part {number}")),
    ("kinds", "number_of"): ("r:i", lambda host, part: len(part.label) if part else 1000),
    ("kinds", "turn"): ("rf:d", lambda host, part, angle: angle * 2 if part else -1.0),
    ("kinds", "assemble"): ("rdrIrrri:r", _assemble),
    ("kinds", "look"): ("r:i", lambda host, part: len(part.label)),
    ("kinds", "current"): (":r", lambda host: host.state.get("current")),
    ("kinds", "kind_of"): ("r:i", lambda host, thing: 1 if thing.label.startswith("part") else 2),
    ("kinds", "discard"): ("r:", lambda host, thing: None),
    ("tasks", "start"): ("ri:i", lambda host, task, priority: priority + 1),
    ("tasks", "stop"): ("ri:i", lambda host, task, priority: 100 * (priority + 1)),
    ("tasks", "child"): ("ri:r", _child),
    ("tasks", "finish"): ("r:", lambda host, task: None),
    ("library", "borrow_book"): ("i:r", lambda host, number: host.thing(f"book {number}") if number % 3 else None),
    ("library", "return_book"): ("rf:", lambda host, book, late: None),
    ("library", "pages"): ("r:I", lambda host, book: 292 + len(book.label)),
    ("library", "read"): ("rI:I", lambda host, book, pages: pages + 1),
    ('odd names: é "x"', "[method]thing.do it"): ("r:i", lambda host, thing: 41),
    ('odd names: é "x"', "plain"): ("i:i", lambda host, number: number + 1),
}

BROAD = Api(
    imports=_SHARED_IMPORTS | _BROAD_IMPORTS,
    exports={
        **SHARED.exports,
        "assemble-parts": "drIrrfrr:r",
        "stock": "ii:i",
        "take_from_stock": "i:r",
        "copies": "r:i",
        "cast": "ri:r",
        "same": "rr:i",
        "lent_back": "rr:r",
        "ignore": "rir:i",
        "run_tree": "r:i",
        "through_pointer": "ri:i",
        "through_export": "ri:r",
        "descend": "ri:r",
        "finish_all": "rr:i",
        "visit": "ii:r",
        "do it: ü": "r:i",
        "wide": "rrrrrrrri:r",
    },
)


def broad_calls(host: Host) -> None:
    """Make the calls of the guest ``broad``: the shared ones, and those that need externref-guest."""
    shared_calls(host)
    _kinds(host)
    _tasks(host)
    _others(host)


def _kinds(host: Host) -> None:
    base, bolt, nut, lid, spare = (host.thing(f"part {name}") for name in ("base", "bolt", "nut", "lid", "spare"))
    assert host.call("assemble-parts", 1.5, base, 7, bolt, nut, 0.5, lid, spare) is host.things["assembly#1"]
    assert host.call("assemble-parts", 1.5, base, -7, None, None, 0.5, lid, None) is None
    assert host.call("assemble-parts", 0.0, base, 2**50, base, base, 1.0, base, base) is host.things["assembly#2"]
    assert host.call("stock", 0, 300) > 0
    assert host.call("take_from_stock", 150) is host.things["part 150#1"]
    assert host.call("take_from_stock", 150) is None
    assert host.call("stock", 100, 160) > 0
    assert sum(label.startswith("part") for label in host.held()) == 300
    assert host.call("copies", base) == 3 * len(base.label)
    host.state["current"] = bolt
    assert host.call("copies", base) == 3 * len(base.label) + 2 * len(bolt.label)
    assert host.call("cast", base, 1) is base
    assert host.call("cast", host.thing("stranger"), 1) is None
    assert host.call("same", base, bolt) == 0
    assert host.call("same", base, base) == 0
    assert host.call("lent_back", base, bolt) is base
    assert host.call("ignore", base, 7, None) == 8


def _tasks(host: Host) -> None:
    root = host.thing("task")
    assert host.call("run_tree", root) > 0
    assert [host.call("through_pointer", root, which) for which in (0, 1)] == [8, 800]
    host.call_trapping("through_pointer", root, 2)
    assert host.call("through_export", root, 1).label.startswith("task-0-0-0#")
    assert host.call("descend", root, 2).label.startswith("task-2#")
    assert host.call("finish_all", root, host.thing("task")) == 2
    assert host.call("finish_all", root, None) == 1


def _others(host: Host) -> None:
    assert host.call("visit", 1, 12).label.startswith("book 10#")
    assert host.call("visit", 1, 3) is None
    assert host.call("do it: ü", host.thing("odd")) == 42
    eight = [host.thing("item") for _ in range(8)]
    assert host.call("wide", *eight, 3) is eight[3]
    assert host.call("wide", *eight, 8) is None
