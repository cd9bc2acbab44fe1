"""Client classes: plain C++ declarations of host objects in ``namespace client``, bound to imports.

1. The compiler preprocesses a source, and dumps the syntax tree of the namespace (`syntax`).
2. The declarations become imports with conventional names; what cannot be bound is a diagnostic (`declarations`).
3. The preprocessed source, in which each root class gets one word, the reference, is what is compiled (`shadow`).
4. A C source defines every member by its symbol, over the imports (`glue`).

To C++, an object is a word in memory; a pointer or reference is its address, null is a null pointer.
"""
