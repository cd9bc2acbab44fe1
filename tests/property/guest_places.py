"""The state of a body while it is written: its text, and what locals and cells of memory hold."""

from __future__ import annotations

from guest_model import SLOT_COUNT, Choices, Chooser, Func, Kind, Program, State, spell, val_type


class Places(Chooser):
    """Writes instructions, and knows what each place holds behind them."""

    def __init__(self, choices: Choices, program: Program, func: Func, size: int) -> None:
        super().__init__(choices)
        self.program = program
        self.func = func
        self.fuel = size
        self.lines: list[str] = []
        self.counters: list[str] = []
        self.names = 0
        self.frozen: frozenset[int] = frozenset()
        """Places that must stay as they are, since a handler relies on them."""
        self.places: list[str] = []
        self.states: list[State] = []
        for position, kind in enumerate(func.signature.params):
            if kind != "i64":
                self.places.append(f"p{position}")
                self.states.append("ref" if kind == "ref" else "number")
        self.first_local = len(self.places)
        self.places += [f"l{number}" for number in range(1 + self.below(4))]
        self.places += [f"m{number}" for number in range(0 if program.is_plain else self.below(3))]
        # Locals start as 0, memory as another call left it.
        self.states += ["either" if name[0] == "m" else "number" for name in self.places[self.first_local :]]

    # Text

    def emit(self, *lines: str) -> None:
        self.lines += lines

    def text(self) -> str:
        signature = self.func.signature
        params = [f"(param $p{number} {val_type(kind)})" for number, kind in enumerate(signature.params)]
        head = [f"(func ${self.func.name}", *params, spell((), signature.results)]
        locals_ = [place for place in self.places[self.first_local :] if place[0] == "l"]
        declared = [f"(local ${name} i32)" for name in [*locals_, *self.counters, "frame", "moved"]]
        return "\n".join([" ".join(head), *declared, "call $enter local.set $frame", *self.lines, ")"])

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"${prefix}{self.names}"

    # Places

    def load(self, place: int) -> None:
        name = self.places[place]
        if name[0] == "m":
            self.emit("local.get $frame", f"i32.load offset={4 * int(name[1:])}")
        else:
            self.emit(f"local.get ${name}")

    def store(self, place: int, state: State) -> None:
        """Pop the topmost operand into a place."""
        name = self.places[place]
        if name[0] == "m":
            self.emit(
                "local.set $moved", "local.get $frame", "local.get $moved", f"i32.store offset={4 * int(name[1:])}"
            )
        else:
            self.emit(f"local.set ${name}")
        self.states[place] = state

    def holding(self, state: State) -> list[int]:
        return [place for place, found in enumerate(self.states) if found == state]

    def writable(self) -> list[int]:
        """Places that may be overwritten without losing a reference."""
        return [place for place, found in enumerate(self.states) if found != "ref" and place not in self.frozen]

    def movable(self) -> list[int]:
        return [place for place in self.holding("ref") if place not in self.frozen]

    def take(self, place: int) -> None:
        """Push the reference that a place holds, which holds it no longer."""
        self.load(place)
        self.states[place] = "either"

    # References from and to nowhere

    def simple_ref(self) -> None:
        if "get" in self.program.surrogates and self.below(3):
            self.emit(f"i32.const {self.below(SLOT_COUNT + 1) - 1}", self.surrogate("get"))
        else:
            self.emit("call $make")

    def simple_eat(self) -> None:
        if "insert" in self.program.surrogates and self.chance(1, 3):
            self.emit(self.surrogate("insert"))
            self.emit(self.surrogate("drop") if "drop" in self.program.surrogates else "drop")
        elif self.chance(1, 12):
            self.emit("drop")
        else:
            self.emit("call $eat")

    def surrogate(self, name: str) -> str:
        return f"call ${self.pick(self.program.surrogates[name])}"

    def conform(self, states: tuple[State, ...]) -> None:
        """Let every place hold what it has to."""
        for place, wanted in enumerate(states):
            found = self.states[place]
            if found == wanted or (found == "number" and wanted == "either"):
                continue
            if found == "ref":
                self.take(place)
                self.simple_eat()
            if wanted == "ref":
                self.simple_ref()
                self.store(place, "ref")
            elif wanted == "number":
                self.emit(f"i32.const {self.below(3)}")
                self.store(place, "number")
        self.states = list(states)

    def can_conform(self, states: tuple[State, ...]) -> bool:
        return all(self.states[place] == states[place] for place in self.frozen)

    def consume(self, kind: Kind) -> None:
        """Pop the topmost operand."""
        places = self.writable()
        if kind == "i64":
            self.emit("call $log64")
        elif places and self.chance(1, 2):
            self.store(self.pick(places), "ref" if kind == "ref" else "number")
        elif kind == "ref":
            self.simple_eat()
        else:
            self.emit("call $log")

    def consume_all(self, kinds: tuple[Kind, ...]) -> None:
        for kind in reversed(kinds):
            self.consume(kind)
