"""Pong in the browser: a page with the game, and a server for it."""
