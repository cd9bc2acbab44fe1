"""What a function takes and returns."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from externref_build.bindings.python.runtime.failures import GuestFault
from externref_build.bindings.python.runtime.values import _U32, _Reference, _shown, _Type

if TYPE_CHECKING:
    from externref_build.bindings.python.runtime.guests import _Guest


class _Signature:
    """What a function takes and returns, and how that is spelled in core values."""

    def __init__(
        self,
        label: str,
        params: Mapping[str, _Type],
        result: _Type | None = None,
        fallible: bool = False,
        fails_in_place: bool = False,
    ) -> None:
        self.label, self.names, self.params = label, tuple(params), tuple(params.values())
        self.result, self.fallible = result, fallible
        self.fails_in_place = fails_in_place
        """Whether it is an import, which has one more core parameter: where the message of an error goes."""
        self.is_direct = all(param.is_plain or isinstance(param, _Reference) for param in self.params)
        """Whether the arguments are core values themselves, as long as they are right."""
        self.is_result_direct = not fails_in_place and (result is None or result.is_plain or result.letters == "r")
        """Whether the result of a function of the host is its core value, as long as it is right."""
        ends = list(itertools.accumulate((len(param.letters) for param in self.params), initial=0))
        self.lifts = [
            (param.lift, slice(start, end)) for param, start, end in zip(self.params, ends, ends[1:], strict=False)
        ]
        """What makes a value of each parameter's core values, and which those are."""
        references = [(index, param) for index, param in enumerate(self.params) if isinstance(param, _Reference)]
        self.nulls = [index for index, param in references if param.refuses_null]
        self.kinds = [(index, param.accepted) for index, param in references if param.is_checked]

    def suits(self, args: Sequence[Any]) -> bool:
        """Whether the references among the arguments of a direct signature are right."""
        return all(args[index] is not None for index in self.nulls) and all(
            isinstance(args[index], accepted) for index, accepted in self.kinds
        )

    def letters(self, lifted: bool = False) -> str:
        return "".join(param.lifted if lifted else param.letters for param in self.params)

    def result_letters(self, lifted: bool = False) -> str:
        if self.result is None:
            return ""
        letters = self.result.lifted if lifted else self.result.letters
        return "Q" if letters == "II" else letters

    def lower(self, guest: _Guest, args: Sequence[Any]) -> list[Any]:
        """Return the core values of a call's arguments. Nothing is in the guest's memory before all are checked."""
        core: list[Any] = []
        for param, value in zip(self.params, self.prepare(args), strict=True):
            core += param.lower(guest, value)
        return core

    def prepare(self, args: Sequence[Any]) -> list[Any]:
        """Check the arguments, and encode them. Raises what `_Type.prepare` raises, with the name of the parameter."""
        prepared: list[Any] = []
        try:
            for param, arg in zip(self.params, args, strict=True):
                prepared.append(param.prepare(arg))
        except (TypeError, OverflowError, ValueError) as error:
            raise type(error)(f"{self.label}: {self.names[len(prepared)]} is {error}") from None
        return prepared

    def lift(self, guest: _Guest, core: Sequence[Any]) -> list[Any]:
        """Return the arguments of a call that the guest makes."""
        args: list[Any] = []
        try:
            for lift, place in self.lifts:
                args.append(lift(guest, *core[place]))
        except GuestFault as error:
            raise GuestFault(f"the plugin called {self.label}: {self.names[len(args)]} is {error}") from None
        return args

    def lower_result(self, guest: _Guest, value: Any) -> Any:
        """Return the core value of what a function of the host returned."""
        if self.result is None:
            if value is not None:
                raise TypeError(f"{self.label} of the host returned {_shown(value)}, expected None")
            return None
        try:
            prepared = self.result.prepare(value)
        except (TypeError, OverflowError, ValueError) as error:
            raise type(error)(f"{self.label} of the host returned {error}") from None
        core = self.result.lower(guest, prepared)
        return core[0] if len(core) == 1 else core[0] | core[1] << 32

    def lift_result(self, guest: _Guest, core: Any) -> Any:
        """Return the value of what the guest returned."""
        if self.result is None:
            return None
        values = (core & 0xFFFF_FFFF, core >> 32) if self.result.letters == "II" else (core,)
        try:
            return self.result.lift(guest, *values)
        except GuestFault as error:
            raise GuestFault(f"{self.label} returned {error}") from None


def _numbers(count: int) -> dict[str, _Type]:
    """Return so many parameters that are plain numbers."""
    return dict.fromkeys(map(str, range(count)), _U32)
