"""Write the imports of a module in groups, as ``wasm-opt --all-features`` does (proposal compact-import-section)."""

from __future__ import annotations

from itertools import groupby

from externref_build.wasm.decoding import decode_module
from externref_build.wasm.leb128 import encode_name, encode_unsigned
from externref_build.wasm.module import ONE_MODULE, ONE_TYPE, Import
from externref_build.wasm.sections import IMPORT


def compact(data: bytes, encoding: int) -> bytes:
    """Group neighbouring imports of one module, or of one module and one type, where a group has more than one."""
    module = decode_module(data)
    old = module.section(IMPORT)
    assert old
    assert not module.import_groups

    def described(entry: Import) -> bytes:
        return data[entry.type_start - 1 : entry.type_end]

    def key(entry: Import) -> tuple[str, bytes]:
        return entry.module, described(entry) if encoding == ONE_TYPE else b""

    entries = []
    for (origin, shared), found in groupby(module.imports, key=key):
        members = list(found)
        if len(members) == 1:
            entries.append(data[members[0].start : members[0].end])
        else:
            names = [encode_name(entry.name) for entry in members]
            types = [b"" if encoding == ONE_TYPE else described(entry) for entry in members]
            items = b"".join(name + own for name, own in zip(names, types, strict=True))
            entries.append(
                encode_name(origin) + b"\0" + bytes((encoding,)) + shared + encode_unsigned(len(members)) + items
            )
    payload = encode_unsigned(len(entries)) + b"".join(entries)
    return data[: old.start] + bytes((IMPORT,)) + encode_unsigned(len(payload)) + payload + data[old.end :]


ENCODINGS = {"one module": ONE_MODULE, "one type": ONE_TYPE}
