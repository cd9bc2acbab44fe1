"""Random function bodies: expressions, structured control, statements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from guest_model import FRAME, SLOT_COUNT, Choices, Func, Kind, Program, Signature, State, spell, type_name, val_type
from guest_places import Places


@dataclass(frozen=True, slots=True)
class Label:
    name: str
    kinds: tuple[Kind, ...]
    """What a branch carries."""
    states: tuple[State, ...]
    """What the places have to hold behind a branch."""
    counter: str | None = None
    """The local that bounds how often a loop is entered again."""


class Body(Places):
    """Writes the body of one function."""

    def __init__(self, choices: Choices, program: Program, func: Func, size: int) -> None:
        super().__init__(choices, program, func, size)
        self.labels: list[Label] = []

    # Expressions

    def expr(self, kind: Kind, depth: int) -> None:
        """Push one value."""
        self.fuel -= 1
        if kind == "ref":
            self.ref_expr(depth)
        elif kind == "i64":
            self.emit(f"i64.const {self.below(5)}")
            if depth and self.chance(1, 3):
                self.expr("i32", depth - 1)
                self.emit("i64.extend_i32_u", "i64.add")
        else:
            self.number_expr(depth)

    def exprs(self, kinds: tuple[Kind, ...], depth: int) -> None:
        for kind in kinds:
            self.expr(kind, depth)

    def ref_expr(self, depth: int) -> None:
        simple: list[Callable[[], object]] = [self.simple_ref]
        if self.movable():
            simple += [lambda: self.take(self.pick(self.movable()))] * 3
        if not depth or self.fuel < 0:
            self.pick(simple)()
            return
        options: list[Callable[[], object]] = [
            *simple,
            lambda: self.fetch(depth),
            lambda: self.call_for("ref", depth),
            lambda: self.any_block("ref", depth),
            lambda: self.any_block("ref", depth),
            lambda: self.select("ref", depth),
            lambda: self.tee(depth),
        ]
        if not self.program.is_plain:
            options += [lambda: self.scramble(depth), lambda: self.through_global(depth)]
            options += [lambda: self.emit("i32.const -1")]
        self.pick(options)()

    def number_expr(self, depth: int) -> None:
        simple: list[Callable[[], object]] = [lambda: self.emit(f"i32.const {self.below(SLOT_COUNT)}")]
        if self.holding("number"):
            simple += [lambda: self.load(self.pick(self.holding("number")))] * 2
        if not depth or self.fuel < 0:
            self.pick(simple)()
            return
        options: list[Callable[[], object]] = [
            *simple,
            lambda: self.arithmetic(depth),
            lambda: self.call_for("i32", depth),
            lambda: self.any_block("i32", depth),
            lambda: self.select("i32", depth),
        ]
        if "insert" in self.program.surrogates:
            options += [lambda: self.insert(depth)] * 2
        self.pick(options)()

    def insert(self, depth: int) -> None:
        self.expr("ref", depth - 1)
        self.emit(self.surrogate("insert"))

    def fetch(self, depth: int) -> None:
        """Take a reference out of a slot that was calculated."""
        names = [name for name in ("get", "take") if name in self.program.surrogates]
        if not names:
            return self.simple_ref()
        self.expr("i32", depth - 1)
        if self.below(8):
            self.emit(f"i32.const {SLOT_COUNT - 1}", "i32.and")
        self.emit(self.surrogate(self.pick(names)))
        return None

    def arithmetic(self, depth: int) -> None:
        self.expr("i32", depth - 1)
        self.expr("i32", depth - 1)
        self.emit(self.pick(["i32.add", "i32.sub", "i32.eq", "i32.lt_u", "i32.xor"]))
        if self.chance(1, 20):
            self.expr("i32", 0)
            self.emit("i32.div_u")

    def select(self, kind: Kind, depth: int) -> None:
        self.expr(kind, depth - 1)
        self.expr(kind, depth - 1)
        self.expr("i32", 0)
        self.emit(self.pick(["select", "select (result i32)"]))

    def tee(self, depth: int) -> None:
        """Leave a copy in a local, which counts as consumed with the original."""
        places = [place for place in self.writable() if self.places[place][0] != "m"]
        self.expr("ref", depth - 1)
        if places:
            place = self.pick(places)
            if place in self.writable():
                self.emit(f"local.tee ${self.places[place]}")
                self.states[place] = "either"

    def scramble(self, depth: int) -> None:
        """Calculate with the number that stands for a reference."""
        self.expr("ref", depth - 1)
        key = 1 + self.below(1000)
        self.emit(*[f"i32.const {key}", "i32.xor"] * 2)

    def through_global(self, depth: int) -> None:
        self.expr("ref", depth - 1)
        self.emit("global.set $parked")
        if self.chance(1, 2):
            self.emit("i32.const 1", "drop")
        self.emit("global.get $parked")

    def call_for(self, kind: Kind, depth: int) -> None:
        """Call something whose first result is of a kind."""
        found = [(name, sig) for name, sig in self.program.callables(self.func) if sig.results[:1] == (kind,)]
        if not found:
            return self.expr(kind, 0)
        name, signature = self.pick(found)
        self.call(name, signature, depth)
        self.consume_all(signature.results[1:])
        return None

    def call(self, name: str, signature: Signature, depth: int) -> None:
        """Call a function, through the table if it is there, and leave the results."""
        self.exprs(signature.params, depth - 1)
        slots = [slot for slot, (other, _) in enumerate(self.program.elements) if other == name]
        if slots and self.chance(1, 2):
            self.emit(f"i32.const {self.pick(slots)}")
            self.emit(f"call_indirect $funcs {spell(signature.params, signature.results)}")
        elif slots and self.chance(1, 3):
            self.emit(f"ref.func ${name}", f"call_ref ${type_name(signature)}")
        else:
            self.emit(f"call ${name}")

    # Blocks

    def any_block(self, kind: Kind, depth: int) -> None:
        """Push a value out of some structured instruction."""
        opener = self.pick([self.block, self.block, self.if_, self.loop, self.try_table])
        extra: tuple[Kind, ...] = (self.pick(["ref", "i32", "i64"]),) if self.chance(1, 4) else ()
        opener((kind, *extra), depth)
        self.consume_all(extra)

    def block_params(self, depth: int) -> tuple[Kind, ...]:
        params: tuple[Kind, ...] = (self.pick(["ref", "i32", "i64"]),) if self.chance(1, 4) else ()
        self.exprs(params, max(depth - 1, 0))
        return params

    def exit_states(self) -> tuple[State, ...]:
        """Choose what the places are to hold behind a block: mostly what they do before it."""
        states = list(self.states)
        for place, found in enumerate(states):
            if place not in self.frozen and self.chance(1, 6):
                states[place] = self.pick(["either", "number", "ref"] if found != "number" else ["either", "ref"])
        return tuple(states)

    def block(self, results: tuple[Kind, ...], depth: int) -> None:
        params = self.block_params(depth)
        label = Label(self.name("b"), results, self.exit_states())
        self.emit(f"block {label.name} {spell(params, results)}")
        self.labels.append(label)
        self.consume_all(params)
        self.statements(depth - 1)
        self.finish(label, depth)
        self.labels.pop()
        self.emit("end")
        self.states = list(label.states)

    def if_(self, results: tuple[Kind, ...], depth: int) -> None:
        params = self.block_params(depth)
        self.expr("i32", min(depth - 1, 1))
        has_else = params != results or self.chance(2, 3)
        entry = list(self.states)
        label = Label(self.name("i"), results, self.exit_states() if has_else else tuple(entry))
        self.emit(f"if {label.name} {spell(params, results)}")
        self.labels.append(label)
        for arm in range(1 + has_else):
            if arm:
                self.emit("else")
                self.states = list(entry)
            self.consume_all(params)
            self.statements(depth - 1)
            self.finish(label, depth)
        self.labels.pop()
        self.emit("end")
        self.states = list(label.states)

    def loop(self, results: tuple[Kind, ...], depth: int) -> None:
        counter = f"c{len(self.counters)}"
        self.counters.append(counter)
        self.emit(f"i32.const {1 + self.below(3)}", f"local.set ${counter}")
        params = self.block_params(depth)
        states = tuple(
            "either" if found == "number" and place not in self.frozen and self.chance(1, 4) else found
            for place, found in enumerate(self.states)
        )
        self.states = list(states)
        label = Label(self.name("o"), params, states, counter)
        self.emit(f"loop {label.name} {spell(params, results)}")
        self.labels.append(label)
        self.consume_all(params)
        self.statements(depth - 1)
        self.exprs(params, depth - 1)
        self.branch_if(label)
        self.consume_all(params)
        self.exprs(results, depth - 1)
        self.labels.pop()
        self.emit("end")

    def try_table(self, results: tuple[Kind, ...], depth: int) -> None:
        """Run statements whose exceptions are caught; what they may change is unknown to the handler."""
        out = Label(self.name("b"), results, self.exit_states())
        before = self.frozen
        frozen = before | {place for place in range(len(self.places)) if self.states[place] == "ref" or self.below(2)}
        caught = tuple(found if place in frozen else "either" for place, found in enumerate(self.states))
        tag = self.pick([None, *self.program.tags])
        kinds = self.program.tags[tag] if tag else ()
        handler = Label(self.name("h"), kinds, caught)
        clause = f"(catch ${tag} {handler.name})" if tag else f"(catch_all {handler.name})"
        self.emit(f"block {out.name} {spell((), results)}", f"block {handler.name} {spell((), kinds)}")
        self.labels += [out, handler]
        self.frozen = frozen
        body = Label(self.name("t"), results, tuple(self.states))
        self.emit(f"try_table {body.name} {spell((), results)} {clause}")
        self.labels.append(body)
        self.statements(depth - 1)
        self.finish(body, depth)
        self.labels.pop()
        self.emit("end")
        self.frozen = before
        self.states = list(body.states)
        self.conform(out.states)
        self.emit(f"br {out.name}", "end")
        self.labels.pop()
        self.states = list(caught)
        self.consume_all(kinds)
        self.statements(0)
        self.finish(out, depth)
        self.labels.pop()
        self.emit("end")
        self.states = list(out.states)

    def finish(self, label: Label, depth: int) -> None:
        """End a block: fall out of it, or branch away and leave code behind that is never reached."""
        if self.fuel > 0 and self.chance(1, 4):
            self.leave(depth)
            self.dead_code(label.kinds)
        else:
            self.exprs(label.kinds, max(depth - 1, 0))
            self.conform(label.states)

    def leave(self, depth: int) -> None:
        """Branch away for good."""
        options: list[Callable[[], object]] = [lambda: self.return_(depth), lambda: self.emit("unreachable")]
        targets = [label for label in self.labels if label.counter is None and self.can_conform(label.states)]
        if targets:
            options += [lambda: self.br(self.pick(targets), depth), lambda: self.br_table(targets, depth)] * 3
        tags = [tag for tag, kinds in self.program.tags.items() if "ref" not in kinds or not self.program.is_plain]
        if tags:
            options.append(lambda: self.throw(self.pick(tags), depth))
        options.append(lambda: self.return_call(depth))
        self.pick(options)()

    def br(self, label: Label, depth: int) -> None:
        self.exprs(label.kinds, max(depth - 1, 0))
        self.conform(label.states)
        self.emit(f"br {label.name}")

    def br_table(self, targets: list[Label], depth: int) -> None:
        first = self.pick(targets)
        self.exprs(first.kinds, max(depth - 1, 0))
        self.conform(first.states)
        alike = [label.name for label in targets if (label.kinds, label.states) == (first.kinds, first.states)]
        self.expr("i32", 0)
        self.emit(f"br_table {' '.join(self.pick(alike) for _ in range(self.below(4)))} {first.name}")

    def throw(self, tag: str, depth: int) -> None:
        self.exprs(self.program.tags[tag], max(depth - 1, 0))
        self.emit(f"throw ${tag}")

    def return_(self, depth: int) -> None:
        self.exprs(self.func.signature.results, max(depth - 1, 0))
        self.emit("return")

    def return_call(self, depth: int) -> None:
        wanted = self.func.signature.results
        found = [(name, sig) for name, sig in self.program.callables(self.func) if sig.results == wanted]
        if not found:
            return self.return_(depth)
        name, signature = self.pick(found)
        self.exprs(signature.params, max(depth - 1, 0))
        slots = [slot for slot, (other, _) in enumerate(self.program.elements) if other == name]
        if slots and self.chance(1, 2):
            self.emit(f"i32.const {self.pick(slots)}")
            self.emit(f"return_call_indirect $funcs {spell(signature.params, signature.results)}")
        else:
            self.emit(f"return_call ${name}")
        return None

    def dead_code(self, kinds: tuple[Kind, ...]) -> None:
        """Write what validates but never runs, and that mixes numbers with references."""
        options = [
            [f"local.get ${self.places[0]}" if self.places[0][0] != "m" else "i32.const 0", "drop"],
            ["i32.add", "drop"],
            ["call $eat"],
            ["i32.const 7", "call $eat"],
            ["block (result i32)", "i32.const 1", "end", f"local.set ${self.places[0]}"],
            ["block", "br 0", "call $eat", "end"],
            ["loop", "br 0", "end"],
            ["select", "call $log"],
            ["unreachable"],
        ]
        for _ in range(self.below(3)):
            self.emit(*self.pick(options))
        if self.chance(1, 2):
            self.emit(*(f"{val_type(kind)}.const 5" for kind in kinds))

    # Statements

    def statements(self, depth: int) -> None:
        for _ in range(self.below(4) if depth >= 0 else 0):
            if self.fuel > 0:
                self.statement(max(depth, 0))

    def statement(self, depth: int) -> None:
        self.fuel -= 2
        options: list[Callable[[], object]] = [
            lambda: self.assign(depth),
            lambda: self.assign(depth),
            lambda: self.branch_away(depth),
        ]
        options += [lambda: self.call_any(depth)] * 3
        if "drop" in self.program.surrogates:
            options += [lambda: self.drop_slot(depth)] * 2
        if "guard" in self.program.surrogates:
            options.append(lambda: self.emit(self.surrogate("guard")))
        spilled = self.holding("ref") if self.program.is_plain else self.holding("ref") + self.holding("either")
        if spilled:
            options.append(lambda: self.spill(self.pick(spilled)))
        if depth:
            opener = [self.block, self.if_, self.loop, self.try_table]
            options += [lambda: self.pick(opener)((), depth)] * 4
        self.pick(options)()

    def assign(self, depth: int) -> None:
        kinds: list[Kind] = ["ref", "i32"]
        kind = self.pick(kinds)
        self.expr(kind, depth)
        self.consume(kind)

    def call_any(self, depth: int) -> None:
        name, signature = self.pick(self.program.callables(self.func))
        self.call(name, signature, depth + 1)
        self.consume_all(signature.results)

    def drop_slot(self, depth: int) -> None:
        self.expr("i32", depth)
        if self.below(8):
            self.emit(f"i32.const {SLOT_COUNT - 1}", "i32.and")
        self.emit(self.surrogate("drop"))

    def spill(self, place: int) -> None:
        """Store a copy where only a debugger reads it."""
        self.emit("local.get $frame")
        self.load(place)
        self.emit(f"i32.store offset={FRAME - 8}")

    def branch_if(self, label: Label) -> None:
        """Branch on a condition; what the branch carries is on the stack and stays there."""
        self.conform(label.states)
        if label.counter is None:
            self.expr("i32", 0)
        else:
            self.emit(f"local.get ${label.counter}", "i32.const 1", "i32.sub", f"local.tee ${label.counter}")
            self.emit("i32.const 0", "i32.gt_s")
        self.emit(f"br_if {label.name}")

    def branch_away(self, depth: int) -> None:
        labels = [label for label in self.labels if self.can_conform(label.states)]
        if not labels:
            return
        label = self.pick(labels)
        self.exprs(label.kinds, max(depth - 1, 0))
        self.branch_if(label)
        self.consume_all(label.kinds)
