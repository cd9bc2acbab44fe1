"""Drivers of the guests' toolchains: find the toolchain, run it, find the module that it made."""
