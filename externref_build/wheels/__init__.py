"""See that a wheel is what it should be, without installing or running anything of it."""

from __future__ import annotations

from externref_build.wheels.archive import Wheel
from externref_build.wheels.bill import compare_bill
from externref_build.wheels.comparison import compare_module
from externref_build.wheels.findings import Finding, State
from externref_build.wheels.inspection import inspect_wheel

__all__ = ["Finding", "State", "Wheel", "compare_bill", "compare_module", "inspect_wheel"]
