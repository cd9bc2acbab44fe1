"""Typed hosts for a processed module: what it imports and exports, as code in the language of its host."""
