"""What a host provides to a guest, looked at before the start."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from externref_build.bindings.python.runtime.guests import _Guest
from externref_build.bindings.python.runtime.probe import _C
from externref_build.bindings.python.runtime.public import _PublicGuest
from externref_build.bindings.python.runtime.traps import _Limits
from externref_build.bindings.python.runtime.unchecked import _RawGuest
from externref_build.bindings.python.runtime.values import _shown


def _check_host(name: str, host: object, methods: Mapping[str, int]) -> None:
    """Raise TypeError unless a host has each method, for that many arguments."""
    found = {method: getattr(host, method, None) for method in methods}
    problems = [problem for method, count in methods.items() for problem in _misfits(method, found[method], count)]
    if problems and isinstance(host, type):
        problems.append("it is a class, expected an object")
    if problems:
        raise TypeError(f"{_shown(host)} is no host for `{name}`: {'; '.join(problems)}")


def _misfits(name: str, function: object, count: int) -> Iterator[str]:
    """Yield what is wrong with a function that is to take that many arguments."""
    if not callable(function):
        yield f"{name} is missing" if function is None else f"{name} is {_shown(function)}, expected a function"
        return
    if inspect.iscoroutinefunction(function):
        yield f"{name} is a coroutine function, and a plugin cannot wait for one"
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        yield f"{name}{inspect.signature(function)} does not take {count} argument{'s' * (count != 1)}"
    except ValueError:  # written in C, without a signature
        return


class _Objects:
    """Objects of the host that a guest may use, by name: what was allowed, and of that what the guest declares."""

    def __init__(
        self,
        name: str,
        allowed: Mapping[str, Any],
        classes: Sequence[str],
        others: Sequence[str],
        functions: Mapping[str, int],
    ) -> None:
        wanted = (*classes, *others, *functions)
        if not isinstance(allowed, Mapping):
            raise TypeError(f"`{name}` is {_shown(allowed)}, expected a dictionary with {', '.join(wanted)}")
        missing = [key for key in wanted if key not in allowed]
        if missing:
            raise TypeError(f"`{name}` lacks {', '.join(missing)}, which the plugin uses")
        for key in classes:
            if not isinstance(allowed[key], type):
                raise TypeError(f"`{name}` has {_shown(allowed[key])} for {key}, expected a class")
        problems = [problem for key, count in functions.items() for problem in _misfits(key, allowed[key], count)]
        if problems:
            raise TypeError(f"`{name}` does not fit: {'; '.join(problems)}")
        self.allowed = allowed

    def member(self, kind: str, owner: str, name: str, *, answers: bool = True) -> Callable[..., Any]:
        """Return a function that uses a member; ``this`` is its first argument, and of the class `owner`.

        What it returns is passed over unless it `answers`: the plugin may not ask for it.
        """
        assert not name.startswith("_"), "refused when the bindings were made"
        value = self.allowed[owner or name]
        if kind == "constructor":
            constructor: Callable[..., Any] = value
            return constructor
        if kind == "global":
            return lambda: self.allowed[name]
        if kind == "method":
            if answers:
                return lambda this, *args: getattr(this, name)(*args)
            return _silent(lambda this, *args: getattr(this, name)(*args))
        if kind == "get":
            return lambda this: getattr(this, name)
        if kind == "set":
            return lambda this, new: setattr(this, name, new)
        # A class has also what its metaclass has, which is not meant.
        if not (any(name in vars(base) for base in value.__mro__) if isinstance(value, type) else hasattr(value, name)):
            raise TypeError(f"{_shown(value)} has no {name}, which the plugin calls")
        return getattr(value, name) if answers else _silent(getattr(value, name))


def _silent(function: Callable[..., Any]) -> Callable[..., None]:
    def call(*args: Any) -> None:
        function(*args)

    return call


def _guest(file: str, limits: _Limits) -> _Guest:
    """Make the instance of the module in a file beside this one."""
    return (_PublicGuest if _C is None else _RawGuest)(file, limits)
