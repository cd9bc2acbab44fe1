"""The binary format (specification, chapter 5): sections, index spaces, instructions; knows nothing of references."""
